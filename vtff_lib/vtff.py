"""VTFF, assembled: an image in, class scores and every map on the way out. Taught in 06.

    rgb, lbp -> X_RGB, X_LBP -> X_fused -> [cls], tokens -> encoder -> [cls] -> logits

Source: the seed review; what it leaves open is a setting of `VTFFConfig`, or is noted in the module
of the part.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from vtff_lib.attention import GlobalAttention
from vtff_lib.backbone import ResNetTrunk
from vtff_lib.config import VTFFConfig
from vtff_lib.encoder import TransformerEncoder, make_tokens, resize_position_embedding
from vtff_lib.fusion import make_fusion
from vtff_lib.inputs import Normalise, check_model, check_view, in_eval, of_this_thread
from vtff_lib.lbp import LocalBinaryPattern
from vtff_lib.names import check_same_classes
from vtff_lib.refusals import check_shape, check_spread, describe
from vtff_lib.weights import read_metadata, read_weights, require_same_tensors, write_weights


class VTFFOutput(NamedTuple):
    """What a VTFF returns; all but `logits` is `None` unless `return_maps=True`.

    A part that the model does not have gives `None` too: a plain fusion has no gate, say.

    h = H/R and w = W/R; T = 1 + h·w, token 0 is [cls], then the grid row by row.
    """

    logits: Tensor  # (N, num_classes)
    lbp: Tensor | None = None  # (N, 3, H, W): the codes that the second branch saw
    rgb_map: Tensor | None = None  # (N, C, h, w)
    lbp_map: Tensor | None = None  # (N, C, h, w)
    gate: Tensor | None = None  # (N, C, h, w): the weight of the gated branch
    local_attention: Tensor | None = None  # (N, 1, h, w): L(U); of AFF (N, C, h, w)
    global_attention: Tensor | None = None  # (N, C, 1, 1): G(U)
    fused: Tensor | None = None  # (N, C, h, w)
    attentions: tuple[Tensor, ...] | None = None  # depth × (N, num_heads, T, T)


class VTFF(nn.Module):
    """Facial expression from two views of a face.

    `model(rgb)` takes `(N, 3, H, W)`, uint8 0 to 255 or float 0 to 1, H and W multiples of R, and
    makes the LBP view itself. Other sizes than `config.image_size` are fine: the positions are
    stretched to the grid.

    Raises:
        ValueError: if the settings do not fit together; in `forward`, if the input has a shape,
            dtype, range or device that the model cannot use.
    """

    @torch.inference_mode(False)  # whose tensors could never be trained
    def __init__(self, config: VTFFConfig):
        super().__init__()
        c = self.config = config
        self.lbp = LocalBinaryPattern(c.lbp_order)
        self.fusion = make_fusion(
            c.fusion, c.channels, c.attention_reduction, c.gate, c.gated_branch
        )
        self.normalise = _normalisation(c)
        self.backbones = nn.ModuleDict(  # only those that the fusion uses
            {view: ResNetTrunk(c.width, c.stages) for view in self.fusion.views}
        )
        self.token_projection = nn.Linear(c.channels, c.embed_dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, c.embed_dim))
        self.position_embedding = nn.Parameter(
            torch.zeros(1, 1 + c.grid[0] * c.grid[1], c.embed_dim)
        )
        self.encoder = TransformerEncoder(
            c.embed_dim, c.depth, c.num_heads, c.mlp_dim, c.norm, c.dropout
        )
        self.head = nn.Linear(c.embed_dim, c.num_classes)
        self._initialise()

    def _initialise(self) -> None:
        """Start all outside the trunks small, as timm starts ViT; zero where it is added."""
        for part in (self.token_projection, self.encoder, self.head):
            for module in part.modules():
                if isinstance(module, nn.Linear):
                    nn.init.trunc_normal_(module.weight, std=0.02)
                    nn.init.zeros_(module.bias)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.position_embedding, std=0.02)

    def forward(
        self, rgb: Tensor, lbp: Tensor | None = None, return_maps: bool = False
    ) -> VTFFOutput:
        """Return the logits of `rgb` and, on request, every map on the way.

        Args:
            rgb: `(N, 3, H, W)`, uint8 0 to 255 or float 0 to 1. The range of floats is not checked
                in a compiled model.
            lbp: codes of the same size and device, uint8 or divided by 255; made from `rgb` if not
                given.
            return_maps: also return what each part saw. The attention weights then cost memory and
                time, because the fused kernel cannot be used.
        """
        check_view("rgb", rgb, self.config, self.cls_token.device)
        if lbp is not None:
            check_view("lbp", lbp, self.config, self.cls_token.device)
            if lbp.shape != rgb.shape:
                raise ValueError(
                    f"lbp has shape {tuple(lbp.shape)} and rgb {tuple(rgb.shape)}; give the codes "
                    "of that image, made after it was resized, or leave them out."
                )
        elif "lbp" in self.backbones:
            lbp = self.lbp(rgb)
        for part in self.fusion.children():  # before the trunks note what they see
            if isinstance(part, GlobalAttention):
                check_spread(part, part.layers[1], rgb.shape[0])
        views = {"rgb": rgb, "lbp": lbp}
        maps = {
            view: backbone(self.normalise[view](views[view]))  # (N, 3, H, W) -> (N, C, h, w)
            for view, backbone in self.backbones.items()
        }
        fused, fusion_maps = self.fusion(maps.get("rgb"), maps.get("lbp"), return_maps=True)

        positions = resize_position_embedding(
            self.position_embedding, self.config.grid, (fused.shape[2], fused.shape[3])
        )
        tokens = make_tokens(fused, self.token_projection, self.cls_token, positions)
        tokens, attentions = self.encoder(tokens, return_weights=return_maps)
        logits = self.head(tokens[:, 0])
        if not return_maps:
            return VTFFOutput(logits)
        return VTFFOutput(
            logits,
            lbp=lbp if "lbp" in maps else None,
            rgb_map=maps.get("rgb"),
            lbp_map=maps.get("lbp"),
            **fusion_maps._asdict(),
            fused=fused,
            attentions=attentions,
        )

    def save(self, path: str | Path) -> None:
        """Save weights, settings and class names in one `.safetensors` file, whole or not at all.

        Raises:
            ValueError: if `path` does not end in `.safetensors` or its folder does not exist.
        """
        write_weights(path, self.state_dict(), {"vtff_config": self.config.to_json()})

    @classmethod
    @torch.inference_mode(False)
    def load(cls, path: str | Path, class_names: Sequence[str] | None = None) -> Self:
        """Build the model that `save` wrote, on the CPU, in the dtypes saved and in eval mode.

        Args:
            path: the `.safetensors` file.
            class_names: the classes that you rely on; checked against the file's if given.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, was not written by `save`, or has other classes.
        """
        weights, metadata = read_weights(path), read_metadata(path)
        if "vtff_config" not in metadata:
            raise ValueError(
                f"{path} does not say which VTFF it belongs to; load a file that VTFF.save wrote."
            )
        config = VTFFConfig.from_json(metadata["vtff_config"])
        if class_names is not None:
            check_same_classes(str(path), config.class_names, "class_names", class_names)
        return cls._filled(config, weights, path).eval()

    @classmethod
    @torch.inference_mode(False)
    def of(cls, model: nn.Module) -> Self:
        """Return a VTFF with the settings and weights of a model that was built like it.

        A copy that shows maps, where a model of your own gives logits alone. A VTFF comes back.

        Raises:
            ValueError: if the model has no settings, or other weights than a VTFF of them.
        """
        check_model(model)
        if isinstance(model, cls):
            return model
        if not isinstance(model.config, VTFFConfig):
            raise ValueError(f"model.config is {describe(model.config)}; keep the VTFFConfig.")
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        twin = cls._filled(model.config, weights, "The model", "Give its layers VTFF's names.")
        return twin.train(model.training)

    @classmethod
    def _filled(cls, config: VTFFConfig, weights: dict[str, Tensor], *source: Any) -> Self:
        with torch.device("meta"):  # which takes no memory, whatever the settings say
            model = cls(config)
        require_same_tensors(model.state_dict(), weights, *source)
        model.load_state_dict(weights, assign=True)
        model.normalise = _normalisation(config).to(weights["cls_token"])  # its place and dtype
        return model


def _normalisation(config: VTFFConfig) -> nn.ModuleDict:
    c = config
    return nn.ModuleDict(
        {"rgb": Normalise(c.rgb_mean, c.rgb_std), "lbp": Normalise(c.lbp_mean, c.lbp_std)}
    )


def count_parameters(module: nn.Module) -> int:
    """Return the number of learned values in `module`."""
    return sum(parameter.numel() for parameter in module.parameters())


@torch.no_grad()
def trace_shapes(model: VTFF, size: tuple[int, int] | None = None) -> dict[str, tuple[int, ...]]:
    """Run one blank image through `model` and note the shape that leaves each part.

    Args:
        model: any VTFF; it is left as it was.
        size: height and width of the image in pixels; `config.image_size` if not given.

    Returns:
        Shapes by the name of the part, three levels deep, in the order in which the parts finish.

    Raises:
        ValueError: if `model` is no VTFF, or it cannot use images of this size.
    """
    check_model(model)
    size = (model.config.image_size,) * 2 if size is None else size
    check_shape("size", size, 2)
    height, width = size
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Callable[[nn.Module, tuple, Any], None]:
        def hook(module: nn.Module, inputs: tuple, output: Any) -> None:
            shapes[name] = tuple((output if isinstance(output, Tensor) else output[0]).shape)

        return hook

    parts = [(name, part) for name, part in model.named_modules() if name and name.count(".") < 3]
    handles = [part.register_forward_hook(of_this_thread(note(name))) for name, part in parts]
    try:
        with in_eval(model):
            blank = torch.zeros(1, 3, height, width, dtype=torch.uint8)
            model(blank.to(model.cls_token.device))
    finally:
        for handle in handles:
            handle.remove()
    return shapes
