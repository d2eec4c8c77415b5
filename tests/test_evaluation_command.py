"""`python -m vtff_lib.evaluation` measures what it is told to, or says in a sentence why not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.small_runs import faces, model
from vtff_lib.datasets import FaceSet
from vtff_lib.evaluation.__main__ import main
from vtff_lib.evaluation.measure import predict

NAMES = tuple(f"fer{number:07}.png" for number in range(26))


@pytest.fixture
def given(tmp_path: Path) -> tuple[str, str]:
    """A model of three classes, and a pack of 26 faces, all of them of the test split."""
    network = model()
    network.save(tmp_path / "model.safetensors")
    images, labels, _ = faces()
    classes, splits = network.config.class_names, torch.full((26,), 2)
    FaceSet(images, labels, splits, classes, ids=NAMES).write(tmp_path / "faces.safetensors", None)
    return str(tmp_path / "model.safetensors"), str(tmp_path / "faces.safetensors")


def test_of_a_subset_the_listed_pictures_alone_count(given, tmp_path: Path, capsys) -> None:
    listed, out = tmp_path / "list.txt", tmp_path / "figures.json"
    listed.write_text("0/fer0000003.jpg\n2/fer0000017.jpg\n1/fer0099999.jpg\n")
    main([*given, "--subset", str(listed), "--json", str(out)])
    assert "2 of 26 faces. list.txt has 3 lines" in capsys.readouterr().out
    record = json.loads(out.read_text())
    pack = FaceSet.read(given[1])[torch.tensor([3, 17])]
    right = predict(model(), pack.images).argmax(dim=1) == pack.labels
    assert record["report"]["accuracy"]["value"] == right.double().mean()
    main([*given, "--json", str(out)])
    assert json.loads(out.read_text())["report"]["images"] == 26


def test_what_cannot_be_measured_is_told_in_a_sentence(given, tmp_path: Path) -> None:
    listed, nameless = tmp_path / "list.txt", tmp_path / "nameless.safetensors"
    listed.write_text("0/fer0099999.jpg\n")
    replace(FaceSet.read(given[1]), ids=()).write(nameless, None)
    for arguments, sentence in (
        ([*given, "--subset", str(listed)], "list.txt names no picture of this set"),
        ([given[0], str(nameless), "--subset", str(listed)], "these faces have no names"),
        ([*given, "--split", "train"], "has no face of the split 'train'"),
        (["nowhere.safetensors", given[1]], "no weight file nowhere.safetensors"),
        (["photos", given[1]], "have other classes"),
    ):
        with pytest.raises(SystemExit, match=sentence):
            main(arguments)
