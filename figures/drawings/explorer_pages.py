"""Make the explorer's page and picture of the shipped model.

    python -m figures.drawings.explorer_pages
    python -m figures.drawings.explorer_pages --photographs --out somewhere

The faces are chosen by rules, not by their looks. Of the shipped test faces:

- for each expression the first that nothing hides, of a person not yet chosen;
- the first that something hides;
- those lit most from the left and most from the right;
- the first that the model misnames.

And one photograph, of astronaut Eileen Collins: NASA, public domain. The story moves the face of
one more person between two action units, and tells what `need.json` found.

The page holds its model, which answers there to any change. With `--photographs`, the page
`explorer_faces.html` is made as well, 3.8 MB larger: the model for photographs lives in it, too.

The files are the same, byte for byte, whenever they are made on one machine.
"""

import argparse
from pathlib import Path

import torch
from skimage import data
from torch import Tensor

from figures.experiments.harness import FIGURES
from vtff_lib import files, load_pretrained
from vtff_lib.datasets import load_default
from vtff_lib.evaluation.measure import predict
from vtff_lib.explain.surgery import Surgery
from vtff_lib.explorer.explorer import Explorer
from vtff_lib.explorer.story import Pad, Story
from vtff_lib.inputs import resize
from vtff_lib.photos.finding import crops_to_batch, face_from_photo, find_faces, grey_face
from vtff_lib.synthetic_faces import render, sample
from vtff_lib.synthetic_faces.shots import OCCLUDERS
from vtff_lib.synthetic_faces.squares import squares_in_words
from vtff_lib.vtff import VTFF

TITLE = "VTFF tiny: what it looks at in a face"
PHOTOGRAPHS = "VTFF photos: what it looks at in a photograph, which it is given in grey"
PHOTO = "Eileen Collins (NASA)"
FIRST = "anger face"  # one square decides it, and what is seen there can be said in a word
PAD_PERSON, PAD_STEPS = 24, 6  # a person between whose expressions five words lie
NEED = FIGURES / "need.json"
STILL = ("neutral face", "surprise face", "misnamed", PHOTO)


def choose(model: VTFF) -> tuple[Tensor, list[str], list[str], list[Tensor | None]]:
    """Return the faces `(N, 3, H, W)`, their names, their labels in words, and their regions.

    Raises:
        RuntimeError: if the shipped faces are not those that `sample` draws, so that what hides
            them is not known.
    """
    shipped = load_default()
    test = shipped.part("test")
    drawn = sample(range(len(test)), seed=shipped.manifest["seed"], split="test")
    if not drawn.light.allclose(test.extras["light"]):
        raise RuntimeError("The shipped faces are of another renderer; run make synthetic first.")
    wrong = predict(model, test.images).argmax(dim=1) != test.labels
    hidden, side = drawn.shots.occluder, drawn.light[:, 0]
    chosen: dict[int, str] = {}
    persons: set[int] = set()
    for label, name in enumerate(test.class_names):
        rows = ((test.labels == label) & (hidden == 0)).nonzero().flatten().tolist()
        row = next(row for row in rows if int(drawn.identities[row]) not in persons)
        persons.add(int(drawn.identities[row]))
        chosen[row] = f"{name} face"
    row = int((hidden > 0).nonzero()[0])
    chosen.setdefault(row, f"behind a {OCCLUDERS[int(hidden[row])]}")
    chosen.setdefault(int(side.argmin()), "lit from the left")
    chosen.setdefault(int(side.argmax()), "lit from the right")
    chosen.setdefault(int(wrong.nonzero()[0]), "misnamed")
    rows = torch.tensor(list(chosen))
    photo = crops_to_batch([face_from_photo(data.astronaut(), size=model.config.image_size)])
    return (
        torch.cat([test.images[rows], photo]),
        [*chosen.values(), PHOTO],
        [*(test.class_names[int(label)] for label in test.labels[rows]), ""],
        [*test.extras["regions"][rows], None],
    )


def pad(size: int) -> Pad:
    """Return one person's face between lip corners up (AU 12) and brows down (AU 4)."""
    person = sample([PAD_PERSON], seed=2, split="test").in_studio()
    steps = [step / (PAD_STEPS - 1) for step in range(PAD_STEPS)]
    rows = [
        render(person.showing({4: down, 12: up}), size).images for down in steps for up in steps
    ]
    return Pad("lip corners up", "brows down", torch.cat(rows))


def photographs() -> Explorer:
    """Return what the model for photographs knows: the astronaut, grey as it was trained."""
    model, photo = load_pretrained("photos"), data.astronaut()
    grey = resize(grey_face(photo, find_faces(photo)[0]), model.config.image_size)
    return Explorer({"photographs": model}, grey, [PHOTO], title=PHOTOGRAPHS)


def make(
    out: Path,
    limit: int | None = None,
    surgeries: list[Surgery] | None = None,
    with_photographs: bool = False,
) -> None:
    """Write `explorer_tiny.html` and `explorer_tiny.png` into the folder `out`.

    Args:
        out: a folder that exists.
        limit: how many of the faces; all if not given.
        surgeries: see `Explorer`; all if not given.
        with_photographs: whether `explorer_faces.html` is made as well.
    """
    model = load_pretrained("tiny")
    images, names, labels, regions = choose(model)
    squares = [one if one is None else squares_in_words(one, model.config.grid) for one in regions]
    story = Story(
        squares[:limit],
        pad(model.config.image_size),
        files.from_json(NEED.read_text(encoding="utf-8")),
        min(names.index(FIRST), len(names[:limit]) - 1),
    )
    explorer = Explorer(
        model,
        images[:limit],
        names[:limit],
        labels[:limit],
        TITLE,
        surgeries=surgeries,
        story=story,
    )
    explorer.save(out / "explorer_tiny.html", live=True)
    if with_photographs:
        explorer.save(out / "explorer_faces.html", live=True, photographs=photographs())
    shown = [face for face, name in enumerate(explorer.names) if name in STILL]
    files.write(out / "explorer_tiny.png", explorer.still(shown).png)


def main() -> None:
    """Make both files, and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=FIGURES, help="folder (default: figures)")
    parser.add_argument("--photographs", action="store_true", help="also make explorer_faces.html")
    options = parser.parse_args()
    torch.set_num_threads(1)  # sums of floats depend on the number of threads
    make(options.out, with_photographs=options.photographs)
    faces = ["explorer_faces.html"] * options.photographs
    for name in ("explorer_tiny.html", "explorer_tiny.png", *faces):
        print(f"{name}: {(options.out / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
