"""Evaluation: figures equal scikit-learn and loops by hand; intervals cover what they claim to."""

import io
import json
import math
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
)

from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import FaceSet
from vtff_lib.evaluation.circumstances import circumstances
from vtff_lib.evaluation.intervals import Estimate, bootstrap, wilson
from vtff_lib.evaluation.measure import calibration_error, evaluate, predict
from vtff_lib.inputs import resize
from vtff_lib.plots.runs import confusion_matrix as draw_confusion_matrix
from vtff_lib.vtff import VTFF

NAMES = ("neutral", "happiness", "surprise", "sadness")


def answers(count: int = 300, seed: int = 0, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels of uneven classes, and probabilities that are right more often than not."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.multinomial(torch.arange(1.0, classes + 1), count, True, generator=generator)
    logits = 2 * torch.randn(count, classes, generator=generator)
    logits[torch.arange(count), labels] += 1.5
    return logits.softmax(dim=1), labels


@pytest.fixture(scope="module")
def report():
    return evaluate(*answers(), NAMES)


def test_figures_are_those_of_scikit_learn(report):
    probabilities, labels = (tensor.numpy() for tensor in answers())
    called = probabilities.argmax(axis=1)
    assert report.accuracy.value == pytest.approx(accuracy_score(labels, called))
    assert report.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(labels, called))
    assert report.macro_f1.value == pytest.approx(f1_score(labels, called, average="macro"))
    assert report.negative_log_likelihood.value == pytest.approx(log_loss(labels, probabilities))
    assert np.array_equal(report.confusion, confusion_matrix(labels, called))
    precision, recall, f1 = (
        score(labels, called, average=None) for score in (precision_score, recall_score, f1_score)
    )
    for c, each in enumerate(report.classes):
        assert each.name == NAMES[c]
        assert each.support == (labels == c).sum()
        assert each.precision.value == pytest.approx(precision[c])
        assert each.recall.value == pytest.approx(recall[c])
        assert each.f1 == pytest.approx(f1[c])


def test_calibration_error_is_that_of_a_loop():
    random = np.random.default_rng(0)
    confidence, right = random.uniform(0.1, 1, 200), random.random(200) < 0.6
    confidence[:3] = 1.0, 0.2, 1 / 15  # on the edges of bins
    expected = 0.0
    for b in range(1, 16):
        members = [i for i in range(200) if (b - 1) / 15 < confidence[i] <= b / 15]
        if members:
            accuracy = sum(right[i] for i in members) / len(members)
            mean = sum(confidence[i] for i in members) / len(members)
            expected += len(members) / 200 * abs(accuracy - mean)
    assert calibration_error(confidence, right) == pytest.approx(expected)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float16])
def test_calibration_error_of_whole_numbers_does_not_wrap(kind):
    sure, wrong = np.ones(2, kind), np.zeros(2, kind)
    assert calibration_error(sure, wrong) == 1
    assert calibration_error(sure, sure) == 0


def test_no_figure_tells_where_on_this_machine_it_was_made(monkeypatch, tmp_path):
    flags = [str(tmp_path / "faces.safetensors"), f"--out={tmp_path / 'run'}", "--seed", "1"]
    monkeypatch.setattr(sys, "argv", ["train", *flags])
    command = circumstances()["command"]
    assert command.endswith(" faces.safetensors --out=run --seed 1")


def test_calibration_error_of_the_honest_the_boastful_and_the_timid():
    right = np.arange(1000) % 10 < 8
    assert calibration_error(np.full(1000, 0.8), right) == pytest.approx(0)
    assert calibration_error(np.full(1000, 1.0), right) == pytest.approx(0.2)
    assert calibration_error(np.full(1000, 0.3), right) == pytest.approx(0.5)


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (5, 5), (1, 1), (81, 100), (2789, 3137)])
def test_wilson_is_that_of_scipy(successes, trials):
    theirs = binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson(successes, trials) == pytest.approx((successes / trials, theirs.low, theirs.high))


def test_without_trials_nothing_is_known():
    value, low, high = wilson(0, 0)
    assert math.isnan(value)
    assert (low, high) == (0, 1)


def test_the_bootstrap_of_a_mean_is_the_textbooks():
    values = np.random.default_rng(0).normal(3, 2, 400)
    (mean,) = bootstrap(lambda chosen: values[chosen].mean(keepdims=True), 400, repeats=4000)
    spread = 1.96 * values.std() / 20
    assert mean.value == values.mean()
    assert mean.low == pytest.approx(mean.value - spread, abs=0.02)
    assert mean.high == pytest.approx(mean.value + spread, abs=0.02)


def test_intervals_cover_the_truth_about_as_often_as_they_claim():
    """The truth is what many images show; a sample of 200 should miss it 1 time in 20."""
    everything = answers(200_000)
    shares = everything[0].numpy()
    labels = everything[1].numpy()
    called = shares.argmax(axis=1)
    truth = {
        "accuracy": accuracy_score(labels, called),
        "balanced_accuracy": balanced_accuracy_score(labels, called),
        "macro_f1": f1_score(labels, called, average="macro"),
        "negative_log_likelihood": log_loss(labels, shares),
        "calibration_error": calibration_error(shares.max(axis=1), called == labels),
    }
    covered = dict.fromkeys(truth, 0)
    for start in range(0, 60 * 200, 200):
        sample = slice(start, start + 200)
        report = evaluate(everything[0][sample], everything[1][sample], NAMES, repeats=200)
        for name, value in truth.items():
            covered[name] += getattr(report, name).low <= value <= getattr(report, name).high
    for name, count in covered.items():  # 95 % of 60 is 57; 51 is more than 3 deviations away
        assert count >= 51, name
    assert sum(covered.values()) < 300  # intervals that are too wide never miss


def test_intervals_narrow_as_images_grow_in_number():
    few, many = (evaluate(*answers(count), NAMES) for count in (100, 10_000))
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "calibration_error"):
        narrow, wide = getattr(many, name), getattr(few, name)
        assert narrow.high - narrow.low < 0.25 * (wide.high - wide.low), name


def test_intervals_hang_on_the_seed_alone(report):
    assert evaluate(*answers(), NAMES) == report
    other = evaluate(*answers(), NAMES, seed=1)
    assert other.macro_f1 != report.macro_f1
    assert other.macro_f1.value == report.macro_f1.value


def test_a_class_without_images_counts_in_no_mean():
    probabilities, labels = answers()
    padded = torch.cat([probabilities, torch.zeros(len(labels), 1)], dim=1)
    with_fifth, without = evaluate(padded, labels, (*NAMES, "anger")), evaluate(*answers(), NAMES)
    assert with_fifth.balanced_accuracy == without.balanced_accuracy
    assert with_fifth.macro_f1 == without.macro_f1
    assert math.isnan(with_fifth.classes[4].recall.value)
    assert with_fifth.to_dict()["classes"][4]["recall"] == {"value": None, "low": 0.0, "high": 1.0}
    assert "anger           0" in str(with_fifth)


def test_right_answers_of_full_confidence_are_perfect_and_wrong_ones_stay_finite():
    labels = torch.arange(40) % 4
    perfect = evaluate(torch.eye(4)[labels], labels, NAMES)
    assert perfect.accuracy.value == perfect.macro_f1.value == 1
    assert perfect.calibration_error.value == perfect.negative_log_likelihood.value == 0
    wrong = evaluate(torch.eye(4)[labels], (labels + 1) % 4, NAMES)
    assert wrong.accuracy.value == 0 < wrong.accuracy.high
    assert wrong.negative_log_likelihood.value == pytest.approx(27.6, abs=0.1)


def test_a_report_is_json_text_and_picture(report):
    content = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert content["accuracy"] == report.accuracy._asdict()
    assert np.array_equal(content["confusion"], report.confusion)
    text = str(report)
    assert f"{report.accuracy.value:.1%} [{report.accuracy.low:.1%}, " in text
    assert all(name in text for name in NAMES)
    picture = draw_confusion_matrix(report)
    assert "4 classes over 300 images" in picture.alt
    wrong = np.array(report.confusion) - np.diag(np.diag(report.confusion))
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    assert (
        f"Most often mistaken: {NAMES[row]} for {NAMES[column]}, {wrong.max()} times" in picture.alt
    )
    assert picture.png != draw_confusion_matrix(evaluate(*answers(seed=1), NAMES)).png


def test_an_estimate_is_written_with_its_interval():
    assert f"{Estimate(0.8, 0.75, 0.85):.0%}" == "80% [75%, 85%]"


@pytest.mark.parametrize(
    ("probabilities", "labels", "sentence"),
    [
        (answers()[0][:, :3], answers()[1], r"4 class names need \(N, 4\)"),
        (answers()[0][:0], answers()[1][:0], "at least one image"),
        (answers()[0][0], answers()[1], r"shape \(4,\)"),
        (answers()[0].numpy(), answers()[1], "probabilities are a ndarray"),
        (answers()[0], answers()[1][:9], r"300 images need int64 \(300,\)"),
        (answers()[0], answers()[1].float(), "labels are a torch.float32"),
        (answers()[0], answers()[1].numpy(), "labels are a ndarray"),
        (answers()[0], answers()[1] + 1, "labels go from 1 to 4; 4 classes need 0 to 3"),
        (answers()[0].log(), answers()[1], r"give logits.softmax"),
        (answers()[0] * 2, answers()[1], "does not sum to 1"),
        (answers()[0] * torch.nan, answers()[1], "not finite"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(probabilities, labels, sentence):
    with pytest.raises(ValueError, match=sentence) as refusal:
        evaluate(probabilities, labels, NAMES)
    assert "\n" not in str(refusal.value)


def test_the_class_names_of_faces_are_those_of_the_columns(report):
    probabilities, labels = answers()
    images = torch.zeros(len(labels), 3, 1, 1, dtype=torch.uint8)
    faces = FaceSet(images, labels, torch.zeros_like(labels), NAMES)
    assert evaluate(probabilities, faces, NAMES) == report
    with pytest.raises(ValueError, match="The faces and class_names have their classes in another"):
        evaluate(probabilities, faces, NAMES[::-1])


def test_predictions_are_the_models_whatever_the_batch_and_leave_it_as_it_was():
    torch.manual_seed(0)
    model = VTFF(VTFFConfig.tiny(image_size=16, width=8, stages=1, depth=1, dropout=0.5))
    images = torch.randint(0, 256, (7, 3, 16, 16), dtype=torch.uint8)
    model.train()
    model.backbones.eval()  # frozen, say
    modes = [part.training for part in model.modules()]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    probabilities = predict(model, images, batch_size=3)
    assert [part.training for part in model.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    torch.testing.assert_close(probabilities, predict(model, images))
    torch.testing.assert_close(probabilities, model.eval()(images).logits.softmax(dim=1).detach())
    assert not probabilities.requires_grad
    larger = torch.randint(0, 256, (7, 3, 24, 24), dtype=torch.uint8)
    torch.testing.assert_close(predict(model, larger), predict(model, resize(larger, 16)))
    mirrored = (predict(model, images) + predict(model, images.flip(-1))) / 2
    torch.testing.assert_close(predict(model, images, flipped=True), mirrored)
    assert not torch.allclose(mirrored, predict(model, images), atol=1e-6)
    half = predict(model.to(torch.bfloat16), images)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half.sum(dim=1), torch.ones(7))


@pytest.mark.slow
def test_a_confusion_matrix_of_many_classes_is_no_larger_than_one_of_some():
    def drawn(count):
        names = tuple(f"class {number}" for number in range(count))
        report = evaluate(torch.eye(count), torch.arange(count), names, repeats=2)
        return Image.open(io.BytesIO(draw_confusion_matrix(report).png))

    some, many = drawn(30), drawn(400)
    assert max(many.size) <= max(some.size)


def test_a_confusion_matrix_without_mistakes_names_none():
    labels = torch.arange(40) % 4
    described = draw_confusion_matrix(evaluate(torch.eye(4)[labels], labels, NAMES)).alt
    assert described.endswith("over 40 images; 100% lie on the diagonal.")
