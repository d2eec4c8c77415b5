"""Weights that come with the package, and what has to be known of them."""

from pathlib import Path

from vtff_lib.refusals import check_choice
from vtff_lib.vtff import VTFF

FOLDER = Path(__file__).parent / "data" / "models"
MODELS = ("tiny", "photos")


def load_pretrained(name: str = "tiny") -> VTFF:
    """Return a trained model in float32, on the CPU and in eval mode; nothing is downloaded.

    `"tiny"` is `VTFFConfig.tiny(8)`, trained on synthetic faces alone: for the lessons. `"photos"`
    is wider and was trained on FER+, grey photographs: for photographs, made grey. `model_card`
    says how, how well each does, and on what it fails. The class names are
    `model.config.class_names`.

    Raises:
        ValueError: if there is no such model.

    Taught in 00.
    """
    check_choice("name", name, MODELS)
    return VTFF.load(FOLDER / f"{name}.safetensors").float()  # "photos" is stored in half precision


def model_card(name: str = "tiny") -> str:
    """Return what has to be known before a model is used, as Markdown: data, figures, limits.

    Raises:
        ValueError: if there is no such model.

    Taught in 10.
    """
    check_choice("name", name, MODELS)
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")
