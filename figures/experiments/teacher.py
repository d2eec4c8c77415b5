"""Three models as one: the mean of their answers, measured, and written down for a student.

    python -m figures.experiments.teacher PACK

PACK is that of `python -m figures.experiments.ferplus PACK teacher`, whose weights in `build/` are
read. Each picture is seen twice, once mirrored. The answers to the training pictures go to
`build/teacher.safetensors`, see `vtff_lib.training.teacher`; no other picture is answered there.
"""

from pathlib import Path

import torch
from torch import Tensor

from figures.experiments.ferplus import read_faces
from figures.experiments.harness import BUILD, PACK, Record, experiment, first_seeds
from figures.experiments.runs import weights_of
from vtff_lib.datasets import FaceSet
from vtff_lib.datasets.twins import find_twins
from vtff_lib.evaluation.measure import evaluate, predict
from vtff_lib.training.teacher import write_answers
from vtff_lib.vtff import VTFF

ANSWERS = BUILD / "teacher.safetensors"


def mean_answer(models: list[VTFF], faces: FaceSet) -> Tensor:
    """Return the mean of what several models say, `(N, classes)`."""
    shares = [predict(model, faces.images, flipped=True) for model in models]
    return torch.stack(shares).mean(dim=0)


@experiment("ferplus_teacher_mean.json", "numpy", "scikit-learn", arguments=[PACK, first_seeds(3)])
def main(pack: Path, seeds: list[int]) -> Record:
    """Write the answers, and return what they are worth."""
    faces = read_faces(pack)
    models = [VTFF.load(weights_of("ferplus_teacher", seed)) for seed in seeds]
    learned = faces.part("train")
    write_answers(ANSWERS, learned, mean_answer(models, learned))
    alone = faces[~find_twins(faces.images, faces.splits).across]
    parts = {
        "valid": faces.part("valid"),
        "test": faces.part("test"),
        "without_twins": alone.part("test"),
    }
    return {
        "seeds": seeds,
        "faces_sha256": faces.manifest.get("sha256"),
        **{
            name: evaluate(mean_answer(models, part), part.labels, part.class_names).to_dict()
            for name, part in parts.items()
        },
    }


if __name__ == "__main__":
    main()
