"""How good a model is, and how sure we can be of that. Taught in 07 and 07b.

Every figure comes with a 95 % confidence interval: what the same model might have shown on other
test images of the same kind. It says nothing of images of another kind, nor of another training.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from vtff_lib.datasets import FaceSet
from vtff_lib.datasets.stored_images import StoredImages
from vtff_lib.evaluation.intervals import Estimate, bootstrap, wilson
from vtff_lib.evaluation.report import ClassReport, Report
from vtff_lib.inputs import check_model, in_eval, resize
from vtff_lib.names import check_class_names, check_same_classes
from vtff_lib.refusals import check_flag, check_sizes, check_tensor, describe, has_values, is_a
from vtff_lib.vtff import VTFF

BINS = 15  # of confidence, as in Guo et al. 2017
SMALLEST = 1e-12  # what a probability of 0 is taken for, lest its logarithm be infinite


@torch.no_grad()
def predict(
    model: VTFF, images: Tensor | StoredImages, batch_size: int = 64, flipped: bool = False
) -> Tensor:
    """Return the probability of each class, `(N, num_classes)` float32 on the CPU.

    Args:
        model: used in eval mode, and left in the mode it was in.
        images: `(N, 3, H, W)`, uint8 or float 0 to 1, anywhere. Those in uint8 are resized to the
            model's own size if they have another.
        batch_size: images at a time.
        flipped: whether each image is also seen mirrored, and both answers are averaged; none of
            the expressions names a side.

    Raises:
        ValueError: if the images do not fit the model, or there are none.
    """
    check_model(model)
    check_sizes(batch_size=batch_size)
    check_flag("flipped", flipped)
    if not isinstance(images, StoredImages):
        check_tensor("images", images, "(N, C, H, W)", "uint8 or float", finite=True)
    device = model.cls_token.device
    shares = []
    with in_eval(model):
        for batch in images.split(batch_size):
            rgb = batch.to(device)
            if rgb.dtype == torch.uint8:
                rgb = resize(rgb, model.config.image_size)
            views = [rgb, rgb.flip(-1)] if flipped else [rgb]
            answers = [model(view).logits.float().softmax(dim=1) for view in views]
            shares.append(torch.stack(answers).mean(dim=0))
    return torch.cat(shares).cpu()


def evaluate(
    probabilities: Tensor,
    labels: Tensor | FaceSet,
    class_names: Sequence[str],
    seed: int = 0,
    repeats: int = 1000,
) -> Report:
    """Compare what a model said with the labels.

    Classes without an image count neither in the balanced accuracy nor in the macro F1. Counts and
    rates are scikit-learn's; intervals are ours, see `intervals`.

    Args:
        probabilities: `(N, num_classes)`, rows that sum to 1, as `predict` returns.
        labels: `(N,)`, whole numbers from 0; or the faces, whose class names are compared too.
        class_names: of the columns, in order: `model.config.class_names`.
        seed: of the bootstrap.
        repeats: draws of the bootstrap.

    Raises:
        ValueError: if the three do not fit together, or rows are no probabilities.
    """
    # Here, because it takes a second, and training needs `predict` alone.
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    if isinstance(labels, FaceSet):
        check_same_classes("The faces", labels.class_names, "class_names", class_names)
        labels = labels.labels
    _check(probabilities, labels, class_names)
    shares, truth = probabilities.detach().cpu().double().numpy(), labels.cpu().long().numpy()
    called, classes = shares.argmax(axis=1), range(len(class_names))
    confusion = confusion_matrix(truth, called, labels=classes)
    _, _, f1, _ = precision_recall_fscore_support(truth, called, labels=classes, zero_division=0)
    right, support, named = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    balanced, macro_f1, ece, likelihood = bootstrap(
        _scorer(shares, truth), len(truth), seed, repeats
    )
    # A resample has more of what chance adds to an ECE: mirrored, the interval makes up for it.
    ece = Estimate(ece.value, max(0.0, 2 * ece.value - ece.high), ece.high)
    return Report(
        images=len(truth),
        accuracy=wilson(int(right.sum()), len(truth)),
        balanced_accuracy=balanced,
        macro_f1=macro_f1,
        calibration_error=ece,
        negative_log_likelihood=likelihood,
        classes=tuple(
            ClassReport(
                class_names[c],
                int(support[c]),
                wilson(int(right[c]), int(named[c])),
                wilson(int(right[c]), int(support[c])),
                float(f1[c]),
            )
            for c in classes
        ),
        confusion=tuple(tuple(map(int, row)) for row in confusion),
    )


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Return the expected calibration error (ECE), 0 (honest) to 1.

        ECE = Σ_b |B_b|/N · |accuracy(B_b) - confidence(B_b)|

    over `bins` equally wide bins B_b = ((b-1)/bins, b/bins] of confidence: by how much, in the mean
    image, confidence misses the share that is right. Few images to a bin raise it by chance alone:
    even of a perfectly honest model it is above 0, and its interval may miss the 0.

    Args:
        confidence: largest probability of each image, `(N,)`, 0 to 1.
        right: whether it was right, `(N,)`.
        bins: how many.

    Raises:
        ValueError: if the two do not fit together, or hold what is no number from 0 to 1.

    Source: Guo et al. 2017, "On calibration of modern neural networks".
    """
    check_sizes(bins=bins)
    for name, numbers in (("confidence", confidence), ("right", right)):
        if not isinstance(numbers, np.ndarray):
            raise ValueError(f"{name} is a {type(numbers).__name__}; give a NumPy array (N,).")
    if confidence.ndim != 1 or not confidence.size or right.shape != confidence.shape:
        raise ValueError(
            f"confidence has shape {confidence.shape} and right {right.shape}; give one of each "
            "for each image, at least one."
        )
    for numbers in (confidence, right):
        if numbers.dtype.kind not in "bfiu" or not ((numbers >= 0) & (numbers <= 1)).all():
            raise ValueError("confidence or right is no number from 0 to 1; give probabilities.")
    confidence, right = confidence.astype(float), right.astype(float)  # whole ones would wrap
    edges = np.linspace(0, 1, bins + 1)
    in_bin = np.digitize(confidence, edges[1:-1], right=True)
    gaps = np.bincount(in_bin, right - confidence, bins)  # |B_b| · (accuracy - confidence)
    return float(np.abs(gaps).sum() / len(confidence))


def _scorer(shares: np.ndarray, truth: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return what gives, for chosen images, all figures that need a bootstrap."""
    classes = shares.shape[1]
    called, confidence = shares.argmax(axis=1), shares.max(axis=1)
    surprise = -np.log(np.maximum(shares[np.arange(len(truth)), truth], SMALLEST))

    def scores(chosen: np.ndarray) -> np.ndarray:
        pairs = np.bincount(truth[chosen] * classes + called[chosen], minlength=classes**2)
        confusion = pairs.reshape(classes, classes)
        right, support = confusion.diagonal(), confusion.sum(axis=1)
        occurs = support > 0
        recall = right[occurs] / support[occurs]
        f1 = 2 * right[occurs] / (support + confusion.sum(axis=0))[occurs]
        ece = calibration_error(confidence[chosen], (called == truth)[chosen])
        return np.array([recall.mean(), f1.mean(), ece, surprise[chosen].mean()])

    return scores


def _check(probabilities: Tensor, labels: Tensor, class_names: Sequence[str]) -> None:
    check_class_names(class_names)
    classes = len(class_names)
    shape = tuple(probabilities.shape) if has_values(probabilities) else ()
    real = shape and is_a(probabilities.dtype, "real")
    if not real or len(shape) != 2 or not shape[0] or shape[1] != classes:
        raise ValueError(
            f"probabilities are {describe(probabilities)}; {classes} class names need "
            f"(N, {classes}), with at least one image."
        )
    count = len(probabilities)
    if not has_values(labels) or not is_a(labels.dtype, "whole") or labels.shape != (count,):
        raise ValueError(f"labels are {describe(labels)}; {count} images need int64 ({count},).")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}; {classes} classes need 0 to "
            f"{classes - 1}."
        )
    total = probabilities.sum(dim=1)
    if not ((probabilities >= 0).all() and ((total - 1).abs() < 1e-2).all()):
        raise ValueError(
            "probabilities hold a row that is negative, not finite or does not sum to 1; give "
            "logits.softmax(dim=1)."
        )
