"""The settings of a VTFF model, and the three presets. Taught in 06."""

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from vtff_lib.encoder import NORMS
from vtff_lib.files import from_json
from vtff_lib.fusion import FUSIONS, GATES, RELATED_FUSIONS
from vtff_lib.lbp import OFFSETS
from vtff_lib.names import check_class_names, first_expressions
from vtff_lib.refusals import (
    BELOW_1,
    check_choice,
    check_number,
    check_whole_numbers,
    finite_numbers,
    shown,
)

STATISTICS = ("rgb_mean", "rgb_std", "lbp_mean", "lbp_std")
# What a file says of a model is bounded before it is built.
MOST = {"stages": 4, "depth": 100, "image_size": 4096, "attention_reduction": 4096}
MOST_PARAMETERS = 250_000_000  # 1 GB in float32, five times the paper's model


@dataclass(frozen=True)
class VTFFConfig:
    """All that is needed to build a VTFF. Start from `paper()`, `deep()` or `tiny()`.

    Args:
        class_names: what the logits stand for, in order.
        image_size: height and width in pixels of the images that the positions are learned for.
        width: channels of the first stage of both trunks.
        stages: stages of both trunks; R = 4 · 2^(stages-1).
        fusion: `"selective"` (ASF), `"sum"`, `"concat"`, `"max"`, `"rgb"`, `"lbp"`; related
            designs: `"mean"`, `"aff"`, `"cross_attention"`.
        gate: where the sigmoid of ASF stands, see `fusion`.
        gated_branch: which map ASF multiplies by the gate, `"lbp"` or `"rgb"`.
        attention_reduction: r, the squeeze inside G and L.
        embed_dim: C_p, the width of a token.
        depth: N, the number of encoder blocks.
        num_heads: attention heads in each.
        mlp_dim: width inside their MLPs.
        norm: `"pre"` or `"post"` layer norm.
        dropout: probability inside the encoder, in training.
        lbp_order: bit order of the LBP codes, `"reading"` or `"circular"`.
        rgb_mean, rgb_std: per-channel normalisation of RGB in [0, 1]; the default is ImageNet's,
            which published ResNet-18 weights expect.
        lbp_mean, lbp_std: the same for the codes divided by 255.

    Raises:
        ValueError: if a name is unknown or a number out of range. Whether widths can be divided as
            asked (by `num_heads`, by `attention_reduction`) is checked where the part is built.
    """

    class_names: tuple[str, ...] = field(default_factory=lambda: first_expressions(7))
    image_size: int = 224
    width: int = 64
    stages: int = 4
    fusion: str = "selective"
    gate: str = "sigmoid_of_sum"
    gated_branch: str = "lbp"
    attention_reduction: int = 8
    embed_dim: int = 768
    depth: int = 4
    num_heads: int = 8
    mlp_dim: int = 3072
    norm: str = "pre"
    dropout: float = 0.0
    lbp_order: str = "reading"
    rgb_mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    rgb_std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    lbp_mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    lbp_std: tuple[float, float, float] = (0.35, 0.35, 0.35)

    def __post_init__(self) -> None:
        check_class_names(self.class_names)
        for name in ("class_names", *STATISTICS):
            if not isinstance(getattr(self, name), (tuple, list)):
                raise ValueError(f"{name}={getattr(self, name)!r} will not do; give a tuple.")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check_choices()
        self._check_numbers()

    def _check_choices(self) -> None:
        check_choice("fusion", self.fusion, (*FUSIONS, *RELATED_FUSIONS))
        check_choice("gate", self.gate, GATES)
        check_choice("gated_branch", self.gated_branch, ("rgb", "lbp"))
        check_choice("norm", self.norm, NORMS)
        check_choice("lbp_order", self.lbp_order, OFFSETS)

    def _check_numbers(self) -> None:
        check_whole_numbers(self, depth=0)
        for name, most in MOST.items():
            if getattr(self, name) > most:
                raise ValueError(f"{name}={getattr(self, name)} will not do; give at most {most}.")
        if self._roughly() > MOST_PARAMETERS:
            raise ValueError(
                f"A model of about {self._roughly():.0e} parameters will not do; give smaller "
                f"widths, fewer blocks or classes, so that it has at most {MOST_PARAMETERS:,}."
            )
        check_number("dropout", self.dropout, 0, BELOW_1)
        object.__setattr__(self, "dropout", float(self.dropout))  # JSON takes none of NumPy's
        if self.image_size % self.reduction:
            raise ValueError(
                f"image_size={self.image_size} is not a multiple of {self.reduction}, by which "
                f"{self.stages} stages divide it; choose one that is."
            )
        for name in STATISTICS:
            values = tuple(map(float, finite_numbers(name, getattr(self, name))))
            object.__setattr__(self, name, values)
            if len(values) != 3 or (name.endswith("std") and min(values) <= 0):
                raise ValueError(
                    f"{name}={values} will not do; give three finite numbers, one for each "
                    "channel, and for a std above 0."
                )

    @classmethod
    def paper(cls, num_classes: int = 7, **changes: Any) -> Self:
        """Return the base model, 51.77 M parameters at 7 classes: 224², R = 32, four blocks.

        Every choice that the paper leaves open is ours; see the notes on each part.
        """
        return cls(**{"class_names": first_expressions(num_classes)} | changes)

    @classmethod
    def deep(cls, num_classes: int = 7, **changes: Any) -> Self:
        """Return the larger model, 80.12 M parameters at 7 classes: eight encoder blocks."""
        return cls.paper(num_classes, **{"depth": 8} | changes)

    @classmethod
    def tiny(cls, num_classes: int = 7, **changes: Any) -> Self:
        """Return the model for a laptop, under 1 M parameters: 112², R = 16, again a 7×7 grid."""
        small = {
            "image_size": 112,
            "width": 16,
            "stages": 3,
            "embed_dim": 96,
            "depth": 2,
            "num_heads": 4,
            "mlp_dim": 192,
        }
        return cls.paper(num_classes, **small | changes)

    def _roughly(self) -> int:
        """Return about how many parameters the model will have."""
        trunks = 2 * 43 * self.channels**2
        tokens = 1 + self.grid[0] * self.grid[1] + self.channels + self.num_classes
        block = 4 * self.embed_dim + 2 * self.mlp_dim
        return trunks + self.embed_dim * (tokens + self.depth * block)

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def reduction(self) -> int:
        """R: a feature map is 1/R as high and wide as the image."""
        return 4 * 2 ** (self.stages - 1)

    @property
    def channels(self) -> int:
        """C: channels of a feature map."""
        return self.width * 2 ** (self.stages - 1)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the feature map at `image_size`."""
        return self.image_size // self.reduction, self.image_size // self.reduction

    def to_json(self) -> str:
        """Return the settings as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the settings that `to_json` wrote.

        Raises:
            ValueError: if the text is no JSON object, or has settings that are unknown to this
                version, out of range or of a wrong type.
        """
        try:
            settings = from_json(text)
        except ValueError as error:
            raise ValueError(f"The settings {shown(text)} are no JSON text; give some.") from error
        known = {f.name for f in fields(cls)}
        if not isinstance(settings, dict) or not settings.keys() <= known:
            unknown = sorted(settings.keys() - known) if isinstance(settings, dict) else text
            raise ValueError(
                f"The settings {shown(unknown)} are unknown to this version of vtff_lib; install "
                "the version that wrote them."
            )
        lists = {name: tuple(value) for name, value in settings.items() if isinstance(value, list)}
        return cls(**settings | lists)
