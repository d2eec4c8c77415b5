"""What can be silenced: what is measured and stored."""

import json

import pytest
import torch

from figures.experiments import silenced
from figures.experiments.harness import FIGURES
from vtff_lib.datasets import FaceSet
from vtff_lib.explain.surgery import Surgery, all_surgeries, larger_surgeries
from vtff_lib.names import EXPRESSIONS
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import render, sample


def stored(name: str) -> dict:
    told = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    assert {"command", "date", "torch", "faces_sha256", "cpu_seconds", "faces"} <= told.keys()
    assert told["command"] == f"python -m figures.experiments.{name}"
    return told


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    drawn = sample(range(8), split="test")
    picture = render(drawn, size=112)
    extras = {"regions": picture.regions, "identities": drawn.identities}
    return FaceSet(picture.images, drawn.labels, torch.full((8,), 2), EXPRESSIONS, extras)


def test_every_part_is_silenced_and_compared_face_by_face(faces):
    model = load_pretrained("tiny")
    found = silenced.silence(model, faces)
    changes = [*all_surgeries(model), *larger_surgeries(model)]
    names = [each.name for each in changes if each.patch is None]
    assert list(found) == names == list(stored("silenced")["surgeries"])
    assert found["none"]["other guess"] == found["none"]["difference"]
    guesses = silenced.guesses(model, faces.images, Surgery(lbp_weight=0.0))
    right = (guesses == faces.labels).double().mean().item()
    whole = (model(faces.images).logits.argmax(1) == faces.labels).double().mean().item()
    assert found["gate rgb"]["accuracy"]["value"] == pytest.approx(right, abs=1e-4)
    assert found["gate rgb"]["difference"]["value"] == pytest.approx(right - whole, abs=1e-4)
    assert found["gate rgb"]["other guess"]["value"] > 0
