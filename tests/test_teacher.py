"""A student learns what it is told to of a teacher's answers, and of no others."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests import small_runs
from tests.small_runs import small_command
from vtff_lib.datasets import FaceSet
from vtff_lib.training.targets import soft_targets
from vtff_lib.training.teacher import learned_from, write_answers
from vtff_lib.weights import write_weights


def faces(votes: bool = True, names: tuple[str, ...] = ("a", "b", "c")) -> FaceSet:
    given = small_runs.faces()
    assert given.labels is not None
    dice = torch.Generator().manual_seed(1)
    extras = {"votes": torch.randint(1, 9, (26, 3), generator=dice).float()} if votes else {}
    return FaceSet(given.images, given.labels, torch.zeros(26, dtype=torch.int64), names, extras)


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    told = torch.rand(26, 3, generator=torch.Generator().manual_seed(2)).softmax(dim=1)
    write_answers(tmp_path / "teacher.safetensors", faces(), told)
    return tmp_path / "teacher.safetensors"


@pytest.mark.parametrize("votes", [True, False])
def test_targets_lie_between_the_votes_and_the_teacher(answers: Path, votes: bool) -> None:
    given = faces(votes)
    told = learned_from(given, answers, share=1).targets
    assert told is not None
    own = soft_targets(given, 3)
    for share in (0.0, 0.3):
        mixed = learned_from(given, answers, share).targets
        torch.testing.assert_close(mixed, own + share * (told - own))


def other_order(given: FaceSet) -> FaceSet:
    return given[torch.arange(25, -1, -1)]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (other_order, "answers to other faces .* or to these in another order"),
        (lambda given: given[:25], "answers to other faces"),
        (lambda given: replace(given, class_names=("a", "c", "b")), "classes in another order"),
        (lambda given: replace(given, class_names=("a", "b", "d")), "have other classes"),
    ],
)
def test_answers_to_other_faces_are_refused(answers: Path, change, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        learned_from(change(faces()), answers)


def test_what_is_no_answer_is_neither_written_nor_read(tmp_path: Path) -> None:
    path = tmp_path / "teacher.safetensors"
    for wrong in (torch.ones(26, 3), torch.ones(25, 3) / 3, torch.full((26, 3), torch.nan)):
        with pytest.raises(ValueError, match="probabilities"):
            write_answers(path, faces(), wrong)
    assert not path.exists()
    write_weights(path, {"head": torch.ones(3)}, {})
    with pytest.raises(ValueError, match="holds no teacher's answers"):
        learned_from(faces(), path)


def test_the_command_learns_from_a_teacher_and_says_so(answers: Path, tmp_path: Path) -> None:
    pack, out = tmp_path / "faces.safetensors", tmp_path / "run"
    dice = torch.Generator().manual_seed(0)
    all_faces = replace(faces(), splits=torch.randint(3, (26,), generator=dice))
    all_faces.write(pack, quality=None)
    learned = FaceSet.read(pack).part("train")
    write_answers(answers, learned, torch.full((len(learned), 3), 1 / 3))
    arguments = [pack, "--epochs", 1, "--batch-size", 4, "--teacher", answers]
    with pytest.raises(SystemExit, match="leave --no-soft-labels out"):
        small_command(*arguments, "--out", out, "--no-soft-labels")
    with pytest.raises(SystemExit, match="--teacher-share needs a teacher"):
        small_command(*arguments[:-2], "--out", out, "--teacher-share", 1)
    small_command(*arguments, "--out", out, "--teacher-share", 1)
    told = json.loads((out / "report.json").read_text())["teacher"]
    assert told == {"file": "teacher.safetensors", "share": 1.0}
