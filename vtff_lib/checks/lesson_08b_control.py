"""The checks of lesson 08b, second part: a test for a comparison with control places."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.faults import judge_test
from vtff_lib.checks.judging import exercise

Place = tuple[int, int]
Name = Callable[[Tensor], Tensor]  # (N, 3, H, W) -> (N,)
Beyond = Callable[[Name, Tensor, Tensor, int, Place, Sequence[Place]], float]
GREY = 0.5


def cover(images: Tensor, side: int, place: Place) -> Tensor:
    """Return the images with a grey square."""
    covered = images.clone()
    covered[:, :, place[0] : place[0] + side, place[1] : place[1] + side] = GREY
    return covered


def share_of_right(before: Tensor, after: Tensor) -> Tensor:
    """Return which share of the right answers is not right any more."""
    return (before & ~after).sum() / before.sum()


def by_places(
    name: Name,
    images: Tensor,
    labels: Tensor,
    side: int,
    place: Place,
    controls: Sequence[Place],
    *,
    share: Callable[[Tensor, Tensor], Tensor] = share_of_right,
    together: Callable[[Tensor], Tensor] = torch.mean,
    piled: bool = False,
    smaller: int = 0,
    turned: bool = False,
) -> float:
    """Return how much more a square spoils at a place than at the control places.

    Args:
        name: the model.
        images: `(N, 3, H, W)`, 0 to 1.
        labels: `(N,)`.
        side: of the square.
        place: its upper left corner.
        controls: other such corners.
        share: what is counted, from the right answers before and after.
        together: what is made of the shares of the controls.
        piled: whether the first square stays while controls are covered.
        smaller: pixels by which a control square is.
        turned: whether a control's row and column are mixed up.
    """
    before = name(images) == labels
    here = cover(images, side, place)
    spoiled = share(before, name(here) == labels)
    others = []
    for spot in controls:
        corner = (spot[1], spot[0]) if turned else spot
        covered = cover(here if piled else images, side - smaller, corner)
        others.append(share(before, name(covered) == labels))
    return (spoiled - together(torch.stack(others).float())).item()


def by_faces(
    name: Name,
    images: Tensor,
    labels: Tensor,
    side: int,
    place: Place,
    controls: Sequence[Place],
) -> float:
    """Look only at faces that were named rightly, one by one."""
    gains = []
    for image, label in zip(images, labels, strict=True):
        if name(image[None])[0] == label:
            wrong = [
                float((name(cover(image[None], side, spot))[0] != label).item())
                for spot in (place, *controls)
            ]
            gains.append(wrong[0] - sum(wrong[1:]) / len(controls))
    return sum(gains) / len(gains)


def at_once(
    name: Name,
    images: Tensor,
    labels: Tensor,
    side: int,
    place: Place,
    controls: Sequence[Place],
) -> float:
    """Ask about all places in one batch."""
    kept = name(images) == labels
    some, wanted = images[kept], labels[kept]
    rows, columns = torch.arange(images.shape[2])[:, None], torch.arange(images.shape[3])
    pictures = []
    for top, left in (place, *controls):
        inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
        pictures.append(torch.where(inside, GREY, some))
    spoiled = name(torch.cat(pictures)).view(len(pictures), -1) != wanted
    rates = spoiled.double().mean(dim=1)
    return float(rates[0] - rates[1:].mean())


def painting(
    name: Name,
    images: Tensor,
    labels: Tensor,
    side: int,
    place: Place,
    controls: Sequence[Place],
) -> float:
    """Leave a square on the images."""
    told = by_places(name, images, labels, side, place, controls)
    images.copy_(cover(images, side, controls[-1]))
    return told


RIGHT: dict[str, Beyond] = {
    "place by place": by_places,
    "face by face": by_faces,
    "all places in one batch": at_once,
}
FAULTY: dict[str, Beyond] = {
    "takes one accuracy from another, so that a face that the square mends makes up for one that "
    "it spoils": partial(
        by_places, share=lambda before, after: before.float().mean() - after.float().mean()
    ),
    "divides by all faces, not by those that were named rightly": partial(
        by_places, share=lambda before, after: (before & ~after).float().mean()
    ),
    "counts faces that were named wrongly before, too": partial(
        by_places, share=lambda before, after: (~after).float().mean()
    ),
    "counts every answer that changes, from wrong to right as well": partial(
        by_places, share=lambda before, after: (before != after).sum() / before.sum()
    ),
    "leaves the first square in place while it covers a control": partial(by_places, piled=True),
    "takes the worst of the controls, not their mean": partial(by_places, together=torch.max),
    "looks at the first control alone": partial(by_places, together=lambda rates: rates[0]),
    "looks at no control": partial(by_places, together=lambda rates: rates.sum() * 0),
    "makes the control squares a pixel smaller": partial(by_places, smaller=1),
    "mixes up row and column of the controls": partial(by_places, turned=True),
    "leaves a square on the images that it was given": painting,
}


@exercise("08b", "Find the fault: beyond control places")
def fault_in_control(answer: Callable[[Beyond], Any]) -> str:
    """Check Exercise 2 of lesson 08b: a test for a controlled comparison, on right and faulty."""
    judge_test(answer, RIGHT, FAULTY)
    return (
        f"Your test passes {len(RIGHT)} right comparisons and fails {len(FAULTY)} faulty ones. "
        "Where every face is named rightly at first, some of these give the right number."
    )
