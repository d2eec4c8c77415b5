"""Write the model card of the shipped weights from the stored figures.

python -m figures.model_card
"""

import json
from typing import Any

from figures.runs import FIGURES
from figures.train_tiny import SHIPPED_SEED
from vtff_lib import load_pretrained
from vtff_lib.pretrained import FOLDER
from vtff_lib.vtff import count_parameters


def stored(name: str) -> dict[str, Any]:
    """Return the figures of one script."""
    figures: dict[str, Any] = json.loads((FIGURES / name).read_text(encoding="utf-8"))
    return figures


def percent(share: float) -> str:
    """Return 0.912 as "91.2"."""
    return f"{100 * share:.1f}"


def card() -> str:
    """Return the card's text."""
    model = load_pretrained("tiny")
    run = next(run for run in stored("tiny_shipped.json")["runs"] if run["seed"] == SHIPPED_SEED)
    test, accuracy = run["test"], run["test"]["accuracy"]
    recalls = ", ".join(
        f"{each['name']} {100 * each['recall']['value']:.0f}" for each in test["classes"]
    )
    photographs = stored("sim_to_real.json")["summary"]
    eight, three = (photographs["shipped"]["test"][name] for name in ("eight", "three"))
    learned_on = [
        percent(photographs[f"mean_balanced_accuracy_of_{name}_on_test"])
        for name in ("eight", "three")
    ]
    return f"""# VTFF tiny

{count_parameters(model):,} parameters, 112×112 pixels, eight expressions:
{", ".join(model.config.class_names)}.

**Made from** {run["images"]:,} synthetic faces of this project's renderer, from random weights; no
photograph was used. Seed {run["seed"]}, {run["seconds"] / 60:.0f} minutes, threads: \
{run["threads"]}. Made again by `python -m figures.train_tiny shipped`.

**Accuracy** on the {test["images"]} shipped test faces, of people it never saw: \
{percent(accuracy["value"])} % (95 % interval {percent(accuracy["low"])} to \
{percent(accuracy["high"])}; one in eight is chance). Recall by class, in %: {recalls}.

**On photographs** it is far less right. Balanced accuracy on FER+'s test pictures, grey and of 48
pixels, with a majority: {percent(eight["balanced_accuracy"]["value"])} % of eight expressions \
({percent(eight["chance"])} is chance) and {percent(three["balanced_accuracy"]["value"])} % of \
neutral, happiness and surprise alone ({percent(three["chance"])} is chance). After learning on
from rendered snapshots that are as grey, coarse and tightly cropped, {learned_on[0]} and \
{learned_on[1]} % (mean of three seeds, weights not shipped). Measured by
`python -m figures.sim_to_real`.

**Limits.** Labels are the prototypes from which the faces were drawn, not anyone's judgement. The
model names what a face shows, not what a person feels; do not use it on people as if it did.
"""


if __name__ == "__main__":
    (FOLDER / "tiny.md").write_text(card(), encoding="utf-8", newline="\n")
