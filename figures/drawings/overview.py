"""Draw `figures/overview.png`: how a face flows through VTFF. Run `make figures`.

The face is scikit-image's astronaut (public domain). The maps come from the full-size model with
random weights (seed 0): they show shapes, not knowledge. The class scores are drawn all alike.
"""

import torch
from matplotlib.axes import Axes
from skimage.data import astronaut

from figures.drawings import line_art
from figures.drawings.line_art import arrow
from figures.experiments.harness import FIGURES
from vtff_lib import files
from vtff_lib.config import VTFFConfig
from vtff_lib.photos.finding import crop_face, crops_to_batch, find_faces
from vtff_lib.plots.pictures import COLOURS, INK, as_array
from vtff_lib.vtff import VTFF

WIDTH, HEIGHT = 16.4, 6.2  # of the canvas, in the units of all positions
INCHES = 11.0  # the width it is drawn at: text is as large as on a page


def box(canvas: Axes, x: float, y: float, w: float, h: float, text: str, colour: str) -> None:
    """Draw a part of the model, centred at (x, y)."""
    line_art.box(canvas, x, y, w, h, text, colour, fontsize=9)


def image(canvas: Axes, x: float, y: float, size: float, pixels: torch.Tensor, label: str) -> None:
    """Draw an image or a map, centred at (x, y), with a label under it."""
    inset = canvas.inset_axes((x - size / 2, y - size / 2, size, size), transform=canvas.transData)
    inset.imshow(as_array(pixels), cmap="viridis", interpolation="nearest")
    inset.set_axis_off()
    canvas.text(x, y - size / 2 - 0.1, label, ha="center", va="top", fontsize=8.5, color=INK)


def main() -> None:
    """Run the model once and draw every station of the way."""
    photo = astronaut()
    face = crop_face(photo, find_faces(photo)[0], size=224)
    torch.manual_seed(0)
    model = VTFF(VTFFConfig.paper()).eval()
    with torch.inference_mode():
        out = model(crops_to_batch([face]), return_maps=True)

    figure, canvas = line_art.canvas(WIDTH, HEIGHT, INCHES)
    top, middle, bottom = 4.75, 3.1, 1.45

    image(canvas, 1.1, top, 1.7, torch.from_numpy(face).permute(2, 0, 1), "RGB view\n3×224×224")
    image(canvas, 1.1, bottom, 1.7, out.lbp[0], "LBP view\n3×224×224")
    arrow(canvas, (1.1, 3.1), (1.1, 2.4))
    canvas.text(1.3, 2.75, "codes of 3×3 windows (01)", fontsize=8.5, va="center", color=INK)
    for y, view, maps in ((top, "rgb", out.rgb_map), (bottom, "lbp", out.lbp_map)):
        colour, name = COLOURS[view], view.upper()
        arrow(canvas, (2.0, y), (2.5, y), colour=colour)
        box(canvas, 3.25, y, 1.5, 0.9, "ResNet-18\ntrunk (02)", colour)
        arrow(canvas, (4.0, y), (4.5, y), colour=colour)
        image(canvas, 5.1, y, 1.1, maps[0].mean(0), f"$X_{{{name}}}$\n512×7×7")

    arrow(canvas, (5.7, top), (6.2, top), (6.2, middle + 0.15), (6.7, middle + 0.15))
    arrow(canvas, (5.7, bottom), (6.2, bottom), (6.2, middle - 0.15), (6.7, middle - 0.15))
    box(canvas, 7.0, middle, 0.6, 0.9, "U\n(03)", INK)
    arrow(canvas, (7.0, middle + 0.45), (7.0, top), (7.3, top), colour=COLOURS["global"])
    arrow(canvas, (7.0, middle - 0.45), (7.0, bottom), (7.3, bottom), colour=COLOURS["local"])
    box(canvas, 8.3, top, 2.0, 0.9, "G(U): which\nchannels? (03)", COLOURS["global"])
    box(canvas, 8.3, bottom, 2.0, 0.9, "L(U): which\nplaces? (03)", COLOURS["local"])
    arrow(canvas, (8.3, top - 0.45), (8.3, middle + 0.62), colour=COLOURS["global"])
    arrow(canvas, (8.3, bottom + 0.45), (8.3, middle - 0.95), colour=COLOURS["local"])
    image(canvas, 8.3, middle, 1.1, out.gate[0].mean(0), "gate = σ(G ⊕ L)  (04)")
    arrow(canvas, (8.9, middle), (9.5, middle), colour=COLOURS["gate"])
    box(canvas, 10.6, middle, 2.2, 0.9, "$X_{LBP}$·gate +\n$X_{RGB}$·(1 − gate)", COLOURS["gate"])
    over, under = top + 0.9, bottom - 1.2
    arrow(
        canvas, (5.1, top + 0.6), (5.1, over), (10.6, over), (10.6, middle + 0.45),
        colour=COLOURS["rgb"],
    )  # fmt: skip
    arrow(
        canvas, (5.1, bottom - 1.15), (5.1, under), (10.6, under), (10.6, middle - 0.45),
        colour=COLOURS["lbp"],
    )  # fmt: skip
    arrow(canvas, (11.7, middle), (12.1, middle))
    box(canvas, 12.9, middle, 1.6, 0.9, "[cls] + 49\ntokens (05)", COLOURS["tokens"])
    arrow(canvas, (12.9, middle - 0.45), (12.9, bottom + 0.45), colour=COLOURS["tokens"])
    box(canvas, 12.9, bottom, 1.6, 0.9, "transformer\nencoder (05)", COLOURS["tokens"])
    arrow(canvas, (13.7, bottom), (14.1, bottom), colour=COLOURS["tokens"])

    names = model.config.class_names
    bars = canvas.inset_axes((15.6, bottom - 0.75, 0.7, 1.5), transform=canvas.transData)
    bars.barh(range(len(names)), 1, color=COLOURS["tokens"])
    bars.set_yticks(range(len(names)), names, fontsize=8.5)
    bars.invert_yaxis()
    bars.set(xlim=(0, 2), xticks=[])
    canvas.text(15.3, bottom - 0.9, "class scores (06)", ha="center", va="top", fontsize=8.5)
    with files.whole(FIGURES / "overview.png") as path:
        figure.savefig(path, format="png", facecolor="white")


if __name__ == "__main__":
    main()
