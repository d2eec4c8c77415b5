"""What lesson 01, local binary patterns, is held to."""

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.lessons import Answers
from vtff_lib.lbp import OFFSETS, local_binary_pattern, order_table

READING, CIRCULAR = OFFSETS["reading"], OFFSETS["circular"]


def horner(window: Tensor, places=READING, compare=torch.ge) -> int:
    code = 0
    for row, column in places:
        code = 2 * code + int(compare(window[1 + row, 1 + column], window[1, 1]))
    return code


def by_weights(window: Tensor) -> Tensor:
    weights = torch.tensor([[128, 64, 32], [16, 0, 8], [4, 2, 1]])
    return ((window >= window[1, 1]) * weights).sum()


def by_digits(window: Tensor) -> int:
    digits = ["1" if value >= window[1, 1] else "0" for value in window.flatten()]
    return int("".join(digits[:4] + digits[5:]), base=2)


def nine_digits(window: Tensor) -> int:
    return int("".join("1" if value >= window[1, 1] else "0" for value in window.flatten()), 2)


def by_difference(window: Tensor) -> int:
    zero = torch.zeros_like(window[1, 1])
    return horner(window - window[1, 1], compare=lambda difference, _: difference >= zero)


def without_first_equal(window: Tensor) -> int:
    values = window.flatten().tolist()
    values.remove(centre := values[4])
    return int("".join(str(int(value >= centre)) for value in values), 2)


def scaled(window: Tensor) -> Tensor:
    return (window - window.min()) / (window.max() - window.min())


def at_least_or_close(neighbour: Tensor, centre: Tensor) -> Tensor:
    return (neighbour > centre) | torch.isclose(neighbour, centre)


def wrapped_and_greater(window: Tensor) -> int:
    zero = torch.zeros_like(window[1, 1])
    return horner(window - window[1, 1], compare=lambda difference, _: difference > zero)


LBP_CODE = Answers(
    right=[horner, by_weights, by_digits],
    wrong=[
        (lambda w: horner(w, compare=torch.gt), "use ≥, not >"),
        (lambda w: horner(w, READING[::-1]), "bits are in reverse"),
        (lambda w: horner(w, compare=torch.le), "answers are the wrong way about"),
        (lambda w: horner(w, compare=torch.lt), "your bits is the opposite"),
        (lambda w: horner(w, CIRCULAR), "in circular order"),
        (lambda w: horner(w.T), "column by column"),
        (nine_digits, "nine digits"),
        (by_difference, "every difference is ≥ 0"),
        (wrapped_and_greater, "wherever two values are not equal"),
        (lambda w: int((w >= w[1, 1]).sum()) - 1, "count the ones"),
        (lambda w: f"{horner(w):08b}", "int(digits, base=2)"),
        (lambda w: str(horner(w)), "Return the number itself"),
        (lambda w: w >= w[1, 1], "one code, a whole number"),
        (lambda w: 141, "Those tried before it, 1 of them, are right"),
        (lambda w: 0, "has the code 141, 10001101 in binary; yours is 0"),
        (lambda w: horner(w.int()), "fractions are cut off"),
        (lambda w: horner(w.to(torch.uint8)), "turned into bytes first"),
        (without_first_equal, "first value that equals the centre"),
        (lambda w: horner(scaled(w)), "which is no number"),
        (lambda w: horner(w.T, compare=torch.gt), "Two things at once"),
        (lambda w: horner(w.double(), compare=at_least_or_close), "smaller by a hair"),
    ],
)


def by_bits(codes: Tensor, source=READING, target=CIRCULAR, first: int = 7, new: int = 7) -> Tensor:
    translated = torch.zeros_like(codes)
    for k, place in enumerate(target):
        bit = (codes >> abs(first - source.index(place))) & 1
        translated |= bit << abs(new - k)
    return translated


def by_table(codes: Tensor) -> Tensor:
    return order_table("reading", "circular")[codes.long()]


def one_by_one(codes: Tensor) -> Tensor:
    translated = []
    for code in codes.flatten().tolist():
        answers = dict(zip(READING, f"{code:08b}", strict=True))
        translated.append(int("".join(answers[place] for place in CIRCULAR), base=2))
    return torch.tensor(translated).reshape(codes.shape)


def backwards(codes: Tensor) -> Tensor:
    return sum(((codes >> k) & 1) << (7 - k) for k in range(8))


def two_swapped(codes: Tensor) -> Tensor:
    swapped = codes & 0b11111100 | (codes & 1) << 1 | (codes & 2) >> 1
    return by_bits(swapped)


LBP_IN_CIRCULAR_ORDER = Answers(
    right=[by_bits, by_table, lambda codes: one_by_one(codes).byte()],
    wrong=[
        (lambda codes: codes, "Nothing has moved"),
        (lambda codes: by_bits(codes, CIRCULAR, READING), "translated the other way"),
        (backwards, "reversed the eight bits"),
        (lambda codes: by_bits(codes, first=0), "of the given code from the low end"),
        (lambda codes: by_bits(codes, new=0), "bit number k of the new code at the low end"),
        (lambda codes: by_bits(codes, first=0, new=0), "from the low end in both codes"),
        (lambda codes: order_table("reading", "circular")[codes], "for a mask"),
        (lambda codes: by_table(codes).flatten(), "should have shape (2, 8, 16)"),
        (lambda codes: codes * 0, "The code 128 has a 1 for one neighbour alone"),
        (two_swapped, "The code 2 has a 1 for one neighbour alone"),
        (lambda codes: by_bits(codes) - (codes == 255).byte(), "Each neighbour alone is right"),
        (one_by_one, "should be uint8, and yours is int64"),
        (lambda codes: by_bits(codes).to(torch.int8), "int8 ends there"),
        (lambda codes: by_bits(codes, target=[(-i, j) for i, j in CIRCULAR]), "runs clockwise"),
    ],
)


def by_shifts(image: Tensor, places=READING, compare=torch.ge, pad=F.pad) -> Tensor:
    height, width = image.shape[-2:]
    padded = pad(image, (1, 1, 1, 1))
    codes = torch.zeros(image.shape, dtype=torch.uint8)
    for row, column in places:
        neighbours = padded[..., 1 + row : 1 + row + height, 1 + column : 1 + column + width]
        codes = 2 * codes + compare(neighbours, image)
    return codes  # fmt: skip


def by_unfolding(image: Tensor) -> Tensor:
    windows = F.pad(image, (1, 1, 1, 1)).unfold(-2, 3, 1).unfold(-2, 3, 1)
    weights = torch.tensor([[128, 64, 32], [16, 0, 8], [4, 2, 1]])
    return ((windows >= windows[..., 1:2, 1:2]) * weights).sum(dim=(-2, -1)).byte()


def by_rolling_a_larger_image(image: Tensor) -> Tensor:
    padded = F.pad(image, (1, 1, 1, 1))
    bits = [
        padded.roll((-row, -column), (-2, -1))[..., 1:-1, 1:-1] >= image for row, column in READING
    ]
    return sum(bit.byte() << (7 - k) for k, bit in enumerate(bits))


def by_rolling(image: Tensor) -> Tensor:
    bits = [image.roll((-row, -column), (-2, -1)) >= image for row, column in READING]
    return sum(bit.long() << (7 - k) for k, bit in enumerate(bits))


def by_pixels(image: Tensor) -> Tensor:
    pictures = F.pad(image, (1, 1, 1, 1)).reshape(-1, image.shape[-2] + 2, image.shape[-1] + 2)
    codes = [
        [
            [horner(p[i : i + 3, j : j + 3]) for j in range(p.shape[1] - 2)]
            for i in range(len(p) - 2)
        ]
        for p in pictures
    ]
    return torch.tensor(codes, dtype=torch.uint8).reshape(image.shape)


def by_lists(image: Tensor) -> Tensor:
    lead, (height, width) = image.shape[:-2], image.shape[-2:]
    codes = []
    for picture in F.pad(image, (1, 1, 1, 1)).reshape(-1, height + 2, width + 2).tolist():
        for row in range(1, height + 1):
            for column in range(1, width + 1):
                code = 0
                for i, j in READING:
                    bit = picture[row + i][column + j] >= picture[row][column]
                    code = 2 * code + int(bit)
                codes.append(code)
    return torch.tensor(codes, dtype=torch.uint8).reshape(*lead, height, width)


def ring_left_out(image: Tensor) -> Tensor:
    return F.pad(by_shifts(image)[..., 1:-1, 1:-1], (1, 1, 1, 1))


def edge_repeated(image: Tensor) -> Tensor:
    def pad(image: Tensor, widths: tuple[int, ...]) -> Tensor:
        lead = image.shape[:-2]
        flat = image.reshape(1, -1, *image.shape[-2:]).float()
        return F.pad(flat, widths, mode="replicate").reshape(
            *lead, image.shape[-2] + 2, image.shape[-1] + 2
        )

    return by_shifts(image, pad=pad)


def wrapped(image: Tensor) -> Tensor:
    def compare(neighbours: Tensor, centres: Tensor) -> Tensor:
        return neighbours - centres >= 0

    return by_shifts(image, compare=compare)


def first_dimensions(image: Tensor) -> Tensor:
    height, width = image.shape[:2]
    padded = F.pad(image.movedim((0, 1), (-2, -1)), (1, 1, 1, 1)).movedim((-2, -1), (0, 1))
    codes = torch.zeros(image.shape, dtype=torch.uint8)
    for row, column in READING:
        codes = 2 * codes + (padded[1 + row :, 1 + column :][:height, :width] >= image)
    return codes


def in_place(image: Tensor) -> Tensor:
    codes = by_shifts(image)
    image *= 0
    return codes


def with_views(image: Tensor) -> Tensor:
    flat = image.view(-1, *image.shape[-2:])
    return by_shifts(flat).view(image.shape)


def of_mean(image: Tensor) -> Tensor:
    if image.ndim < 3:
        return by_shifts(image)
    return by_shifts(image.double().mean(dim=-3, keepdim=True)).expand(image.shape)


LBP_OF_IMAGE = Answers(
    right=[by_shifts, by_unfolding, by_rolling_a_larger_image, local_binary_pattern],
    wrong=[
        (lambda image: by_shifts(image, compare=torch.gt), "use ≥, not >"),
        (by_rolling, "torch.roll wraps around"),
        (edge_repeated, "repeat the pixels of the edge"),
        (lambda image: by_shifts(image)[..., 1:-1, 1:-1], "the outermost ring is missing"),
        (ring_left_out, "outermost ring are all 0"),
        (lambda image: by_shifts(image, [(-i, -j) for i, j in READING]), "bits are in reverse"),
        (lambda image: by_shifts(image, CIRCULAR), "in circular order"),
        (lambda image: by_shifts(image, [(j, i) for i, j in READING]), "column by column"),
        (lambda image: by_shifts(image, compare=torch.le), "answers are the wrong way about"),
        (wrapped, "every difference is ≥ 0"),
        (first_dimensions, "the last two dimensions"),
        (lambda image: by_shifts(image.int()), "fractions are cut off"),
        (lambda image: by_shifts((255 * image).round() if image.is_floating_point() else image),
         "rounded to 256 levels"),
        (lambda image: by_shifts(image - image.min()), "its smallest value, not 0"),
        (lambda image: by_shifts(image, pad=lambda x, w: F.pad(x, w, value=1)), "you put 1"),
        (lambda image: by_shifts(image).float(), "Every number is right, but"),
        (lambda image: by_shifts(image.half()), "turned into float16"),
        (lambda image: by_shifts(image, compare=at_least_or_close), "smaller by a hair"),
        (lambda image: by_shifts(image, [(i, -j) for i, j in READING]), "Left and right"),
        (lambda image: by_shifts(image, CIRCULAR, torch.gt), "Two things at once"),
        (by_pixels, "as a loop over pixels does"),
        (by_lists, "as a loop over pixels does"),
        (in_place, "another one afterwards"),
        (with_views, "use `reshape`, not `view`"),
        (of_mean, "the codes of their mean"),
        (lambda image: image * 0, "has the window"),
    ],
)  # fmt: skip

LIGHT_THAT_LEAVES_CODES = Answers(
    right=[{"A", "B", "D", "H"}, ["h", "d", "b", "a"], "ABDH", "a, b, d, h"],
    wrong=[
        ({"B", "D", "H"}, "A stays: in an image of dice"),
        ({"A", "D", "H"}, "B stays: in an image of dice"),
        ({"A", "B", "C", "D", "H"}, "C does not stay. Can two values that differ both become 1"),
        ({"A", "B", "H"}, "D stays: in an image of dice"),
        ("ABDEH", "afterwards they are 0.086 and 0.855"),
        ("ABDFH", "Can rounding to whole steps"),
        ("ABDGH", "Is it a function of the value alone"),
        ("ABD", "H stays: in an image of dice"),
        (set(), "You chose none"),
        ({"Z"}, "not among the letters"),
        (4, "Give the letters"),
    ],
)


def against_the_library(lbp, chosen=lambda image: image) -> None:
    steps = torch.randint(-2, 3, (2, 3, 6, 5))
    for image in (steps.float(), steps / 5000, (steps % 3 * 100).byte()):
        torch.testing.assert_close(lbp(image), local_binary_pattern(chosen(image)))


def by_hand(lbp) -> bool:
    """Windows whose codes are told by the loop, in a batch."""
    steps = torch.randint(-3, 4, (20, 3, 4, 3))
    for images in (steps / 7000, steps.double(), torch.tensor([90, 100, 200])[steps % 3].byte()):
        padded = F.pad(images, (1, 1, 1, 1))
        codes = lbp(images)
        for n in range(20):
            row, column, channel = n % 4, n % 3, n % 3
            window = padded[n, channel, row : row + 3, column : column + 3]
            if codes[n, channel, row, column] != horner(window):
                return False
    return True


def one_photo(lbp) -> None:
    photo = torch.randint(0, 256, (1, 3, 40, 40), dtype=torch.uint8)
    assert torch.equal(lbp(photo), local_binary_pattern(photo))


def worked_example(lbp) -> None:
    assert lbp(torch.tensor([[120, 42, 88], [37, 90, 103], [91, 65, 200]]))[1, 1] == 141


def inside_of_fractions(lbp) -> None:
    image = torch.rand(2, 3, 30, 30) * 0.01
    right = local_binary_pattern(image)[..., 1:-1, 1:-1]
    assert torch.equal(lbp(image)[..., 1:-1, 1:-1], right)


def also_in_circular_order(lbp) -> None:
    image = torch.rand(2, 3, 30, 30)
    assert torch.equal(lbp(image), local_binary_pattern(image, order="circular"))


def of_few_levels(lbp) -> None:
    image = torch.randint(0, 4, (2, 3, 9, 9), dtype=torch.uint8)
    assert torch.equal(lbp(image), local_binary_pattern(image))


def without_negatives(lbp) -> None:
    against_the_library(lambda image: lbp(image.abs()), lambda image: image.abs())


def in_one_channel(lbp) -> None:
    against_the_library(lambda image: lbp(image[0, 0]), lambda image: image[0, 0])


FAULT_IN_LBP = Answers(
    right=[against_the_library, by_hand],
    wrong=[
        (worked_example, "one that stands in the cell above"),
        (inside_of_fractions, "asks `>` in place of `≥`"),
        (also_in_circular_order, "rejects a version that is right"),
        (lambda lbp: (inside_of_fractions(lbp), of_few_levels(lbp)), "bytes for signed ones"),
        (without_negatives, "negative numbers for 0"),
        (in_one_channel, "the codes of their mean"),
        (lambda lbp: lbp([[1, 2], [3, 4]]), "it raised AttributeError"),
    ],
)

ANSWERS = {
    "lbp_code": LBP_CODE,
    "lbp_in_circular_order": LBP_IN_CIRCULAR_ORDER,
    "lbp_of_image": LBP_OF_IMAGE,
    "light_that_leaves_codes": LIGHT_THAT_LEAVES_CODES,
    "fault_in_lbp": FAULT_IN_LBP,
}
EQUAL: dict = {}
