"""The weights that come with the package do what their card says."""

import json
from pathlib import Path

import pytest
import torch
from vtff_lib.evaluation.measure import evaluate, predict
from vtff_lib.names import EXPRESSIONS

import vtff_lib
from figures.ferplus import EXPERIMENTS
from figures.model_card import faces_card, tiny_card
from vtff_lib.config import VTFFConfig
from vtff_lib.datasets import load_default
from vtff_lib.pretrained import FOLDER, load_pretrained, model_card
from vtff_lib.synthetic_faces import render, sample
from vtff_lib.vtff import count_parameters
from vtff_lib.weights import read_weights

FIGURES = Path(__file__).parent.parent / "figures"


def stated(experiment: str) -> dict:
    """Return the figures of the first seed of an experiment."""
    return json.loads((FIGURES / f"tiny_{experiment}.json").read_text())["runs"][0]


@pytest.fixture(scope="module")
def report():
    """What evaluation finds for the shipped weights on the shipped test faces."""
    test = load_default().part("test")
    return evaluate(predict(load_pretrained(), test.images), test.labels, test.class_names)


def test_the_shipped_model_is_the_tiny_one_and_small_enough_to_come_along():
    model = vtff_lib.load_pretrained("tiny")
    assert model.config == VTFFConfig.tiny(8)
    assert model.config.class_names == EXPRESSIONS
    assert not model.training
    assert 300_000 < count_parameters(model) < 1_000_000
    assert (FOLDER / "tiny.safetensors").stat().st_size <= 4_000_000


def test_its_accuracy_is_the_one_stated(report):
    told = stated("shipped")["test"]
    assert told["images"] == report.images
    # Another processor rounds otherwise; that may decide a face or two that are near the border.
    assert abs(told["accuracy"]["value"] - report.accuracy.value) <= 2 / report.images


def test_the_card_is_what_the_stored_figures_make_it():
    told = stated("shipped")["test"]["accuracy"]
    assert f"{100 * told['value']:.1f} % (95 % interval" in model_card()
    assert "Limits" in model_card()
    assert model_card() == tiny_card()


def test_the_shipped_faces_are_those_that_the_renderer_draws():
    shipped = load_default().part("test")[:8]
    faces = sample(range(8), split="test")
    drawn = render(faces)
    assert torch.equal(shipped.labels, faces.labels)
    assert torch.equal(shipped.extras["identities"], faces.identities)
    assert torch.equal(shipped.extras["pose"], faces.pose)
    changed = shipped.extras["regions"] != drawn.regions[:, ::2, ::2]
    assert changed.float().mean() < 1e-3  # another processor rounds otherwise
    differences = (shipped.images.float() - drawn.images.float()).abs()
    assert differences.mean() < 5  # what the coding of the shipped pictures loses


@pytest.mark.parametrize(("experiment", "bar"), [("minute", 0.8), ("shipped", 0.9)])
def test_three_seeds_were_run_are_all_told_and_reach_the_bar(experiment, bar):
    runs = json.loads((FIGURES / f"tiny_{experiment}.json").read_text())["runs"]
    assert [run["seed"] for run in runs][:3] == [0, 1, 2]
    for run in runs:
        accuracy = run["test"]["accuracy"]
        assert 0 < accuracy["low"] < accuracy["value"] < accuracy["high"] < 1
        assert accuracy["value"] >= bar
        assert run["seconds"] > 0


def test_the_shipped_model_tells_the_sliders_expressions_apart():
    """A clear smile, a clear surprise, a clear disgust, on people it has not seen."""
    faces = sample(range(0, 64, 4), seed=5, split="test").in_studio()
    model = load_pretrained()
    shown = {
        "happiness": {12: 0.9, 6: 0.8, 25: 0.8},
        "surprise": {1: 0.9, 2: 0.9, 5: 0.8, 25: 0.9, 26: 0.9, 27: 0.5},
        "disgust": {9: 0.9, 10: 0.8, 17: 0.6},
    }
    for name, units in shown.items():
        images = render(faces.showing(units)).images
        guesses = predict(model, images).argmax(dim=1)
        right = (guesses == EXPRESSIONS.index(name)).float().mean()
        assert right > 0.6, name


def test_the_model_for_photographs_is_small_as_a_file_and_whole_in_memory():
    model = load_pretrained("photos")
    assert model.config == EXPERIMENTS["faces"][0]
    assert not model.training
    assert {each.dtype for each in model.parameters()} == {torch.float32}
    assert (FOLDER / "faces.safetensors").stat().st_size <= 12_000_000
    stored = read_weights(FOLDER / "faces.safetensors")
    assert stored["cls_token"].dtype == torch.float16


def test_the_card_of_the_model_for_photographs_is_what_the_stored_figures_make_it():
    run = json.loads((FIGURES / "ferplus_faces.json").read_text())["runs"][0]
    shipped, whole = run["shipped"]["accuracy"], run["test"]["accuracy"]
    assert abs(shipped["value"] - whole["value"]) < 0.002  # half precision costs next to nothing
    assert f"{100 * shipped['value']:.1f} % (95 % interval" in model_card("faces")
    assert model_card("faces") == faces_card()


def test_the_model_for_photographs_knows_a_rendered_smile():
    """It has met no render; a clear smile is near enough to a photograph."""
    faces = sample(range(0, 64, 4), seed=5, split="test").in_studio()
    rgb = render(faces.showing({12: 0.9, 6: 0.8, 25: 0.8})).images
    grey = rgb.float().mean(dim=1, keepdim=True).round().to(torch.uint8).expand_as(rgb)
    guesses = predict(load_pretrained("photos"), grey).argmax(dim=1)
    assert (guesses == EXPRESSIONS.index("happiness")).float().mean() > 0.5


def test_an_unknown_model_is_refused():
    for ask in (load_pretrained, model_card):
        with pytest.raises(ValueError, match="name='huge' is unknown; choose one of tiny, faces"):
            ask("huge")


@pytest.mark.parametrize("experiment", ["minute", "shipped"])
def test_the_readme_tells_the_same_figures(experiment):
    runs = json.loads((FIGURES / f"tiny_{experiment}.json").read_text())["runs"]
    first, second, third = (f"{100 * run['test']['accuracy']['value']:.1f}" for run in runs)
    readme = (FIGURES.parent / "README.md").read_text(encoding="utf-8")
    assert f"{first}, {second} and {third} %" in " ".join(readme.split())


def test_the_readme_tells_how_long_the_minute_training_took():
    runs = json.loads((FIGURES / "tiny_minute.json").read_text())["runs"]
    seconds = [round(run["seconds"]) for run in runs]
    readme = " ".join((FIGURES.parent / "README.md").read_text(encoding="utf-8").split())
    assert f"in {min(seconds)} to {max(seconds)} seconds" in readme


def test_the_readme_tells_how_far_it_gets_on_photographs():
    told = json.loads((FIGURES / "sim_to_real.json").read_text())["summary"]
    readme = (FIGURES.parent / "README.md").read_text(encoding="utf-8")

    def row(name: str, values: list[float]) -> str:
        return f"| {name} | {100 * values[0]:.1f} % | {100 * values[1]:.1f} % |"

    shipped = [told["shipped"]["test"][n]["balanced_accuracy"]["value"] for n in ("three", "eight")]
    assert row("the shipped model, test", shipped) in readme
    for name, split in (
        ("learned on from rendered snapshots, validation", "valid"),
        ("the same, test", "test"),
    ):
        means = [told[f"mean_balanced_accuracy_of_{n}_on_{split}"] for n in ("three", "eight")]
        assert row(name, means) in readme


def test_the_readme_tells_what_a_cpu_reached_on_ferplus():
    readme = (FIGURES.parent / "README.md").read_text(encoding="utf-8")
    for experiment in ("small", "faces"):
        told = json.loads((FIGURES / f"ferplus_{experiment}.json").read_text())
        figures = ("accuracy", "accuracy_without_twins", "macro_f1")
        cells = " | ".join(f"{100 * told['summary'][f'mean_{name}']:.1f} %" for name in figures)
        (row,) = (line for line in readme.splitlines() if line.endswith(f"| {cells} |"))
        minutes = [round(run["seconds"] / 60) for run in told["runs"]]
        low, high = min(minutes), max(minutes)
        assert (f"{low} to {high} minutes" if low < high else f"{low} minutes") in row
        assert f"{told['runs'][0]['parameters'] / 1e6:.1f} M parameters" in row
        images = [told["runs"][0][name]["images"] for name in ("test", "without_twins")]
        words = " ".join(readme.split())
        assert f"{images[0]:,} test pictures, of which {images[0] - images[1]} have a twin" in words


def test_the_readme_tells_what_fusion_brought_on_ferplus():
    means = []
    for name in ("", "_rgb", "_lbp", "_sum"):
        runs = json.loads((FIGURES / f"ferplus_small{name}.json").read_text())["runs"]
        means.append(sum(run["test"]["accuracy"]["value"] for run in runs) / len(runs))
    full, rgb, lbp, added = (f"{100 * mean:.1f} %" for mean in means)
    told = f"full is at {full}, RGB alone at {rgb}, LBP alone at {lbp} and the sum at {added}"
    assert told in " ".join((FIGURES.parent / "README.md").read_text(encoding="utf-8").split())
