"""Measure a model on packed faces: `python -m vtff_lib.evaluation --help`. Taught in 10."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from vtff_lib import files
from vtff_lib.datasets import FaceSet
from vtff_lib.datasets.sources.challenge_lists import mark_challenging
from vtff_lib.endings import in_a_sentence
from vtff_lib.evaluation.circumstances import circumstances
from vtff_lib.evaluation.measure import evaluate, predict
from vtff_lib.names import SPLITS
from vtff_lib.pretrained import MODELS, load_pretrained
from vtff_lib.vtff import VTFF

DESCRIPTION = """\
Measure a model on a split of packed faces, or on those of them that a list names.

  python -m vtff_lib.evaluation photos ferplus.safetensors --flipped
  python -m vtff_lib.evaluation runs/a/model.safetensors ferplus.safetensors \\
      --subset pose_30_ferplus_list.txt --json turned.json"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a mistake ends it with a sentence, see `in_a_sentence`."""
    options = make_parser().parse_args(arguments)
    with in_a_sentence("Stopped; nothing is written."):
        run(options)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m vtff_lib.evaluation",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("model", help=f"a file that VTFF.save wrote, or a shipped one: {', '.join(MODELS)}")
    add("faces", type=Path, help="packed set of faces")
    add("--split", choices=SPLITS, default="test", help="(default: %(default)s)")
    add("--subset", type=Path, metavar="LIST", help="of occluded or turned faces, as RAN has them")
    add("--flipped", action="store_true", help="measure on mirror images too, and average")
    add("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser


def run(options: argparse.Namespace) -> None:
    """Measure as told, and print the report.

    Raises:
        ValueError: if model, faces or list will not do.
        OSError: if one of them is not there, or the figures cannot be written.
    """
    known = options.model in MODELS
    model = load_pretrained(options.model) if known else VTFF.load(options.model)
    faces, told = FaceSet.read(options.faces).part(options.split), ""
    if options.subset is not None:
        faces, told = listed(faces, options.subset)
        print(told)
    probabilities = predict(model, faces.images, flipped=options.flipped)
    report = evaluate(probabilities, faces, model.config.class_names)
    print(report)
    if options.json is not None:
        record = {
            **circumstances("numpy", "scikit-learn"),
            "model": options.model,
            "faces": {"sha256": faces.manifest.get("sha256"), "split": options.split},
            "subset": told,
            "flipped": options.flipped,
            "report": report.to_dict(),
        }
        files.write_json(options.json, record)


def listed(faces: FaceSet, path: Path) -> tuple[FaceSet, str]:
    """Return those faces that a list names, and a sentence on the others of the list.

    Raises:
        FileNotFoundError: if there is no such list.
        ValueError: if it names none of these, or they have no names.
    """
    if not faces.ids:
        raise ValueError(
            f"{path.name} names pictures, and these faces have no names; pack them anew with "
            "data_scripts/prepare.py."
        )
    mask, told = mark_challenging(path, faces.ids)
    return faces[mask], f"{int(mask.sum())} of {len(faces)} faces. {told}"


if __name__ == "__main__":
    main()
