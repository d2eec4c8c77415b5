"""From real to rendered, from colour to grey, and when the model for photographs may answer.

    python -m figures.experiments.domain_gap PACK      FER+, packed by data_scripts/prepare.py

Both shipped models on the shipped test faces, seen in four ways: in colour; grey; grey and of 48
pixels; and tight as well, as FER+'s pictures are. How tight that is, is measured: the face finder
is run on FER+'s validation pictures, enlarged, and its boxes are compared with the pictures. And
of the model for photographs: from which confidence on are its answers on FER+'s validation pictures
right at a wanted rate, and how many test pictures does it then answer, how rightly? Written to
`domain_gap.json`. No picture of FER+ is stored.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from figures.experiments.by_person import means
from figures.experiments.harness import PACK, Record, experiment
from figures.experiments.sim_to_real import MIDDLE
from vtff_lib.datasets import FaceSet, load_default
from vtff_lib.evaluation.answering import least_confidence
from vtff_lib.evaluation.intervals import wilson
from vtff_lib.evaluation.measure import predict
from vtff_lib.inputs import resize
from vtff_lib.photos.finding import find_faces
from vtff_lib.pretrained import load_pretrained
from vtff_lib.training.augmentation import LUMINANCE
from vtff_lib.vtff import VTFF

SIDE = 48  # pixels, of FER+'s pictures
ENLARGED, BORDER = 144, 36  # pixels, for the face finder
SEARCHED = 600  # validation pictures of FER+ that the face finder looks at
WANTED = (0.9, 0.95, 0.98)  # shares of answers that are to be right


def grey(images: Tensor) -> Tensor:
    """Return uint8 images `(N, 3, H, W)` without colour, three channels alike."""
    weights = torch.tensor(LUMINANCE).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True).round().byte().expand(-1, 3, -1, -1)


def as_ferplus(images: Tensor) -> Tensor:
    """Return rendered faces `(N, 3, 112, 112)` as FER+ would have them: grey, tight, 48 pixels."""
    return resize(grey(images[MIDDLE]), SIDE)


VIEWS = {
    "colour": lambda images: images,
    "grey": grey,
    "grey, 48 pixels": lambda images: resize(grey(images), SIDE),
    "grey, 48 pixels, tight": as_ferplus,
}


def on_renders(model: VTFF, faces: FaceSet) -> dict[str, Any]:
    """Return accuracy on eight classes and on the first three alone, for each view, and recalls."""
    table = {}
    three = faces.labels < 3
    for name, view in VIEWS.items():
        shares = predict(model, view(faces.images[:]))
        right = (shares.argmax(dim=1) == faces.labels).double()
        of_three = (shares[:, :3].argmax(dim=1) == faces.labels).double()
        persons = faces.extras["identities"]
        table[name] = {
            **means({"eight": right}, persons),
            **means({"three": of_three[three]}, persons[three]),
            "recall": {
                expression: round(right[faces.labels == label].mean().item(), 4)
                for label, expression in enumerate(faces.class_names)
            },
        }
    return table


def tightness(pictures: Iterable[Tensor]) -> dict[str, Any]:
    """Return how much larger than the finder's box FER+'s pictures `(3, 48, 48)` are."""
    ratios, count = [], 0
    for picture in pictures:
        count += 1
        image = Image.fromarray(picture.permute(1, 2, 0).numpy())
        large = np.asarray(image.resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC))
        room = ((BORDER, BORDER), (BORDER, BORDER), (0, 0))
        boxes = find_faces(np.pad(large, room, mode="edge"), smallest=0.3)
        if boxes:
            ratios.append(ENLARGED / boxes[0].height)
    low, middle, high = np.percentile(ratios, (25, 50, 75)).round(3).tolist()
    return {
        "pictures": count,
        "found": len(ratios),
        "side_by_box": {"quarter": low, "median": middle, "three quarters": high},
        "margin": round((middle - 1) / 2, 3),
    }


def answering(model: VTFF, valid: FaceSet, test: FaceSet) -> dict[str, Any]:
    """Return for each wanted rate the confidence, set on `valid`, and what it does on `test`."""
    shares = {name: predict(model, part.images) for name, part in (("v", valid), ("t", test))}
    right = {
        "v": shares["v"].argmax(dim=1) == valid.labels,
        "t": shares["t"].argmax(dim=1) == test.labels,
    }
    confidence = {name: share.amax(dim=1) for name, share in shares.items()}
    table = {}
    for wanted in WANTED:
        least = least_confidence(confidence["v"], right["v"], wanted)
        answered = confidence["t"] >= least
        correct = wilson(int(right["t"][answered].sum()), int(answered.sum()))
        table[str(wanted)] = {
            "confidence": round(least, 4),
            "answered": round(answered.float().mean().item(), 4),
            "pictures": len(test),
            "right": {key: round(value, 4) for key, value in correct._asdict().items()},
        }
    return table


@experiment("domain_gap.json", "numpy", "scikit-image", arguments=[PACK])
def main(pack: Path) -> Record:
    """Return what both models make of renders and photographs."""
    rendered = load_default()
    try:
        ferplus = FaceSet.read(pack)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(str(error)) from error
    valid, test = ferplus.part("valid"), ferplus.part("test")
    models = {name: load_pretrained(name) for name in ("tiny", "photos")}
    faces = rendered.part("test")
    step = max(1, len(valid) // SEARCHED)
    return {
        "faces": len(faces),
        "faces_sha256": rendered.manifest.get("sha256"),
        "ferplus_sha256": ferplus.manifest.get("sha256"),
        "rendered": {name: on_renders(model, faces) for name, model in models.items()},
        "tightness": tightness(valid.images[::step]),
        "answering": answering(models["photos"], valid, test),
    }


if __name__ == "__main__":
    main()
