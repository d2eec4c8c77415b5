"""Draw the figures of lesson 06: the way through the model, reuse of weights, a file of weights.

python -m figures.drawings.lesson_06
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures.drawings.line_art import PAPER, SHADE, arrow, box, canvas, in_two, label, save_svg
from vtff_lib.plots.pictures import COLOURS, INK

MONO = {"family": "monospace"}
TOKENS = COLOURS["tokens"]


def part(axes: Axes, x: float, y: float, w: float, name: str, what: str, colour: str = INK) -> None:
    """Draw an attribute of the model, with what it is under its name."""
    box(axes, x, y, w, 1.0, "", colour)
    label(axes, x, y + 0.2, name, **MONO)
    label(axes, x, y - 0.22, what)


def flow() -> Figure:
    """Return the way of one face through the full-size model, in the names of the code."""
    figure, axes = canvas(14.4, 8.3)
    top, middle, bottom, last = 7.3, 5.95, 4.6, 1.7
    rgb, lbp, gate = COLOURS["rgb"], COLOURS["lbp"], COLOURS["gate"]
    label(axes, 0.95, top + 0.2, "rgb", **MONO)
    label(axes, 0.95, top - 0.22, "3×224×224")
    part(axes, 0.95, bottom, 1.6, "lbp", "codes (01)", lbp)
    arrow(axes, (0.95, top - 0.5), (0.95, bottom + 0.5))
    for y, view, colour in ((top, "rgb", rgb), (bottom, "lbp", lbp)):
        arrow(axes, (1.85, y), (2.35, y), colour=colour)
        part(axes, 4.0, y, 3.3, f'normalise["{view}"]', "mean 0, spread 1", colour)
        arrow(axes, (5.65, y), (6.15, y), colour=colour)
        part(axes, 7.85, y, 3.4, f'backbones["{view}"]', "ResNet-18 (02)", colour)
        ends = (11.6, y), (11.6, middle + (0.5 if y > middle else -0.5))
        arrow(axes, (9.55, y), *ends, colour=colour)
        label(axes, 10.6, y + 0.28, "512×7×7")
    part(axes, 11.6, middle, 3.2, "fusion", "U, G, L, gate (03, 04)", gate)
    turn = 3.2
    arrow(
        axes, (13.2, middle), (13.9, middle), (13.9, turn), (0.4, turn), (0.4, last), (0.7, last),
        colour=gate,
    )  # fmt: skip
    label(axes, 7.2, turn + 0.28, "512×7×7, cut into 49 cells of 512 numbers")
    part(axes, 2.45, last, 3.5, "token_projection", "512 to 768", TOKENS)
    arrow(axes, (4.2, last), (4.75, last), colour=TOKENS)
    part(axes, 6.7, last, 3.9, "cls_token", "1 + 49 tokens, + positions", TOKENS)
    label(axes, 6.7, last - 0.75, "+ position_embedding", **MONO)
    arrow(axes, (8.65, last), (9.2, last), colour=TOKENS)
    part(axes, 10.35, last, 2.3, "encoder", "4 blocks (05)", TOKENS)
    arrow(axes, (11.5, last), (12.05, last), colour=TOKENS)
    part(axes, 12.95, last, 1.8, "head", "768 to 7", TOKENS)
    label(axes, 10.35, last - 0.75, "50×768")
    label(axes, 12.95, last - 0.75, "[cls] alone")
    label(axes, 12.95, last - 1.2, "logits: 7 scores")
    return figure


def reuse() -> None:
    """Draw why two layers of equal work have so unequal numbers of weights."""
    figure, axes = canvas(14.4, 5.6)
    blue = COLOURS["rgb"]
    label(axes, 3.5, 5.25, "a 3×3 convolution of the first stage", fontsize=10.5)
    size, rows = 0.2, 14
    left, foot = 0.6, 1.7
    for i in range(rows):
        for j in range(rows):
            corner = (left + j * size, foot + i * size)
            axes.add_patch(Rectangle(corner, size, size, facecolor=SHADE, edgecolor=PAPER, lw=0.6))
    window = (left + size, foot + (rows - 4) * size)
    axes.add_patch(Rectangle(window, 3 * size, 3 * size, facecolor=blue, edgecolor=INK, lw=1))
    arrow(axes, (left + 4.5 * size, window[1] + 0.3), (left + 9 * size, window[1] + 0.3))
    arrow(axes, (window[0] + 0.3, window[1] - 0.1), (window[0] + 0.3, foot + 4 * size))
    label(axes, 5.3, 4.0, "36,864 weights")
    label(axes, 5.3, 3.45, "used at")
    label(axes, 5.3, 2.9, "56·56 = 3,136 places")
    label(axes, 3.5, 1.1, "36,864 · 3,136 = 115.6 M multiply-adds")
    axes.plot([7.2, 7.2], [0.8, 5.3], color=INK, lw=0.8, ls=":")
    label(axes, 10.9, 5.25, "a linear layer of an MLP in the encoder", fontsize=10.5)
    axes.add_patch(Rectangle((7.8, 1.9), 1.2, 2.6, facecolor=TOKENS, edgecolor=INK, lw=1))
    label(axes, 8.4, 3.2, "768\nto\n3072")
    for j in range(50):
        corner = (9.4 + (j % 10) * 0.2, 4.3 - (j // 10) * 0.2)
        axes.add_patch(Rectangle(corner, 0.16, 0.16, facecolor=SHADE, edgecolor=INK, lw=0.5))
    label(axes, 10.4, 3.0, "50 tokens")
    label(axes, 13.05, 4.0, "2,359,296 weights")
    label(axes, 13.05, 3.45, "used for")
    label(axes, 13.05, 2.9, "50 tokens")
    label(axes, 10.9, 1.1, "2,359,296 · 50 = 118.0 M multiply-adds")
    label(axes, 7.2, 0.35, "work = weights × how often each is used", fontsize=10.5)
    save_svg(figure, "assembly_reuse")


def file() -> None:
    """Draw what stands in a .safetensors file, and what in a pickle."""
    figure, axes = canvas(14.4, 4.6)

    def strip(y: float, pieces: list[tuple[float, str, str]]) -> None:
        x = 0.4
        for width, text, colour in pieces:
            axes.add_patch(Rectangle((x, y), width, 1.0, facecolor=colour, edgecolor=INK, lw=1.2))
            label(axes, x + width / 2, y + 0.5, text)
            x += width

    label(axes, 0.4, 4.2, "model.safetensors: data, and a table of contents", ha="left")
    contents = "JSON: settings, class names, and the\nname, dtype, shape, place of each tensor"
    numbers = (4.2, "the numbers of all\ntensors in a row", PAPER)
    strip(2.85, [(2.9, "8 bytes: length\nof the header", PAPER), (6.5, contents, SHADE), numbers])
    label(axes, 0.4, 1.95, "model.pth, written by pickle: a program", ha="left")
    program = "instructions to run: “import this, call that with …”"
    strip(0.6, [(9.4, program, COLOURS["gate"] + "55"), numbers])
    save_svg(figure, "assembly_file")


def main() -> None:
    """Draw all."""
    save_svg(flow(), "assembly_flow", in_two(flow, 0.47, upright=True))
    reuse()
    file()


if __name__ == "__main__":
    main()
