"""A model's door: its two views, resized, checked, normalised; and how it is lent. Taught in 06."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.refusals import describe, is_a, is_dense

if TYPE_CHECKING:
    from vtff_lib.config import VTFFConfig


class Normalise(nn.Module):
    """(x - mean) / std for each channel, of uint8 0 to 255 or float 0 to 1."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        super().__init__()  # the numbers belong to the settings, not to the learned weights
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Return `image` `(N, 3, H, W)` normalised, in the dtype of the model."""
        unit = image.to(self.mean.dtype)
        return ((unit / 255 if image.dtype == torch.uint8 else unit) - self.mean) / self.std


def check_view(view: str, image: Tensor, config: "VTFFConfig", device: torch.device) -> None:
    """Check that a model built from `config` on `device` can use `image` as its `view`.

    Args:
        view: `"rgb"` or `"lbp"`, for the sentence.
        image: `(N, 3, H, W)`, uint8 0 to 255 or float 0 to 1.
        config: the settings of the model.
        device: where the model is.

    Raises:
        ValueError: if the shape, dtype, range or device will not do.
    """
    if not is_dense(image):
        raise ValueError(f"{view} is {describe(image)}; VTFF needs a tensor (N, 3, H, W).")
    shape, reduction = tuple(image.shape), config.reduction
    if image.ndim != 4 or shape[1] != 3:
        raise ValueError(
            f"{view} has shape {shape}; VTFF needs (N, 3, H, W): a batch of images with three "
            "channels, channels before rows."
        )
    if 0 in shape or shape[2] % reduction or shape[3] % reduction:
        raise ValueError(
            f"{view} has shape {shape}; VTFF needs at least one image, with height and width "
            f"multiples of {reduction}: resize the image, to {config.image_size} say."
        )
    if not is_a(image.dtype, "uint8 or float"):
        raise ValueError(
            f"{view} is {image.dtype}; VTFF needs uint8 (0 to 255) or a float dtype (0 to 1)."
        )
    if image.device != device:
        raise ValueError(
            f"{view} is on {image.device} and the model on {device}; move one "
            "of them with .to(device)."
        )
    # Looking at values waits for the GPU: done for floats alone, and not in a compiled graph.
    looking = not torch.compiler.is_compiling() and not image.is_meta
    if image.is_floating_point() and looking:
        low, high = (value.item() for value in image.detach().aminmax())
        if not (low >= -1e-3 and high <= 1.001):  # a rounding is no mistake
            raise ValueError(
                f"{view} is float with values from {low:.4g} to {high:.4g}; VTFF needs 0 to 1 "
                "and normalises by itself: divide by 255, pass uint8, or clamp(0, 1) what a "
                "resize overshot."
            )


def resize(images: Tensor, side: int) -> Tensor:
    """Return `images`, uint8 `(N, 3, H, W)`, with `side` rows and columns.

    A pixel of a smaller image is the mean of those it covers; a larger image is bicubic.

    Taught in 07.
    """
    if images.shape[-2:] == (side, side):
        return images
    mode = "bicubic" if side > max(images.shape[-2:]) else "area"
    resized = F.interpolate(images.float(), (side, side), mode=mode)
    return resized.round_().clamp_(0, 255).to(torch.uint8)


def check_model(model: object) -> None:
    """Raise a `ValueError` unless `model` is a VTFF, or one that a learner built like it."""
    if not isinstance(model, nn.Module) or not hasattr(model, "config"):
        raise ValueError(f"model is a {type(model).__name__}; give a VTFF, load_pretrained() say.")


@contextmanager
def in_eval(model: nn.Module) -> Iterator[None]:
    """Use `model` in eval mode, and give each of its modules back in the mode it was in.

    Several threads may do so at once; the last to leave gives it back.
    """
    with borrowed(model.modules(), "training", False):
        yield


_lock = Lock()
_users: dict[tuple[int, str], int] = {}  # of an object's attribute that is borrowed
_before: dict[tuple[int, str], Any] = {}  # what the first of them found there


@contextmanager
def borrowed(things: Iterable[Any], attribute: str, value: Any) -> Iterator[None]:
    """Set an attribute of all `things`; when the last thread leaves, it is what it was before."""
    lent = {(id(thing), attribute): thing for thing in things}
    with _lock:
        for key, thing in lent.items():
            _before.setdefault(key, getattr(thing, attribute))
            _users[key] = _users.get(key, 0) + 1
            setattr(thing, attribute, value)
    try:
        yield
    finally:
        with _lock:
            for key, thing in lent.items():
                _users[key] -= 1
                if not _users[key]:
                    del _users[key]
                    setattr(thing, attribute, _before.pop(key))


@contextmanager
def with_gradients() -> Iterator[None]:
    """Record gradients, whatever mode the caller is in."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def of_this_thread(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Return `hook` for a model that other threads use too: their passes do not meet it."""
    mine = get_ident()
    return lambda *given: hook(*given) if get_ident() == mine else None
