"""What the story tells beside the maps: names of squares, faces to move, how often maps agree."""

import json

import pytest
import torch

from figures.experiments import need
from figures.experiments.harness import FIGURES
from tests.explored import faces, small
from vtff_lib.datasets import FaceSet
from vtff_lib.explain import occlusion
from vtff_lib.explorer.content import tell
from vtff_lib.explorer.explorer import Explorer
from vtff_lib.explorer.story import Pad, Story
from vtff_lib.names import EXPRESSIONS
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import REGIONS, render, sample
from vtff_lib.synthetic_faces.squares import squares_in_words


@pytest.fixture(scope="module")
def frontal():
    return render(sample([0], seed=2, split="test").in_studio(), size=112).regions[0]


# Names of squares


def test_squares_are_named_by_what_they_show_and_left_is_the_pictures_left(frontal):
    words = squares_in_words(frontal, (7, 7))
    mirrored = squares_in_words(frontal.flip(1), (7, 7))
    swapped = {"left": "right", "right": "left"}
    for row in range(7):
        line = words[7 * row : 7 * row + 7]
        told = [" ".join(swapped.get(each, each) for each in word.split()) for word in line]
        assert mirrored[7 * row : 7 * row + 7][::-1] == told
    assert {"left brow", "right eye", "left mouth corner", "chin", "nose"} <= set(words)
    assert words[0] == "outside the face"
    assert words.index("left brow") < words.index("left mouth corner") < words.index("chin")


@pytest.mark.parametrize("grid", [(1, 1), (14, 14), (7, 14)])
def test_any_grid_gets_a_name_for_each_square(frontal, grid):
    words = squares_in_words(frontal, grid)
    assert len(words) == grid[0] * grid[1]
    assert all(words)


def test_a_face_of_which_nothing_is_seen_has_no_parts():
    nothing = torch.zeros(28, 28, dtype=torch.uint8)
    assert set(squares_in_words(nothing, (7, 7))) == {"outside the face"}


def test_a_square_bears_the_name_of_the_part_that_fills_most_of_it():
    regions = torch.zeros(6, 6, dtype=torch.uint8)
    regions[:2, 2:4] = 1 + REGIONS.index("nose")
    regions[0, 2] = 1 + REGIONS.index("eyes")
    assert squares_in_words(regions, (3, 3))[1] == "nose"


# What a page gets


def test_a_page_without_a_story_of_its_own_has_its_first_face():
    content = Explorer(small(), faces(2)).content
    assert content["story"] == {"first": 0}


def test_a_story_names_the_squares_of_each_face_but_a_photograph(frontal):
    story = Story([squares_in_words(frontal[::2, ::2][:48, :48], (3, 3)), None])
    content = Explorer(small(), faces(2), story=story).content
    named, photo = content["story"]["squares"]
    assert named == story.squares[0]
    assert photo is None


WRONG = [
    (lambda: Pad("a", "b", faces(3)), "3 faces; give as many rows as columns"),
    (lambda: Pad("a", "b", faces(1)), "1 faces"),
    (lambda: Pad("a", "b", faces(4).float()), "uint8"),
    (lambda: tell(Story([None]), small(), 2), "2 faces and names of squares for 1"),
    (lambda: tell(Story([["nose"] * 8]), small(), 1), "8 names; 9 squares"),
    (lambda: tell(Story(need={"faces": 3}), small(), 1), r"what figures/need\.json holds"),
    (lambda: squares_in_words(torch.zeros(7, 7), (7, 7)), "uint8"),
    (lambda: Explorer(small(), faces(1), story=Story(first=1)), "first"),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG)
def test_what_does_not_fit_is_refused_in_words(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()


# How often maps agree with the need


@pytest.fixture(scope="module")
def some():
    drawn = sample(range(8), split="test")
    extras = {"identities": drawn.identities}
    images = render(drawn, size=112).images
    return FaceSet(images, drawn.labels, torch.full((8,), 2), EXPRESSIONS, extras)


def test_agreement_is_counted_face_by_face(some):
    model = load_pretrained("tiny")
    found = need.compare(model, some)
    out = model(some.images[:], return_maps=True)
    cost = occlusion(model, some.images[:], out.logits.argmax(dim=1)).values.flatten(1)
    needed = cost.argmax(dim=1)
    weights = out.attentions[-1].mean(dim=1)[:, 0, 1:]
    first = (weights.argmax(dim=1) == needed).double().mean().item()
    assert found["agreement"]["attention"]["first"]["value"] == pytest.approx(first, abs=1e-4)
    lost = (cost.amax(dim=1) > 0.3).double().mean().item()
    assert found["one square costs"]["more than 0.3"]["value"] == pytest.approx(lost, abs=1e-4)
    assert found["chance"] == {"first": 0.0204, "of five": 0.102}
    for hits in found["agreement"].values():
        assert hits["first"]["value"] <= hits["of five"]["value"]


def test_the_square_of_others_knows_nothing_of_the_persons_own_faces():
    needed, persons = torch.tensor([3, 3, 5, 5]), torch.tensor([0, 0, 1, 2])
    heat = need.of_others(needed, persons, 9)
    assert heat.argmax(dim=1).tolist() == [5, 5, 3, 3]
    assert heat[0].sum() == 2


def test_the_stored_agreement_is_of_this_script():
    told = json.loads((FIGURES / "need.json").read_text(encoding="utf-8"))
    assert told["command"] == "python -m figures.experiments.need"
    assert {"date", "torch", "faces_sha256", "cpu_seconds", "faces", "right"} <= told.keys()
    assert set(told["agreement"]) == {
        *("attention", "rollout", "gradient", "grad-cam", "same square for all"),
    }
    maps = {name: hits["first"] for name, hits in told["agreement"].items()}
    same = maps.pop("same square for all")
    assert all(told["chance"]["first"] < hits["low"] for hits in maps.values())
    assert all(hits["high"] < same["value"] for hits in maps.values())  # what the story says
