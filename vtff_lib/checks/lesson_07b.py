"""The checks of lesson 07b, first part: is a model as sure as it should be?"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.judging import Either, bound, call, exercise, judge, number, require

Gap = Callable[[Tensor, Tensor], Tensor]  # of a bin, from its confidences and what was right


@exercise("07b", "The expected calibration error")
def expected_calibration_error(answer: Callable[[Tensor, Tensor, int], float]) -> str:
    """Check Exercise 1 of lesson 07b: gaps of bins, weighted by their images."""
    confidence = torch.tensor([0.25, 0.35, 0.45, 0.5, 0.55, 0.5, 0.8, 0.85, 0.9, 0.95, 1.0])
    right = torch.tensor([0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 1]).bool()
    for bins in (4, 8):  # edges that float32 has exactly; with 8, bins are empty
        given, given_right = confidence.clone(), right.clone()
        error = number(
            call(bound(answer, given, given_right), bins), f"The error of {len(right)} images"
        )
        require(
            torch.equal(given, confidence) and torch.equal(given_right, right),
            "You changed a tensor that you were given; make new ones.",
        )
        require(error == error, "It is no number: an empty bin has no mean, so leave it out.")
        wanted = binned(confidence, right, bins)
        words = (
            f"Of {len(right)} images in {bins} bins the error should be {wanted:.4f}; yours is "
            f"{error:.4f}."
        )
        judge(error, wanted, mistakes_in(confidence, right, bins), words)
    return (
        "Gaps above and below the diagonal count alike. The error of a finite sample is never "
        "quite 0, though: with fewer images a bin, chance alone makes wider gaps."
    )


def gap_of(confidence: Tensor, right: Tensor) -> Tensor:
    """Return how much more often a bin is right than it says."""
    return right.double().mean() - confidence.double().mean()


def bin_of(confidence: Tensor, bins: int, below: bool = True) -> Tensor:
    """Return the bin of each confidence; on an edge, the one below or above it."""
    return (confidence * bins).ceil().long() - 1 if below else (confidence * bins).floor().long()


def binned(confidence: Tensor, right: Tensor, bins: int, below: bool = True) -> float:
    """Return the expected calibration error."""
    of_bins = gaps(confidence, right, bin_of(confidence, bins, below))
    return sum(images * abs(gap) for images, gap in of_bins) / len(right)


def gaps(confidence: Tensor, right: Tensor, place: Tensor) -> list[tuple[int, float]]:
    """Return images and gap of each bin that has any."""
    inside = [place == each for each in place.unique()]
    return [(int(some.sum()), gap_of(confidence[some], right[some]).item()) for some in inside]


def mistakes_in(confidence: Tensor, right: Tensor, bins: int) -> dict[str, Any]:
    """Return the words for each likely mistake, and what it gives."""
    place, count = bin_of(confidence, bins), len(right)
    of_bins = gaps(confidence, right, place)
    middles = (place + 0.5) / bins
    to_last = bin_of(confidence, bins, below=False).clamp_max(bins - 1)
    above = sum(n * abs(gap) for n, gap in gaps(confidence, right, to_last)) / count
    plain = sum(abs(gap) for _, gap in of_bins)
    return {
        "Your bins count alike; weight each gap by the share of the images in its bin.": Either(
            (plain / len(of_bins), plain / bins)
        ),
        "You added the gaps up; weight each by the share of the images in its bin.": plain,
        "Gaps of different signs cancelled out: take the absolute value bin by bin.": Either(
            (gap_of(confidence, right).item(), -gap_of(confidence, right).item())
        ),
        "You compared each image with itself; first take means over a bin.": (
            (right.double() - confidence.double()).abs().mean().item()
        ),
        "You took the widest gap, which is the *maximum* calibration error.": max(
            abs(gap) for _, gap in of_bins
        ),
        "You squared the gaps; their absolute values were asked for.": Either(
            (
                sum(n * gap**2 for n, gap in of_bins) / count,
                (sum(n * gap**2 for n, gap in of_bins) / count) ** 0.5,
            )
        ),
        "A confidence on an edge belongs to the bin below it; yours went to the bin above.": (
            Either((above, binned(confidence, right, bins, below=False)))
        ),
        "You took the middle of a bin for its confidence; take the mean of what is in it.": (
            sum(n * abs(gap) for n, gap in gaps(middles, right, place)) / count
        ),
        "You divided by the number of bins; the images of a bin are a share of all images.": (
            Either(
                (
                    sum(n * abs(gap) for n, gap in of_bins) / bins,
                    sum(n * abs(gap) for n, gap in of_bins) / count / bins,
                )
            )
        ),
    }
