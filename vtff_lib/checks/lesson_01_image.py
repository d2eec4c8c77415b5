"""The checks of lesson 01, second part: the codes of whole images."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.checks.judging import (
    REMARKS,
    Wrong,
    call,
    close,
    exercise,
    require,
    require_tensor,
)
from vtff_lib.checks.lesson_01_slips import codes_of, require_bytes, shown, slip_that_gives

SIZE = (40, 50)
MOST_LINES = 1500  # of Python for one image of that size, less than one for a pixel
SHAPES = {
    (3, 5): "Your codes of a (5, 7) image have shape (3, 5): the outermost ring is missing. Put a "
    "ring of zeros around the image first.",
    (7, 9): "Your codes of a (5, 7) image have shape (7, 9): the ring of zeros has codes too. Only "
    "the pixels of the image are centres.",
    (7, 5): "Rows and columns have changed places: a (5, 7) image should have (5, 7) codes.",
    (8, 5, 7): "These are the eight answers side by side. Multiply each by its worth, and add them "
    "up: one code for a pixel.",
    (5, 7, 8): "These are the eight answers side by side. Multiply each by its worth, and add them "
    "up: one code for a pixel.",
    (35,): "These are the codes in a row. Give them the shape of the image, (5, 7).",
    (): "This is one number. Each of the 35 pixels has a code of its own.",
}


def images() -> dict[str, Tensor]:
    """Return images `(H, W)` that tell slips apart, by what they are."""
    levels = torch.tensor([0, 3, 90, 127, 128, 200, 254, 255], dtype=torch.uint8)
    near = torch.tensor([0.4990, 0.4996, 0.5002, 0.5008])
    return {
        "an image of few grey levels": torch.randint(0, 5, (5, 7), dtype=torch.uint8),
        "an image of bytes up to 255": levels[torch.randint(0, 8, (6, 4))],
        "an image without any 0": torch.randint(2, 6, (4, 6), dtype=torch.uint8),
        "an image of fractions from -1.5 to 1.5": (3 * torch.rand(4, 6) - 1.5).round(decimals=1),
        "an image of fractions that differ by 0.0006": near[torch.randint(0, 4, (4, 6))],
        "an image of fractions that differ by 0.00001": 0.3 + torch.randint(0, 4, (4, 5)) / 100_000,
        "an image of fractions that hardly differ": 0.5 + torch.randint(0, 4, (4, 5)) * 2.0**-23,
        "an image of whole numbers in the thousands": torch.randint(-3, 4, (4, 5)) * 700,
        "a flat image": torch.full((4, 5), 0.25),
        "a black image": torch.zeros(3, 4, dtype=torch.uint8),
        "an image of one row": torch.tensor([[3, 1, 1, 2, 0]], dtype=torch.uint8),
        "an image of one column": torch.tensor([[3], [1], [1], [2]], dtype=torch.uint8),
        "an image of one pixel": torch.tensor([[7]], dtype=torch.uint8),
    }


@exercise("01", "The LBP view: codes of whole images, without a loop over pixels", part="my_lbp")
def lbp_of_image(answer: Callable[[Tensor], Tensor]) -> str:
    """Check Exercise 3 of lesson 01: `(..., H, W)` to codes `(..., H, W)`, zeros outside."""
    seen: dict[torch.dtype, list[tuple[Tensor, Tensor]]] = {}
    for what, image in images().items():
        size = tuple(image.shape)
        shapes = SHAPES if size == (5, 7) else {}
        what = f"The codes of {what}"
        codes = require_tensor(call(answer, image), size, what, shapes, dtype=None)
        of_this_kind = seen.setdefault(image.dtype, [])
        of_this_kind.insert(0, (codes, image))
        if not close(codes, codes_of(image)):
            named = slip_that_gives(*zip(*of_this_kind, strict=True))
            raise Wrong(named or _first_difference(codes, image))
    for (codes, _), *_ in seen.values():
        require_bytes(codes, "What you return")
    _require_each_alone(answer)
    _require_as_it_was(answer)
    lines = _lines_for(answer, torch.rand(SIZE))
    require(
        lines <= MOST_LINES,
        f"Every code is right! But an image of {SIZE[0]}×{SIZE[1]} pixels took {lines:,} lines of "
        "Python, as a loop over pixels does. Eight shifted images will do.",
    )
    _remark_on_devices(answer)
    return (
        "Right for one image and for batches, for bytes and for fractions, up to the edge, and "
        f"in {lines} lines of Python, whatever the size of the image."
    )


def _first_difference(codes: Tensor, image: Tensor) -> str:
    right = codes_of(image)
    row, column = (codes.double() != right).nonzero()[0].tolist()
    window = F.pad(image, (1, 1, 1, 1))[row : row + 3, column : column + 3]
    kind = str(image.dtype).removeprefix("torch.")
    return (
        f"In the image {shown(image)} ({kind}), the pixel at [{row}, {column}] has the window "
        f"{shown(window)} and the code {right[row, column]}, {int(right[row, column]):08b} in "
        f"binary; yours is {codes[row, column]:g}."
    )


def _require_each_alone(answer: Any) -> None:
    """Say what is wrong with several images at once; one alone is right."""
    last = "rows and columns are the last two dimensions, so index with [..., rows, columns]"
    for shape in ((2, 3, 5, 7), (3, 4, 6), (2, 1, 3, 4, 5)):
        batch = torch.randint(0, 5, shape, dtype=torch.uint8)
        right = torch.stack([codes_of(each) for each in batch.flatten(0, -3)]).view(shape)
        for images in (batch, batch.movedim(-3, -1).contiguous().movedim(-1, -3)):
            try:
                given = call(answer, images)
            except Wrong as wrong:
                strided = (
                    "These images lie in memory channels last, as they do in training: use "
                    "`reshape`, not `view`."
                )
                several = f"One image is right, but several at once are not: {last}."
                words = strided if "view size" in str(wrong) else several
                raise Wrong(f"{words} {wrong}") from None
            codes = require_tensor(given, shape, f"The codes of {shape} images", dtype=None)
            if close(codes, right):
                continue
            several = f"One image is right, but of {shape} images"
            require(
                not close(codes, codes_of_mean(images)),
                f"{several} all channels have the codes of their mean. Each channel is an image of "
                "its own.",
            )
            place = tuple((codes.double() != right).nonzero()[0].tolist())
            raise Wrong(
                f"{several} the pixel {list(place)} has the code {right[place]}, and yours is "
                f"{codes[place]:g}: {last}, and pad only those."
            )


def codes_of_mean(images: Tensor) -> Tensor:
    """Return what the codes would be if the channels were one."""
    mean = images.double().mean(dim=-3)
    codes = torch.stack([codes_of(each) for each in mean.reshape(-1, *mean.shape[-2:])])
    return codes.view(*mean.shape[:-2], 1, *mean.shape[-2:]).expand(images.shape)


def _require_as_it_was(answer: Any) -> None:
    for image in (torch.randint(2, 9, (2, 4, 5), dtype=torch.uint8), torch.rand(2, 4, 5) + 1):
        held = image.clone()
        call(lambda image=held: answer(image))
        require(
            torch.equal(held, image),
            "Every code is right, but the image that you were given is another one afterwards: "
            "something is changed in place. The RGB branch needs it as it was.",
        )


def _lines_for(answer: Any, image: Tensor) -> int:
    with _lines_counted() as count:
        call(answer, image)
    return count[0]


@contextlib.contextmanager
def _lines_counted() -> Iterator[list[int]]:
    """Count the lines of Python that are run."""
    count, before = [0], sys.gettrace()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        count[0] += event == "line"
        return trace

    sys.settrace(trace)
    try:
        yield count
    finally:
        sys.settrace(before)


class Lent(Tensor):
    """A tensor that notes what is mixed with tensors made beside it, and who asks for its device.

    So does a GPU refuse to add what lies on the CPU.
    """

    mixed = asked = False

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # fmt: skip
        """Take one step, and note what meets in it."""
        of_others = any(type(each) is Tensor and each.ndim for each in args)
        Lent.mixed |= of_others and any(isinstance(each, Lent) for each in args)
        Lent.asked |= func == Tensor.device.__get__
        return super().__torch_function__(func, types, args, kwargs or {})


def _remark_on_devices(answer: Any) -> None:
    """Remark on what works on the CPU alone."""
    Lent.mixed = Lent.asked = False
    with contextlib.suppress(Exception):
        answer(torch.zeros(2, 3, 4, 5, dtype=torch.uint8).as_subclass(Lent))
        if Lent.mixed and not Lent.asked:
            REMARKS.get().append(
                "On a GPU it would fail, for you make a tensor on the CPU: put it where the image "
                "is, with `torch.zeros_like(image, dtype=torch.uint8)` or `device=image.device`."
            )
