"""Models to try answers on: sound, broken and trained ones, and what mistakes make of them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.checks.judging import require
from vtff_lib.config import VTFFConfig
from vtff_lib.vtff import VTFF

State = dict[str, Tensor]
Explanation = Callable[[VTFF, Tensor], Tensor]

SMALL = VTFFConfig.tiny(
    5, image_size=32, width=4, stages=2, embed_dim=12, num_heads=3, mlp_dim=16
)  # R = 8, a 4×4 grid of 8 channels


def random_norm(channels: int) -> nn.BatchNorm2d:
    """Return a batch norm that has learned something, in eval mode."""
    norm = nn.BatchNorm2d(channels)
    norm.load_state_dict(
        {
            "weight": torch.randn(channels),
            "bias": torch.randn(channels),
            "running_mean": torch.randn(channels),
            "running_var": 0.5 + torch.rand(channels),
            "num_batches_tracked": torch.tensor(1),
        }
    )
    return norm.eval()


def lively_model() -> VTFF:
    """Return a small model in which every number matters, also the positions and [cls]."""
    model = VTFF(SMALL).eval()
    for name, parameter in model.named_parameters():
        if not name.startswith("backbones"):
            nn.init.normal_(parameter, std=0.5)
    return model


def patients() -> Iterator[tuple[str, set[str], VTFF]]:
    """Yield models, what is wrong with each, and the parts that are idle for it."""
    lbp, healthy = {"backbones.lbp"}, lively_model()
    model = lively_model()
    model.backbones["lbp"].register_forward_hook(detached)
    yield "the LBP map detached", lbp, model
    yield "nothing broken", set(), healthy
    for which, layer in (("first", "conv1"), ("last", "layer2.1.bn2")):
        model = lively_model()
        model.backbones["rgb"].get_submodule(layer).requires_grad_(False)
        yield f"the {which} layer of a part frozen", set(), model
    model = lively_model()
    model.backbones["lbp"].register_forward_hook(lambda part, inputs, out: 0 * out)
    yield "the LBP map multiplied by 0", lbp, model
    model = lively_model()
    for name in ("fusion.global_attention", "fusion.local_attention"):
        model.get_submodule(name).register_forward_hook(detached)
    yield "G and L detached", {"fusion"}, model
    model = lively_model()
    model.head.register_forward_hook(lambda part, inputs, out: 1e-9 * out)
    yield "scores almost 0", set(), model
    model = lively_model()
    model.backbones["lbp"].register_forward_hook(detached)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    yield "old gradients, and the LBP map detached", lbp, model


def detached(part: nn.Module, inputs: object, out: Tensor) -> Tensor:
    """Let no gradient through a part, as its forward hook."""
    return out.detach()


@torch.no_grad()
def other_readings(model: VTFF, fused: Tensor) -> dict[str, Tensor]:
    """Return what plausible mistakes make of a fused map, by the words for each."""
    count, channels, rows, columns = fused.shape
    cls_token = model.cls_token.expand(count, -1, -1)
    square = model.config.grid == (rows, columns)
    positions = model.position_embedding

    def stretched(size: tuple[int, int]) -> Tensor:
        cells = positions[:, 1:].transpose(1, 2).unflatten(2, model.config.grid)
        cells = F.interpolate(cells, size, mode="bicubic").flatten(2).transpose(1, 2)
        return torch.cat([positions[:, :1], cells], dim=1)

    right = positions if square else stretched((rows, columns))
    cells = model.token_projection(fused.flatten(2).transpose(1, 2))
    mixed = model.token_projection(fused.reshape(count, rows * columns, channels))
    columns_first = model.token_projection(fused.transpose(2, 3).flatten(2).transpose(1, 2))
    tokens = torch.cat([cls_token, cells], dim=1)
    last = torch.cat([cells, cls_token], dim=1)

    def read(tokens: Tensor) -> Tensor:
        return model.encoder(tokens)[0]

    def normless(tokens: Tensor) -> Tensor:
        for block in model.encoder.blocks:
            tokens, _ = block(tokens)
        return tokens

    whole = read(tokens + right)
    return {
        "`reshape` alone mixes the channels of different cells. Flatten rows and columns, then "
        "swap the two last dimensions: (N, C, h, w) -> (N, C, h·w) -> (N, h·w, C).": (
            model.head(read(torch.cat([cls_token, mixed], dim=1) + right)[:, 0])
        ),
        "Your cells come column by column; the positions were learned row by row.": (
            model.head(read(torch.cat([cls_token, columns_first], dim=1) + right)[:, 0])
        ),
        "The positions are missing: without them the encoder cannot tell an eye from a mouth "
        "corner by its place.": model.head(read(tokens)[:, 0]),
        "[cls] has a position of its own, the first; you gave it none.": (
            model.head(read(tokens + torch.cat([0 * right[:, :1], right[:, 1:]], dim=1))[:, 0])
        ),
        "You put [cls] behind the cells; its position is the first, so it goes in front.": (
            model.head(read(last + right)[:, -1])
        ),
        "You put [cls] behind the cells and then read the first token, which is a cell.": (
            model.head(read(last + right)[:, 0])
        ),
        "You averaged all tokens; the head reads [cls] alone.": model.head(whole.mean(dim=1)),
        "You averaged the cells; the head reads [cls] alone.": model.head(whole[:, 1:].mean(dim=1)),
        "You read the last token; [cls] is the first.": model.head(whole[:, -1]),
        "The encoder is missing: [cls] has not seen a single cell yet.": (
            model.head((tokens + right)[:, 0])
        ),
        "The layer norm behind the last block is missing: `model.encoder` has it.": (
            model.head(normless(tokens + right)[:, 0])
        ),
        "You returned probabilities; logits are the scores before the softmax.": (
            model.head(whole[:, 0]).softmax(dim=-1)
        ),
        "The grid of the positions has its rows and columns swapped: give (rows, columns).": (
            model.head(read(tokens + stretched((columns, rows)))[:, 0])
        ),
    }


class Question(NamedTuple):
    """What an explanation was asked, and what it said."""

    state: State
    training: bool
    gradients: bool
    images: Tensor
    maps: Tensor


class Asked:
    """An explanation `(model, images) -> (N, h, w)` that remembers what it was asked."""

    def __init__(self, explanation: Explanation):
        self.explanation = explanation
        self.questions: list[Question] = []

    def __call__(self, model: VTFF, images: Tensor) -> Tensor:
        """Return the maps of some pictures."""
        require(
            isinstance(model, VTFF) and isinstance(images, Tensor) and images.ndim == 4,
            "`explanation` takes a model and a batch of pictures (N, 3, H, W), in this order.",
        )
        state, training = learned(model), any(part.training for part in model.modules())
        maps = self.explanation(model, images).detach()
        gradients = torch.is_grad_enabled()
        self.questions.append(Question(state, training, gradients, images.clone(), maps))
        return maps.clone()

    def asked_of(self, trained: State) -> tuple[list[Question], list[Question]]:
        """Return the questions about the trained model, and about any other."""
        known = [asked for asked in self.questions if not changed(trained, asked.state)]
        return known, [asked for asked in self.questions if changed(trained, asked.state)]


def learned(model: VTFF) -> State:
    """Return a copy of all that training moves: weights, and the statistics of batch norm."""
    state = model.state_dict().items()
    return {name: value.detach().clone() for name, value in state if value.is_floating_point()}


def changed(before: State, after: State) -> set[str]:
    """Return which tensors differ."""
    return {
        name
        for name, value in before.items()
        if name not in after or not torch.equal(value, after[name])
    }


def trained_model() -> VTFF:
    """Return a small model in eval mode none of whose numbers is as a new model has it."""
    model = VTFF(SMALL).eval()
    for values in model.state_dict().values():
        if values.ndim > 1:
            values.add_(torch.randn_like(values))
        elif values.is_floating_point():
            values.add_(0.2 + 0.5 * torch.rand_like(values))  # variances stay above 0
    return model


def edges(model: VTFF, images: Tensor, across: int = -1) -> Tensor:
    """Return how much neighbouring pixels differ, whatever the model."""
    return F.adaptive_avg_pool2d(images.double().mean(dim=1).diff(dim=across).abs(), (4, 6))


def half_turned(trained: State) -> Explanation:
    """Return an explanation that another model turns over for every second picture.

    It goes by the picture's first byte: even or odd. Correlations then have either sign.
    """

    def explanation(model: VTFF, images: Tensor) -> Tensor:
        heat = edges(model, images) / 10
        if changed(trained, learned(model)):
            sign = 1 - 2 * (images[:, 0, 0, 0].double() % 2)
            heat = sign.view(-1, 1, 1) * heat + edges(model, images, across=-2) / 10
        return heat.exp()

    return explanation


def of_fused_map(model: VTFF, images: Tensor) -> Tensor:
    """Return maps made of pictures and weights."""
    fused = model(images, return_maps=True).fused
    assert fused is not None
    return fused.square().mean(dim=1)


def of_weights(model: VTFF, images: Tensor) -> Tensor:
    """Return one map for all pictures."""
    return model.head.weight.expand(len(images), -1, -1)


def explanations(trained: State) -> tuple[Explanation, ...]:
    """Return what an answer is tried on, the one that tells most mistakes apart first."""
    return half_turned(trained), of_fused_map, edges, of_weights


def maps_of(questions: list[Question], images: Tensor) -> Tensor | None:
    """Return what was last said of each picture, or `None` if one was never asked about."""
    said = [
        (picture, heat)
        for question in questions
        for picture, heat in zip(question.images, question.maps, strict=True)
    ]
    maps: list[Tensor] = []
    for image in images:
        same = [h for p, h in said if p.shape == image.shape and bool((p == image).all())]
        maps.extend(same[-1:])
    return torch.stack(maps) if len(maps) == len(images) else None


def judge_copy(asked: Asked, trained: State) -> None:
    """Say what is wrong with the second model that an explanation was asked about."""
    require(asked.questions, "`explanation` was never asked for a map.")
    known, others = asked.asked_of(trained)
    require(
        others,
        "Every map is the trained model's. A copy made by `deepcopy` has learned what the model "
        "has learned; draw its weights anew.",
    )
    require(
        known, "Every map is the copy's. One of the two has to be that of the model as trained."
    )
    judge_maps(asked, trained)
    _judge_forgetting(trained, others[-1].state)
    require(
        not others[-1].training,
        "Your copy is in training mode, where batch norm takes its statistics from the batch. "
        "Compare like with like: `.eval()`.",
    )
    require(
        known[-1].gradients and others[-1].gradients,
        "You asked for the maps with gradients switched off; Grad-CAM and others need them.",
    )


def judge_maps(asked: Asked, trained: State) -> None:
    """Say so if the second model's maps are no finite numbers, whatever came of comparing them."""
    _, others = asked.asked_of(trained)
    sizes = {name: value.shape for name, value in trained.items()}
    require(
        not others or sizes == {name: value.shape for name, value in others[-1].state.items()},
        "Your copy has other settings than the model, so it is another model; build it from "
        "`model.config`.",
    )
    require(
        not others or others[-1].maps.isfinite().all(),
        "Your copy answers with nan or infinite numbers. Not everything may be drawn from a bell "
        "curve: a variance is positive.",
    )


def _judge_forgetting(trained: State, state: State) -> None:
    moved = changed(trained, state)
    kept = [name for name in trained if name not in moved]
    statistics = [name for name in kept if "running_" in name]
    loose = [name for name in kept if "." not in name]
    require(
        any(not name.startswith(("head.", "encoder.norm.")) for name in moved),
        "Only the head of your copy has forgotten; all parts have to.",
    )
    require(
        any(value.ndim == 4 and name in moved for name, value in state.items()),
        "The convolutions of your copy are still the trained ones; linear layers are not all that "
        "learns.",
    )
    require(
        not kept or kept != loose,
        f"Nearly: `{'` and `'.join(loose)}` are as trained. They are parameters of the model "
        "itself and of no layer.",
    )
    require(
        not kept or not set(kept) <= {*statistics, *loose},
        "The running means and variances of your copy are as trained. They are no parameters, but "
        "they were learned from pictures too.",
    )
    require(
        not kept,
        f"{len(kept)} of the {len(trained)} tensors of your copy are as trained, such as "
        f"`{kept[0] if kept else ''}`. Draw all of them anew.",
    )
    weights = [name for name, value in trained.items() if value.ndim > 1]
    require(
        any(state[name].unique().numel() > 1 for name in weights),
        "All weights of your copy are the same number; draw them at random.",
    )
    before, after = (
        torch.cat([tensors[name].flatten() for name in weights]) for tensors in (trained, state)
    )
    alike = torch.stack([before, after]).corrcoef()[0, 1]
    require(
        alike < 0.2,
        "Your copy still has what was learned, under noise or scaled; put new numbers in its "
        "place.",
    )
