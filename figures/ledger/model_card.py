"""Write the model cards of the shipped weights from the stored figures.

python -m figures.ledger.model_card
"""

import json
from typing import Any

from figures.experiments.ferplus import EXPERIMENTS
from figures.experiments.harness import FIGURES
from figures.experiments.train_tiny import SHIPPED_SEED
from vtff_lib import files, load_pretrained
from vtff_lib.pretrained import FOLDER
from vtff_lib.vtff import count_parameters


def stored(name: str) -> dict[str, Any]:
    """Return the figures of one script."""
    figures: dict[str, Any] = json.loads((FIGURES / name).read_text(encoding="utf-8"))
    return figures


def percent(share: float) -> str:
    """Return 0.912 as "91.2"."""
    return f"{100 * share:.1f}"


def recalls(test: dict[str, Any]) -> str:
    """Return the recall of each class in percent, and of how many pictures."""
    return ", ".join(f"{row['name']} {100 * row['recall']['value']:.0f}" for row in test["classes"])


def tiny_card() -> str:
    """Return the text of the card of the tiny model."""
    model = load_pretrained("tiny")
    run = next(run for run in stored("tiny_shipped.json")["runs"] if run["seed"] == SHIPPED_SEED)
    test, accuracy = run["test"], run["test"]["accuracy"]
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
{run["threads"]}. Made again by
`python -m figures.experiments.train_tiny shipped`.

**Accuracy** on the {test["images"]} shipped test faces, of people it never saw: \
{percent(accuracy["value"])} % (95 % interval {percent(accuracy["low"])} to \
{percent(accuracy["high"])}; one in eight is chance). Recall by class, in %: {recalls(test)}.

**On photographs** it is far less right. Balanced accuracy on FER+'s test pictures, grey and of 48
pixels, with a majority: {percent(eight["balanced_accuracy"]["value"])} % of eight expressions \
({percent(eight["chance"])} is chance) and {percent(three["balanced_accuracy"]["value"])} % of \
neutral, happiness and surprise alone ({percent(three["chance"])} is chance). After learning on
from rendered snapshots that are as grey, coarse and tightly cropped, {learned_on[0]} and \
{learned_on[1]} % (mean of three seeds, weights not shipped). Measured by
`python -m figures.experiments.sim_to_real`.

**Limits.** Labels are the prototypes from which the faces were drawn, not anyone's judgement. The
model names what a face shows, not what a person feels; do not use it on people as if it did.
"""


def photos_card() -> str:
    """Return the text of the card of the model for photographs."""
    model = load_pretrained("photos")
    stored_runs = stored("ferplus_photos.json")
    run = next(run for run in stored_runs["runs"] if run["seed"] == SHIPPED_SEED)
    test, alone, others = run["shipped"], run["without_twins"], stored_runs["summary"]
    accuracy, side = test["accuracy"], model.config.image_size
    rare = ", ".join(f"{row['support']} {row['name']}" for row in test["classes"][-3:])
    return f"""# VTFF for photographs

{count_parameters(model):,} parameters, {side}×{side} pixels, stored in half precision; eight \
expressions:
{", ".join(model.config.class_names)}.

**Made from** FER+'s {run["images"]:,} training pictures (protocol: {run["protocol"]}), from random
weights; no other faces were used. Seed {run["seed"]}, {EXPERIMENTS["photos"][1].epochs} epochs, \
{run["seconds"] / 60:.0f} minutes on a CPU, threads: {run["threads"]}. Made again by
`python -m figures.experiments.ferplus PACK photos`. FER+'s pictures were collected by a web search
for FER2013 (Goodfellow et al. 2013) and labelled by ten people each (Barsoum et al. 2016, arXiv
1608.01041); their terms are for research and education, and so are these weights'.

**Accuracy** on the {test["images"]:,} test pictures: {percent(accuracy["value"])} % (95 % interval
{percent(accuracy["low"])} to {percent(accuracy["high"])}), \
{percent(alone["accuracy"]["value"])} % without those that have a twin in training or validation.
Each picture was seen twice, once mirrored. Macro-F1 {percent(test["macro_f1"]["value"])} %. \
{"One seed was trained" if others["seeds"] == 1 else f"{others['seeds']} seeds were trained"}; \
the mean is {percent(others["mean_accuracy"])} %. Recall by class, in %: \
{recalls(test)}. The last three are rare: {rare}.

**Give it grey pictures**, as FER+'s are: all three channels alike, the face tightly cropped, almost
upright. What colour does to it was not measured.

**Limits.** It predicts which word most of ten annotators would choose for a small grey web picture.
It names what a face shows, not what a person feels; do not use it on people as if it did. How far
its errors differ between ages, skin tones and sexes is not known: FER+ does not tell who is in it.
"""


if __name__ == "__main__":
    for name, text in (("tiny", tiny_card()), ("photos", photos_card())):
        files.write(FOLDER / f"{name}.md", text)
