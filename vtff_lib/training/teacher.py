"""Learn from a teacher's answers beside the votes: knowledge distillation. Taught in 07b.

    write_answers("teacher.safetensors", train_set, predict(teacher, train_set.images))
    train(model, learned_from(train_set, "teacher.safetensors"), valid_set, config)

A teacher that found a picture hard says so for each class. Its answers tell a student more than one
word does, and on pictures that few people voted on, more than their votes.
"""

import json
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from vtff_lib.datasets import FaceSet
from vtff_lib.files import from_json
from vtff_lib.names import check_same_classes
from vtff_lib.refusals import check_number, check_tensor
from vtff_lib.training.checkpoints import describe_faces
from vtff_lib.training.targets import soft_targets
from vtff_lib.weights import read_metadata, read_weights, write_weights


def write_answers(path: str | Path, faces: FaceSet, probabilities: Tensor) -> None:
    """Write a teacher's answers to faces, with what tells these from others.

    Args:
        path: a `.safetensors` file in a folder that exists.
        faces: N of them; give those that are trained on alone.
        probabilities: `(N, num_classes)`, rows that sum to 1, such as the mean of what several
            models `predict`.

    Raises:
        ValueError: if they do not fit the faces, or are no probabilities.
    """
    shape = f"({len(faces)}, {len(faces.class_names)})"
    check_tensor("probabilities", probabilities, shape, "float", finite=True)
    if (probabilities < 0).any() or ((probabilities.sum(dim=1) - 1).abs() > 1e-2).any():
        raise ValueError(
            "probabilities hold a row that is negative or does not sum to 1; give what `predict` "
            "returns."
        )
    names = json.dumps(faces.class_names)
    notes = {"class_names": names, "faces": describe_faces(faces, faces.labels)}
    write_weights(path, {"probabilities": probabilities.float().contiguous()}, notes)


def learned_from(faces: FaceSet, path: str | Path, share: float = 0.5) -> FaceSet:
    """Return faces whose targets are a teacher's answers, mixed with their own.

        target = share · teacher + (1 - share) · votes / Σ votes

    Args:
        faces: those that `write_answers` got, in the same order.
        path: the file.
        share: of the teacher, 0 to 1.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is none of a teacher's answers, or of other faces, classes or order.

    Source: Hinton et al. 2015, "Distilling the knowledge in a neural network", at temperature 1.
    """
    check_number("share", share, 0, 1)
    answers, notes = read_weights(path), read_metadata(path)
    if set(answers) != {"probabilities"} or not {"class_names", "faces"} <= set(notes):
        raise ValueError(f"{path} holds no teacher's answers; give a file of `write_answers`.")
    names = tuple(from_json(notes["class_names"]))
    check_same_classes(str(path), names, "The faces", faces.class_names)
    if notes["faces"] != describe_faces(faces, faces.labels):
        raise ValueError(
            f"{path} answers to other faces ({notes['faces']}) than these, or to these in another "
            f"order ({describe_faces(faces, faces.labels)}); give the answers to these."
        )
    own = soft_targets(faces, len(names))
    mixed = share * answers["probabilities"] + (1 - share) * own
    return replace(faces, extras={**faces.extras, "votes": mixed})
