"""Lesson 03 shows the fault that its check tries, and a face that moves under its sliders."""

import torch

from tests.lessons import stored
from vtff_lib.checks.lesson_03_notices import FAULTY, RIGHT
from vtff_lib.synthetic_faces import sample
from vtff_lib.widgets import moved_face
from vtff_lib.widgets.moved_face import MOVES, UNITS


def made(module):
    torch.manual_seed(0)
    return module(6, 3)


def test_the_check_tries_the_fault_that_the_lesson_shows():
    u = torch.randn(2, 6, 3, 5)
    shown = made(stored("03").definitions()["SteadyLocalAttention"])
    assert torch.equal(made(next(iter(FAULTY.values())))(u), shown(u))


def test_right_versions_are_one_function_and_no_faulty_one_is():
    u = torch.randn(3, 6, 4, 5)
    first, *others = (made(version).eval()(u) for version in RIGHT.values())
    for scores in others:
        torch.testing.assert_close(scores, first)
    for words, version in FAULTY.items():
        given = made(version).eval()(u)
        assert given.shape != first.shape or (given - first).abs().max() > 0.01, words


def test_sliders_move_the_face_and_a_button_sets_them():
    asked = []

    def attention_of(images):
        asked.append(images)
        return images.float().mean((2, 3)), images[:, 0, ::16, ::16].float()

    person = sample(range(1), seed=1, split="test").in_studio()
    live = moved_face(person, attention_of)
    assert set(live._controls) == {f"AU{unit}" for unit in UNITS}
    at_rest, smiling = asked
    assert not torch.equal(at_rest, smiling)
    live._set({f"AU{unit}": MOVES["at rest"].get(unit, 0.0) for unit in UNITS})
    assert torch.equal(asked[-1], at_rest)
    assert "no action unit" in live._view.value
