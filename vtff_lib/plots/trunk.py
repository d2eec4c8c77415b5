"""What a trunk's shortcuts are good for, and what its channels follow, in charts."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor

from vtff_lib.plots.pictures import COLOURS, INK, Picture, picture, tidy
from vtff_lib.refusals import check_by_name, check_sizes, check_tensor

STYLES = {"plain": "--", "residual": "-"}


def losses_by_kind(
    live: Mapping[str, Tensor], stored: Mapping[str, Any], layers: int, average: int = 10
) -> Picture:
    """Return the training losses of plain and of residual nets, by step.

    Args:
        live: of a run made now, `(steps,)` for each of "plain" and "residual".
        stored: what `figures/experiments/plain_or_residual.py` has written.
        layers: of the stored nets that are shown.
        average: how many steps of the live run are one point.
    """
    check_by_name("live", live)
    check_sizes(average=average)
    rates = {row["kind"]: row["rate"] for row in stored["summary"] if row["layers"] == layers}
    nets = [net for run in stored["runs"] for net in run["nets"] if net["layers"] == layers]
    figure = Figure(figsize=(5.2, 3.2), layout="constrained")
    axis = figure.add_subplot()
    for kind, style in STYLES.items():
        check_tensor(kind, live[kind], "(steps,)", finite=True)
        means = live[kind][: len(live[kind]) // average * average].view(-1, average).mean(dim=1)
        steps = [average * (index + 0.5) for index in range(len(means))]
        axis.plot(steps, means, style, color=INK, lw=2.4, label=f"{kind}, your run")
        shown = [net["curve"] for net in nets if (net["kind"], net["rate"]) == (kind, rates[kind])]
        for index, curve in enumerate(shown):
            every = [20 * (place + 0.5) for place in range(len(curve))]
            label = "" if index else f"{kind}, stored"
            axis.plot(every, curve, style, color=INK, lw=0.9, label=label)
    tidy(axis, "step", "training loss")
    axis.tick_params(labelsize=9)
    axis.set_ylim(bottom=0)
    axis.legend(fontsize=9, frameon=False)
    return picture(
        figure,
        f"Training loss by step of nets of {layers} layers. The residual ones, in solid lines, "
        "start higher and end well below the plain ones, in dashed lines.",
        f"{layers} layers, with shortcuts (solid) and without (dashed): your run of "
        f"{len(live['plain'])} steps, and stored ones from three seeds.",
    )


def closest_channels(closest: Mapping[str, Tensor], names: Sequence[str]) -> Picture:
    """Return how closely the best channel of each trunk follows each of some quantities.

    Args:
        closest: sizes of correlations, `(K,)` for each of "rgb" and "lbp".
        names: of the K quantities, from top to bottom.
    """
    check_by_name("closest", closest)
    figure = Figure(figsize=(5.2, 0.5 + 0.22 * len(names)), layout="constrained")
    axis = figure.add_subplot()
    rows = range(len(names))
    for view, values in closest.items():
        check_tensor(view, values, f"({len(names)},)", finite=True)
    low, high = (
        [pick(row) for row in zip(*(v.tolist() for v in closest.values()), strict=True)]
        for pick in (min, max)
    )
    axis.hlines(rows, low, high, color="#CCCCCC", lw=1.2, zorder=1)
    for (view, values), mark in zip(closest.items(), "os", strict=True):
        label = f"{view.upper()} trunk"
        axis.scatter(values, rows, color=COLOURS[view], marker=mark, s=30, label=label, zorder=2)
    axis.set_yticks(rows, names)
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    tidy(axis, "size of r, on test faces", "")
    axis.tick_params(axis="x", labelsize=9)
    axis.tick_params(axis="y", labelsize=9, length=0)
    axis.legend(fontsize=9, frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    better = sum(b > a for a, b in zip(closest["rgb"], closest["lbp"], strict=True))
    return picture(
        figure,
        f"For {len(names)} quantities, how closely a channel of the RGB trunk and one of the LBP "
        f"trunk follow it, as two dots in a row. The LBP trunk's is the closer in {better} rows.",
        f"The closest channel of each trunk. The LBP trunk's is closer in {better} of "
        f"{len(names)} rows.",
    )
