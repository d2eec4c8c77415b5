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


LBP_CODE = Answers(
    right=[horner, by_weights, by_digits],
    wrong=[
        (lambda w: horner(w, compare=torch.gt), "use ≥, not >"),
        (lambda w: horner(w, READING[::-1]), "bits are in reverse"),
        (lambda w: horner(w, compare=torch.le), "answers are turned round"),
        (lambda w: horner(w, compare=torch.lt), "bits are all turned"),
        (lambda w: horner(w, CIRCULAR), "in circular order"),
        (lambda w: horner(w.T), "column by column"),
        (nine_digits, "nine digits"),
        (by_difference, "compared in uint8"),
        (lambda w: int((w >= w[1, 1]).sum()) - 1, "counted the ones"),
        (lambda w: f"{horner(w):08b}", "the text '10001101'"),
        (lambda w: w >= w[1, 1], "one code, a whole number"),
        (lambda w: 141, "bound to one window"),
        (lambda w: 0, "has the code 141; yours is 0"),
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


LBP_IN_CIRCULAR_ORDER = Answers(
    right=[by_bits, by_table, one_by_one],
    wrong=[
        (lambda codes: codes, "Nothing has moved"),
        (lambda codes: by_bits(codes, CIRCULAR, READING), "translated the other way"),
        (backwards, "reversed the eight bits"),
        (lambda codes: by_bits(codes, first=0), "of the given code from the low end"),
        (lambda codes: by_bits(codes, new=0), "bit number k of the new code at the low end"),
        (lambda codes: by_bits(codes, first=0, new=0), "from the low end in both codes"),
        (lambda codes: order_table("reading", "circular")[codes], "for a mask"),
        (lambda codes: by_table(codes).flatten(), "should have shape (2, 8, 16)"),
        (lambda codes: codes * 0, "becomes 8 and 141 becomes 169"),
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
    return ((windows >= windows[..., 1:2, 1:2]) * weights).sum(dim=(-2, -1)).float()


def by_rolling_a_larger_image(image: Tensor) -> Tensor:
    padded = F.pad(image, (1, 1, 1, 1))
    bits = [
        padded.roll((-row, -column), (-2, -1))[..., 1:-1, 1:-1] >= image for row, column in READING
    ]
    return sum(bit.long() << (7 - k) for k, bit in enumerate(bits))


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
    return torch.tensor(codes).reshape(image.shape)


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


LBP_OF_IMAGE = Answers(
    right=[by_shifts, by_unfolding, by_rolling_a_larger_image, local_binary_pattern],
    wrong=[
        (lambda image: by_shifts(image, compare=torch.gt), "use ≥, not >"),
        (by_rolling, "torch.roll wraps around"),
        (edge_repeated, "repeat the pixels of the edge"),
        (lambda image: by_shifts(image)[..., 1:-1, 1:-1], "the outermost ring is missing"),
        (ring_left_out, "outermost ring are all 0"),
        (lambda image: by_shifts(image, [(-i, -j) for i, j in READING]), "point-mirrored"),
        (lambda image: by_shifts(image, CIRCULAR), "in circular order"),
        (lambda image: by_shifts(image, [(j, i) for i, j in READING]), "column by column"),
        (lambda image: by_shifts(image, compare=torch.le), "answers are turned round"),
        (wrapped, "compared in uint8"),
        (first_dimensions, "the last two dimensions"),
        (lambda image: by_shifts(image.byte()), "is not. Compare its values"),
        (by_pixels, "as a loop over pixels does"),
        (lambda image: image * 0, "has the window"),
    ],
)

LIGHT_THAT_LEAVES_CODES = Answers(
    right=[{"A", "B", "D", "H"}, ["h", "d", "b", "a"], "ABDH", "a, b, d, h"],
    wrong=[
        ({"B", "D", "H"}, "A stays"),
        ({"A", "D", "H"}, "B stays"),
        ({"A", "B", "C", "D", "H"}, "C does not stay"),
        ({"A", "B", "H"}, "D stays"),
        ("ABDEH", "E does not stay"),
        ("ABDFH", "F does not stay"),
        ("ABDGH", "G does not stay"),
        ("ABD", "H stays"),
        (set(), "You chose none"),
        ({"Z"}, "not among the letters"),
        (4, "Give the letters"),
    ],
)


def by_bincount(codes: Tensor) -> Tensor:
    counts = [each.flatten().bincount(minlength=256) for each in codes]
    return torch.stack(counts) / codes[0].numel()


def by_one_hot(codes: Tensor) -> Tensor:
    return F.one_hot(codes.long(), 256).double().mean(dim=(1, 2))


def by_histc(codes: Tensor) -> Tensor:
    return torch.stack(
        [torch.histc(each.float(), 256, min=0, max=256) / each.numel() for each in codes]
    )


def stretched(codes: Tensor) -> Tensor:
    return torch.stack([torch.histc(each.float(), 256) for each in codes])


def to_its_peak(codes: Tensor) -> Tensor:
    shares = by_bincount(codes)
    return shares / shares.amax(1, keepdim=True)


LBP_HISTOGRAM = Answers(
    right=[by_bincount, by_one_hot, by_histc],
    wrong=[
        (lambda codes: by_bincount(codes) * codes[0].numel(), "These are counts"),
        (lambda codes: by_bincount(codes) / 2, "sums to 1/2"),
        (lambda codes: by_bincount(codes) * codes[0].numel() / 256, "divided by 256"),
        (to_its_peak, "fullest bin to 1"),
        (lambda codes: by_bincount(codes).mean(0), "one histogram of all images"),
        (lambda codes: by_bincount(codes)[:, :255], "You have 255 bins"),
        (lambda codes: torch.stack([each.flatten().bincount() for each in codes]), "`minlength`"),
        (lambda codes: stretched(codes) / codes[0].numel(), "the same bin means another code"),
        (stretched, "and they hold counts"),
        (lambda codes: by_bincount(codes).T, "should have shape (2, 256)"),
        (lambda codes: by_bincount(codes).roll(1, dims=1), "Code 31 has the share"),
    ],
)  # fmt: skip


def changes(code: int, digits: str = "", wrap: bool = True) -> int:
    digits = digits or f"{code:08b}"
    following = digits[1:] + digits[:1] * wrap
    return sum(a != b for a, b in zip(digits, following, strict=False))


def by_exclusive_or(code: int) -> int:
    turned = (code >> 1) | ((code & 1) << 7)
    return (code ^ turned).bit_count()


def by_tensor(code: int) -> Tensor:
    bits = (torch.tensor(code) >> torch.arange(8)) & 1
    return (bits != bits.roll(1)).sum()


LBP_TRANSITIONS = Answers(
    right=[changes, by_exclusive_or, by_tensor],
    wrong=[
        (lambda code: changes(code, wrap=False), "along a line"),
        (lambda code: changes(code) // 2, "from 0 to 1 alone"),
        (lambda code: changes(code, f"{code:b}"), "bin(14) is 0b1110"),
        (lambda code: changes(code, f"{code:b}", wrap=False), "a line instead of a circle"),
        (lambda code: changes(int(by_table(torch.tensor(code)))), "codes in reading order"),
        (lambda code: changes(code) <= 2, "at most two changes"),
        (lambda code: code.bit_count(), "count the ones"),
        (lambda code: 2, "01010101 has 8"),
    ],
)

ANSWERS = {
    "lbp_code": LBP_CODE,
    "lbp_in_circular_order": LBP_IN_CIRCULAR_ORDER,
    "lbp_of_image": LBP_OF_IMAGE,
    "light_that_leaves_codes": LIGHT_THAT_LEAVES_CODES,
    "lbp_histogram": LBP_HISTOGRAM,
    "lbp_transitions": LBP_TRANSITIONS,
}
EQUAL: dict = {}
