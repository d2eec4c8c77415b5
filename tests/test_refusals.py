"""A mistake from outside ends a command with a sentence; a bug keeps its traceback."""

import pytest
import torch

from vtff_lib.refusals import in_a_sentence

OUTSIDE = (ValueError, FileNotFoundError, FloatingPointError, torch.OutOfMemoryError)


@pytest.mark.parametrize("kind", OUTSIDE)
def test_what_goes_wrong_outside_is_a_sentence_and_status_1(kind):
    with pytest.raises(SystemExit) as end, in_a_sentence("Stopped."):
        raise kind("There is no such thing; make it.")
    assert end.value.code == "There is no such thing; make it."  # printed, and a status of 1


def test_ctrl_c_is_status_130_and_says_how_to_go_on(capsys):
    with pytest.raises(SystemExit, match=r"^130$"), in_a_sentence("Stopped; the same goes on."):
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "Stopped; the same goes on.\n"


def test_a_bug_keeps_its_traceback():
    with pytest.raises(KeyError), in_a_sentence("Stopped."):
        raise KeyError("neutral")
