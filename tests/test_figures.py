"""The scripts that measure: what they count, and what they say when something is missing."""

import csv
import json
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import balanced_accuracy_score

from data_scripts import make_synthetic
from figures.experiments import (
    ablation,
    encoder_choices,
    ferplus,
    fusion_probes,
    fusion_told,
    gate_readings,
    harness,
    light_skin_only,
    plain_or_residual,
    robustness,
    sim_to_real,
    train_tiny,
    training_choices,
)
from vtff_lib.names import EXPRESSIONS


@pytest.fixture
def photographs(tmp_path):
    """Folders like FER+'s, each with five pictures of which three have a majority."""
    votes = {
        "happy": [1, 9, 0, 0, 0, 0, 0, 0, 0, 0],
        "torn": [5, 5, 0, 0, 0, 0, 0, 0, 0, 0],  # no majority
        "unknown": [2, 0, 0, 0, 0, 0, 0, 0, 8, 0],  # the majority names no expression
        "noisy": [1, 1, 1, 4, 1, 1, 1, 0, 0, 0],  # a majority once single votes are dropped
        "sad": [0, 0, 0, 10, 0, 0, 0, 0, 0, 0],
    }
    for add, split in enumerate(("Train", "Valid", "Test")):
        folder = tmp_path / f"FER2013{split}"
        folder.mkdir()
        with (folder / "label.csv").open("w", newline="") as file:
            for number, (name, row) in enumerate(votes.items()):
                file_name = f"{name}{split}.png"
                csv.writer(file).writerow([file_name, "(0, 0, 48, 48)", *row])
                grey = np.full((48, 48), 40 * number + add, np.uint8)
                Image.fromarray(grey).save(folder / file_name)
    return tmp_path


def test_photographs_are_those_with_a_majority_and_grey(photographs):
    images, labels = sim_to_real.read_photographs(photographs, "valid")
    assert [EXPRESSIONS[label] for label in labels] == ["happiness", "sadness", "sadness"]
    assert images.shape == (3, 3, 48, 48)
    assert images.dtype == torch.uint8
    assert images[:, :, 30, 30].tolist() == [[1, 1, 1], [121, 121, 121], [161, 161, 161]]


def test_a_folder_without_photographs_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"has none of the layouts of FER\+"):
        sim_to_real.read_photographs(tmp_path, "test")


def test_figures_are_balanced_accuracies_of_eight_and_of_three(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.rand(300, 8, generator=generator).softmax(dim=1)
    labels = torch.arange(300) % 8
    probabilities[::2] += 0.2 * torch.nn.functional.one_hot(labels[::2], 8)
    probabilities /= probabilities.sum(1, keepdim=True)
    monkeypatch.setattr(sim_to_real, "predict", lambda model, images, flipped: probabilities)
    measured = sim_to_real.measure(None, None, labels)
    eight = balanced_accuracy_score(labels, probabilities.argmax(1))
    three = labels < 3
    of_three = balanced_accuracy_score(labels[three], probabilities[three, :3].argmax(1))
    assert measured["eight"]["balanced_accuracy"]["value"] == pytest.approx(eight, abs=1e-3)
    assert measured["three"]["balanced_accuracy"]["value"] == pytest.approx(of_three, abs=1e-3)
    assert measured["three"]["chance"] == pytest.approx(1 / 3, abs=1e-3)
    assert set(measured["three"]["recall"]) == {"neutral", "happiness", "surprise"}


def test_runs_of_later_calls_join_the_earlier_ones_and_the_summary_is_of_all(tmp_path):
    path = tmp_path / "figures.json"

    def mean(runs):
        return sum(run["value"] for run in runs) / len(runs)

    harness.write_runs(path, [{"seed": 1, "value": 3.0}], mean)
    harness.write_runs(path, [{"seed": 0, "value": 1.0}], mean)
    harness.write_runs(path, [{"seed": 1, "value": 5.0}], mean)  # run again
    told = json.loads(path.read_text())
    assert [run["value"] for run in told["runs"]] == [1.0, 5.0]
    assert told["summary"] == 3.0


@pytest.fixture
def figures(tmp_path, monkeypatch):
    """Two folders in place of `figures/` and `build/`, and no arguments on the command line."""
    for name in ("FIGURES", "BUILD"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(harness, name, tmp_path / name)
    monkeypatch.setattr(sys, "argv", ["script"])
    return tmp_path / "FIGURES"


def test_a_record_is_written_with_its_circumstances_threads_and_time(figures):
    @harness.experiment("one.json", "numpy", arguments=[harness.first_seeds(2)])
    def main(seeds):
        return {"seeds": seeds, "σ": torch.get_num_threads()}

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    main()
    torch.set_num_threads(before)
    text = (figures / "one.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert (record["seeds"], record["σ"], record["threads"]) == ([0, 1], 1, 1)
    assert record.keys() > {"command", "date", "torch", "numpy", "cpu_seconds"}
    assert "σ" in text
    assert text.endswith("}\n")


def test_runs_that_are_over_are_kept_when_a_later_one_fails(figures):
    @harness.experiment("runs.json", summarise=len)
    def main():
        for seed in (1, 0):
            yield {"seed": seed, "seconds": 7.0}
        raise SystemExit("stopped")

    with pytest.raises(SystemExit, match="stopped"):
        main()
    content = json.loads((figures / "runs.json").read_text(encoding="utf-8"))
    assert content["summary"] == 2
    assert [run["seed"] for run in content["runs"]] == [0, 1]
    assert all("date" in run and "cpu_seconds" not in run for run in content["runs"])


def test_without_a_seed_the_summary_alone_is_made_anew(figures, monkeypatch):
    old = {"summary": "old", "runs": [{"seed": 3}]}
    (figures / "runs.json").write_text(json.dumps(old), encoding="utf-8")

    @harness.experiment("runs.json", arguments=[harness.first_seeds(2)], summarise=len)
    def main(seeds):
        for seed in seeds:
            yield {"seed": seed}

    monkeypatch.setattr(sys, "argv", ["script", "--seeds"])
    main()
    content = json.loads((figures / "runs.json").read_text(encoding="utf-8"))
    assert content == {"summary": 1, "runs": [{"seed": 3}]}


def test_what_is_only_watched_is_no_figure(figures, monkeypatch):
    watch = harness.argument("--watch", action="store_true")

    @harness.experiment("of_{what}.json", arguments=[harness.argument("what"), watch])
    def main(what, watch):
        return {"what": what}

    monkeypatch.setattr(sys, "argv", ["script", "x", "--watch"])
    main()
    assert not [*figures.iterdir()]
    assert (harness.BUILD / "of_x.json").is_file()


def test_a_kill_while_runs_are_written_leaves_those_that_were_there(tmp_path):
    """The system kills the writer as soon as a file of its grows beyond 1,000 bytes."""
    resource = pytest.importorskip("resource", reason="limits of a process are of Unix")
    path = tmp_path / "runs.json"
    harness.write_runs(path, [{"seed": 0}], len)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        harness.write_runs(path, [{"seed": 1, "curve": [0.5] * 10_000}], len)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGXFSZ
    assert harness.read_runs(path) == [{"seed": 0}]
    harness.write_runs(path, [{"seed": 1}], len)
    assert harness.read_runs(path) == [{"seed": 0}, {"seed": 1}]


def test_two_calls_at_once_lose_no_run(tmp_path):
    """Each reads what is there, adds its run and writes all: one after the other."""
    path = tmp_path / "runs.json"

    def write(seed):
        harness.write_runs(path, [{"seed": seed}], lambda runs: time.sleep(0.01) or len(runs))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(8)))
    assert [run["seed"] for run in harness.read_runs(path)] == [*range(8)]
    assert [*tmp_path.iterdir()] == [path]


def test_faces_are_rendered_when_missing_and_when_they_are_others(tmp_path, monkeypatch):
    made = []
    real = make_synthetic.make

    def make(path, settings):
        made.append(settings)
        real(path, settings)

    monkeypatch.setattr(make_synthetic, "make", make)
    few = make_synthetic.Settings(train=2, valid=1, test=0, size=32)
    more = make_synthetic.Settings(train=3, valid=1, test=0, size=32)
    path = tmp_path / "faces.safetensors"
    sizes = [len(make_synthetic.rendered(path, wanted)) for wanted in (few, few, more)]
    assert sizes == [3, 3, 4]
    assert made == [few, more]


STORED = [
    path
    for path in sorted(harness.FIGURES.glob("*.json"))
    if "runs" in json.loads(path.read_text(encoding="utf-8"))
    and path.stem != "grading"  # its runs are classes that were graded, without seeds
]
SUMMARIES = {
    "ablation": ablation.summarise,
    "encoder_choices": encoder_choices.summarise,
    "ferplus_photos": ferplus.summarise,
    "ferplus_small": ferplus.summarise,
    "ferplus_small_lbp": ferplus.summarise,
    "ferplus_small_rgb": ferplus.summarise,
    "ferplus_small_sum": ferplus.summarise,
    "gate_readings": gate_readings.summarise,
    "light_skin_only": light_skin_only.summarise,
    "plain_or_residual": plain_or_residual.summarise,
    "robustness": robustness.summarise,
    "sim_to_real": sim_to_real.summarise,
    "tiny_minute": train_tiny.mean_accuracy,
    "tiny_shipped": train_tiny.mean_accuracy,
    "training_choices": training_choices.summarise,
    "fusion_probes": fusion_probes.summarise,
}
PLANNED = {}  # seeds of files whose plan names them
for stage, plan in fusion_told.STAGES.items():
    name = plan["file"].removesuffix(".json")
    SUMMARIES[name] = partial(fusion_told.summarise, stage)
    PLANNED[name] = plan["seeds"]
PLANNED["fusion_probes"] = fusion_told.STAGES[fusion_probes.STAGE]["seeds"][:5]


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_every_stored_run_says_what_it_needs_to_be_made_again(path):
    told = json.loads(path.read_text(encoding="utf-8"))
    seeds = [run["seed"] for run in told["runs"]]
    # An hour of a CPU for each seed of the model for photographs: its card says that there is one.
    few = list(range(max(len(seeds), 1 if path.stem == "ferplus_photos" else 3)))
    planned = PLANNED.get(path.stem, few)
    # The study of fusion takes nine hours, and goes on where it was stopped.
    assert seeds == (planned[: len(seeds)] if path.stem.startswith("fusion_") else planned)
    for run in told["runs"]:
        assert {"command", "date", "torch"} <= run.keys()
        assert {"faces_sha256", "faces"} & run.keys()  # a stored set, or how many were rendered
        assert {"seconds", "cpu_seconds"} & run.keys()
    summary = json.loads(json.dumps(SUMMARIES[path.stem](told["runs"])))
    if path.stem == "sim_to_real":  # has the shipped model beside the means
        summary = told["summary"] | summary
    assert told["summary"] == summary


def test_photographs_are_measured_far_above_chance():
    told = json.loads((harness.FIGURES / "sim_to_real.json").read_text(encoding="utf-8"))
    for run in told["runs"]:
        assert [run[split]["eight"]["images"] for split in ("valid", "test")] == [3191, 3137]
        for split in ("valid", "test"):
            for measured in (run[split]["eight"], run[split]["three"]):
                assert measured["balanced_accuracy"]["low"] > 1.5 * measured["chance"]
