"""Other people's models are asked in their own way, and their answers are read by name."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from figures.experiments import peers
from figures.experiments.harness import FIGURES
from vtff_lib.names import EXPRESSIONS

FACES = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
# Stand-ins for packages that are no requirement: they answer with what they were given.
INTERPRETER = """
import numpy

class Interpreter:
    def __init__(self, model_path, num_threads): pass
    def allocate_tensors(self): pass
    def get_input_details(self): return [{"index": 0}]
    get_output_details = get_input_details
    def set_tensor(self, index, picture): self.picture = picture
    def invoke(self): pass
    def get_tensor(self, index):
        picture = self.picture
        return [numpy.array([*picture.shape, picture.min(), picture.max(), picture.mean()])]
"""
FACE_API = """
faceapi = {
    tf: { setBackend() {}, tensor3d: (data, shape) => ({ data, shape, dispose() {} }) },
    nets: { faceExpressionNet: {
        async loadFromUri(uri) {
            this.word = (await (await fetch(`${uri}/word.json`)).json()).word;
        },
        async predictExpressions({ data: [red, green, blue] }) {
            return { neutral: red, happy: green, surprised: blue, sad: this.word,
                angry: 0, disgusted: 0, fearful: 0 };
        },
    } },
};
"""


def test_answers_are_read_by_the_names_of_their_classes() -> None:
    answers = np.eye(7) * 2
    for peer in peers.PEERS.values():
        shares = peers.in_order(answers, peer.classes, EXPRESSIONS)
        named = [EXPRESSIONS[int(column)] for column in shares.argmax(dim=1)]
        assert named == list(peer.classes)
        assert torch.equal(shares.sum(dim=1), torch.ones(7))
        assert not shares[:, EXPRESSIONS.index("contempt")].any()


def test_answers_of_another_number_of_classes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 8\), and 7 classes were expected"):
        peers.in_order(np.ones((2, 8)), peers.PEERS["fer"].classes, EXPRESSIONS)


@pytest.mark.parametrize(
    ("ask", "wanted"),
    [(peers.fer, [1, 64, 64, 1, -1, 1, 0]), (peers.facex, [1, 200, 200, 3, 0, 1, 0.5])],
)
def test_a_tflite_model_gets_the_size_and_the_range_that_it_learned(
    ask, wanted: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ai_edge_litert").mkdir()
    (tmp_path / "ai_edge_litert" / "interpreter.py").write_text(INTERPRETER)
    monkeypatch.syspath_prepend(tmp_path)
    answers = ask(tmp_path, FACES)
    assert answers.shape == (3, 7)
    np.testing.assert_allclose(answers, [wanted] * 3, atol=0.1)


def test_face_api_gets_each_face_once_and_its_weights_from_the_folder(
    chromium: str, tmp_path: Path
) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "face-api.js").write_text(FACE_API)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "word.json").write_text('{"word": 5}')
    answers = peers.face_api(tmp_path / "model" / "word.json", FACES)
    assert np.array_equal(answers[:, :3], np.stack([FACES[:, 0, 0]] * 3, axis=1))
    assert np.array_equal(answers[:, 3:], [[5, 0, 0, 0]] * 3)


def test_a_peer_that_is_not_installed_is_named(tmp_path: Path, monkeypatch) -> None:
    given = ["peers", str(tmp_path / "pack"), "--packages", str(tmp_path)]
    monkeypatch.setattr("sys.argv", given)
    with pytest.raises(SystemExit, match=r"holds no @vladmandic/face-api.* install all three"):
        peers.main()


def test_the_readme_tells_the_same_figures() -> None:
    readme = (FIGURES.parent / "README.md").read_text(encoding="utf-8")
    told = json.loads((FIGURES / "peers.json").read_text(encoding="utf-8"))["models"]
    assert set(told) == {"ours", *peers.PEERS}
    for model in told.values():
        recall = {each["name"]: each["recall"]["value"] for each in model["test"]["classes"]}
        shares = [
            model["test"]["accuracy"]["value"],
            model["accuracy_without_contempt"]["value"],
            model["test"]["balanced_accuracy"]["value"],
        ]
        cells = [f"{100 * share:.1f} %" for share in shares]
        cells += [f"{100 * recall[name]:.0f} %" for name in ("disgust", "fear")]
        assert f"| {' | '.join(cells)} |" in readme
