"""Maps that need many passes through the model: integrated gradients and occlusion. Taught in 08.

Both are computed by captum, and only laid out on the grid here.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vtff_lib.explain.heat_maps import HeatMap, as_share, check_classes
from vtff_lib.inputs import check_model, check_view, in_eval, with_gradients
from vtff_lib.refusals import check_choice, check_sizes, check_tensor
from vtff_lib.vtff import VTFF

VIEWS = ("both", "rgb", "lbp")
STEPS = 32  # of the path of integrated gradients
AT_ONCE = 64  # images in a pass, or as many as are explained


def integrated_gradients(
    model: VTFF, rgb: Tensor, classes: Tensor, steps: int = STEPS
) -> tuple[HeatMap, HeatMap]:
    """Return what each view's pixels add to the logit, summed in each cell: (RGB, LBP).

        Σ over the cell of (x - x')·∫₀¹ ∂logit/∂x (x' + α(x - x')) dα,   x' = 0

    Both views go in a straight line from nothing, an RGB of 0 and codes of 0, to what they are, as
    if they were independent; an image on that path is none that a camera made, and its codes are
    none of any image. All values together are the logit's rise over the path, but for the error of
    a sum that stands for the integral. Source: Sundararajan, Taly and Yan 2017, "Axiomatic
    Attribution for Deep Networks", arXiv 1703.01365.

    Args:
        model: a VTFF with both branches; it is used in eval mode and left as it was.
        rgb: `(N, 3, H, W)`, uint8 or 0 to 1.
        classes: `(N,)`, for which class each.
        steps: points on the path. At 32, the sum of the tiny model's maps misses the rise by 0.2 of
            a logit in the mean face, and at 64 by 0.05; the order of the cells is settled sooner.

    Raises:
        ValueError: as `VTFF`; if the model lacks a branch, `classes` are not one for each image, or
            there are no steps.
        ImportError: if captum is not installed.
    """
    from captum.attr import IntegratedGradients  # slow to import, and needed only here

    check_sizes(steps=steps)
    _check(model, rgb, classes)
    if len(model.backbones) < 2:
        raise ValueError(
            f"A model with fusion={model.config.fusion!r} has one branch; integrated gradients are "
            "of both views, so give a model that has two."
        )
    method = IntegratedGradients(lambda rgb, lbp: model(rgb, lbp).logits)
    with in_eval(model), with_gradients():
        attributions = method.attribute(
            (as_share(rgb).clone(), as_share(model.lbp(rgb))),
            target=classes.to(rgb.device),
            n_steps=steps,
            internal_batch_size=max(AT_ONCE, len(rgb)),
        )
    sums = [_sum_in_cells(attribution, model.config.reduction) for attribution in attributions]
    rgb_map, lbp_map = (
        HeatMap(values, "signed", f"what {view} adds to the logit")
        for view, values in zip(("RGB", "LBP"), sums, strict=True)
    )
    return rgb_map, lbp_map


@torch.no_grad()
def occlusion(model: VTFF, rgb: Tensor, classes: Tensor, view: str = "both") -> HeatMap:
    """Return by how much the class's probability falls when a cell is filled with one colour.

    The cell takes the image's mean colour before LBP is computed, so both views lose it; its
    neighbours' codes along the border change too. With `view`, one view alone loses it, and the
    other stays that of the whole image. All codes are those of an image, unlike the ones on the way
    of `integrated_gradients`. Below 0: the class gains. Source: Zeiler and Fergus 2014,
    "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901, with a square that
    steps by its own width; one view alone is ours.

    Args:
        model: any VTFF; it is used in eval mode and left as it was.
        rgb: `(N, 3, H, W)`, uint8 or 0 to 1.
        classes: `(N,)`, for which class each.
        view: `"both"`, `"rgb"` or `"lbp"`.

    Raises:
        ValueError: as `VTFF`; if `classes` are not one for each image, `view` is unknown, or the
            model does not have that view.
        ImportError: if captum is not installed.
    """
    from captum.attr import FeatureAblation

    check_choice("view", view, VIEWS)
    _check(model, rgb, classes)
    if view not in ("both", *model.backbones):
        raise ValueError(
            f"A model with fusion={model.config.fusion!r} has no view {view!r}; choose 'both'."
        )
    unit, side = as_share(rgb), model.config.reduction
    rows, columns = rgb.shape[-2] // side, rgb.shape[-1] // side
    cells = torch.arange(rows * columns, device=rgb.device).view(1, 1, rows, columns)
    cells = cells.repeat_interleave(side, 2).repeat_interleave(side, 3).expand(1, 3, -1, -1)
    method = FeatureAblation(_losing(view, model, unit))
    mean = unit.mean(dim=(2, 3), keepdim=True).expand_as(unit)
    with in_eval(model):
        falls = method.attribute(unit, mean, target=classes.to(rgb.device), feature_mask=cells)
    lost = "" if view == "both" else f", {view.upper()} alone"
    return HeatMap(falls[:, 0, ::side, ::side], "signed", f"fall of the probability{lost}")


def _losing(view: str, model: VTFF, whole: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the probabilities of an image with a hole that only `view` sees."""

    def probabilities(image: Tensor) -> Tensor:
        rgb = whole if view == "lbp" else image
        lbp = None if view == "both" else model.lbp(whole if view == "rgb" else image)
        return model(rgb, lbp).logits.softmax(dim=1)

    return probabilities


def _check(model: VTFF, rgb: Tensor, classes: Tensor) -> None:
    check_model(model)
    check_tensor("rgb", rgb, "(N, 3, H, W)", "uint8 or float")
    check_view("rgb", rgb, model.config, rgb.device)
    check_classes(classes, len(rgb), model.config.num_classes)


def _sum_in_cells(values: Tensor, side: int) -> Tensor:
    """Return the sums `(N, h, w)` of all values `(N, 3, H, W)` in each cell of side × side."""
    return F.avg_pool2d(values.sum(dim=1, keepdim=True).float(), side)[:, 0] * side**2
