"""Draw contact sheets of the synthetic faces: `python -m figures.drawings.faces`.

Each sheet changes one thing and keeps the rest, so that one look tells whether it is right.
"""

import math
from collections.abc import Sequence

import torch
from matplotlib.figure import Figure

from figures.experiments.harness import FIGURES
from vtff_lib import files
from vtff_lib.names import EXPRESSIONS
from vtff_lib.plots.pictures import INK, as_array
from vtff_lib.synthetic_faces import ACTION_UNITS, Faces, render, sample
from vtff_lib.synthetic_faces.shots import OCCLUDERS, lamp_at

SIZE = 112
SEED = 20


def people(count: int) -> Faces:
    """Return that many different people."""
    return sample(range(0, 4 * count, 4), seed=SEED)


def one(number: int, times: int) -> Faces:
    """Return one of them, several times."""
    return people(number + 1)[torch.full((times,), number)]


def sheet(path: str, faces: Faces, columns: int, rows: Sequence[str], heads: Sequence[str]) -> None:
    """Render `faces` row by row into one picture, with words beside the rows and above."""
    images = render(faces, SIZE).images
    lines = math.ceil(len(images) / columns)
    blank = torch.full((lines * columns - len(images), 3, SIZE, SIZE), 255, dtype=torch.uint8)
    tiles = torch.cat([images, blank]).unflatten(0, (lines, columns))
    whole = tiles.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)  # (3, lines·S, columns·S)
    side, margin, top = 0.95, 0.95 if rows else 0.05, 0.28 if heads else 0.05
    width, height = columns * side + margin + 0.05, lines * side + top + 0.05
    figure = Figure(figsize=(width, height))
    axis = figure.add_axes(
        (margin / width, 0.05 / height, columns * side / width, lines * side / height)
    )
    axis.imshow(as_array(whole), extent=(0, columns, lines, 0), interpolation="lanczos")
    axis.set_xticks([place + 0.5 for place in range(columns)], heads or [""] * columns, fontsize=8)
    axis.set_yticks([place + 0.5 for place in range(lines)], rows or [""] * lines, fontsize=8)
    axis.xaxis.tick_top()
    axis.tick_params(length=0, colors=INK, pad=2)
    axis.spines[:].set_visible(False)
    with files.whole(FIGURES / path) as unfinished:
        look = {"facecolor": "white", "pil_kwargs": {"quality": 88}}
        figure.savefig(unfinished, dpi=118, format="jpg", **look)
    print(path)


def by_expression() -> None:
    """Ten faces of each expression, as they are drawn for training."""
    faces = sample(range(800), seed=SEED)
    rows = [(faces.labels == label).nonzero().flatten()[:10] for label in range(len(EXPRESSIONS))]
    sheet("faces_by_expression.jpg", faces[torch.cat(rows)], 10, EXPRESSIONS, ())


def by_action_unit() -> None:
    """Each action unit from 0 to 1 on one person."""
    levels = torch.tensor([0.0, 1 / 3, 2 / 3, 1.0])
    count = len(ACTION_UNITS)
    faces = one(1, 4 * count).in_studio().showing({})
    units = faces.action_units.view(count, 4, count, 2)
    for number in range(count):
        units[number, :, number] = levels[:, None]
    half = math.ceil(count / 2)  # two units in a row, the second column after the first
    pairs = [(row, row + half) if row + half < count else (row,) for row in range(half)]
    order = [4 * number + step for pair in pairs for number in pair for step in range(4)]
    rows = [" | ".join(f"AU {ACTION_UNITS[number]}" for number in pair) for pair in pairs]
    heads = ["0", "⅓", "⅔", "1"] * 2
    sheet("faces_by_action_unit.jpg", faces[torch.tensor(order)], 8, rows, heads)


def by_person() -> None:
    """Forty people at rest."""
    sheet("faces_by_person.jpg", people(40).in_studio(zoom=1.1).showing({}), 10, (), ())


def by_pose() -> None:
    """Yaw, pitch and roll of two people."""
    angles = torch.linspace(-0.42, 0.42, 9)
    parts = [
        one(person, 9).in_studio(**{turn: scale * angles})
        for person in (2, 8)
        for turn, scale in (("yaw", 1), ("pitch", 0.7), ("roll", 0.7))
    ]
    rows = ["yaw", "pitch", "roll"] * 2
    heads = [f"{angle:+.2f}" for angle in angles.tolist()]
    sheet("faces_by_pose.jpg", parts[0].followed_by(*parts[1:]), 9, rows, heads)


def by_light() -> None:
    """A lamp that goes round, and up; then its power, and the light from all sides."""
    steps = torch.linspace(-1.2, 1.2, 9)
    level = torch.full((9,), 0.3)
    parts = [
        one(person, 9).in_studio(**shot)
        for person in (5, 12)
        for shot in (
            {"lamp": lamp_at(steps, level), "ambient": 0.2},
            {"lamp": lamp_at(level, steps * 0.9), "ambient": 0.2},
            {"lamp_power": torch.linspace(0.3, 1.4, 9)},
        )
    ]
    rows = ["round", "up", "power"] * 2
    sheet("faces_by_light.jpg", parts[0].followed_by(*parts[1:]), 9, rows, ())


def by_obstacle_and_camera() -> None:
    """What hides a part of the face, and what a camera does to it."""
    effects = {
        "exposure": torch.linspace(0.5, 1.6, 8),
        "blur": torch.linspace(0, 1.6, 8),
        "noise": torch.linspace(0, 12, 8),
        "loss": torch.linspace(0, 1, 8),
    }
    parts = [people(8).in_studio(occluder=number) for number in range(1, len(OCCLUDERS))]
    parts += [one(9, 8).in_studio(**{name: values}) for name, values in effects.items()]
    rows = [*OCCLUDERS[1:], *effects]
    sheet("faces_by_obstacle_and_camera.jpg", parts[0].followed_by(*parts[1:]), 8, rows, ())


def main() -> None:
    """Draw all sheets."""
    by_expression()
    by_action_unit()
    by_person()
    by_pose()
    by_light()
    by_obstacle_and_camera()


if __name__ == "__main__":
    main()
