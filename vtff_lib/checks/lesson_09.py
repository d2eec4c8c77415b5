"""The checks of lesson 09: views that ask each other, and two models that never meet."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vtff_lib.checks.judging import Either, call, exercise, far, judge, require, require_tensor
from vtff_lib.checks.modules import Case, judge_module


class CrossFusion(nn.Module):
    """½ (X_RGB + A(X_RGB, X_LBP) + X_LBP + A'(X_LBP, X_RGB)), of PyTorch's own attention.

    The library's `CrossAttentionFusion` does the same with layers of its own.
    """

    def __init__(self, channels: int, num_heads: int = 4):
        super().__init__()
        self.rgb_asks = nn.MultiheadAttention(channels, num_heads, batch_first=True)
        self.lbp_asks = nn.MultiheadAttention(channels, num_heads, batch_first=True)

    def forward(self, rgb_map: Tensor, lbp_map: Tensor) -> Tensor:
        """Return the fused map, `(N, C, H, W)`."""
        rgb, lbp = tokens_of(rgb_map), tokens_of(lbp_map)
        heard = self.rgb_asks(rgb, lbp, lbp)[0] + self.lbp_asks(lbp, rgb, rgb)[0]
        return (rgb_map + lbp_map + as_map(heard, rgb_map)) / 2


def tokens_of(feature_map: Tensor) -> Tensor:
    """Return places as tokens, `(N, H·W, C)`."""
    return feature_map.flatten(2).transpose(1, 2)


def as_map(tokens: Tensor, like: Tensor) -> Tensor:
    """Return tokens as a map of the shape of `like`."""
    return tokens.transpose(1, 2).reshape(like.shape)


def other_heads(module: CrossFusion, heads: int, *maps: Tensor) -> Tensor:
    """Return what the module gives with another number of heads, where that divides C."""
    for layer in (module.rgb_asks, module.lbp_asks):
        if layer.embed_dim % heads == 0:
            layer.num_heads, layer.head_dim = heads, layer.embed_dim // heads
    return module(*maps)


def across_faces(module: CrossFusion, *maps: Tensor) -> Tensor:
    """Return what the module gives when it takes the first dimension for the places."""
    module.rgb_asks.batch_first = module.lbp_asks.batch_first = False
    fused = module(*maps)
    module.rgb_asks.batch_first = module.lbp_asks.batch_first = True
    return fused


def mistakes_of(module: Any, rgb_map: Tensor, lbp_map: Tensor) -> Mapping[str, Tensor]:
    """Return what plausible mistakes give, by the words for each."""
    rgb, lbp, shape = tokens_of(rgb_map), tokens_of(lbp_map), rgb_map.shape

    def heard(asking: str, *tokens: Tensor) -> Tensor:
        return as_map(getattr(module, asking)(*tokens)[0], rgb_map)

    rgb_hears, lbp_hears = heard("rgb_asks", rgb, lbp, lbp), heard("lbp_asks", lbp, rgb, rgb)
    both, plain = rgb_hears + lbp_hears, rgb_map + lbp_map
    swapped = heard("rgb_asks", lbp, rgb, rgb) + heard("lbp_asks", rgb, lbp, lbp)
    unturned = module.rgb_asks(rgb, lbp, lbp)[0] + module.lbp_asks(lbp, rgb, rgb)[0]
    cut = [each.reshape(len(rgb), -1, shape[1]) for each in (rgb_map, lbp_map)]
    miscut = module.rgb_asks(cut[0], cut[1], cut[1])[0] + module.lbp_asks(cut[1], cut[0], cut[0])[0]
    return {
        "Each view asks itself. Queries are of the one view, keys and values of the other.": (
            plain + heard("rgb_asks", rgb, rgb, rgb) + heard("lbp_asks", lbp, lbp, lbp)
        )
        / 2,
        "The keys are the other view's, but the values the asking view's own: it hears itself.": (
            plain + heard("rgb_asks", rgb, lbp, rgb) + heard("lbp_asks", lbp, rgb, lbp)
        )
        / 2,
        "The queries are right, and keys and values come from different views: both are the asked "
        "view's.": (plain + heard("rgb_asks", rgb, rgb, lbp) + heard("lbp_asks", lbp, lbp, rgb))
        / 2,
        "`rgb_asks` asks on behalf of LBP and the other way round: exchange the two.": (
            plain + swapped
        )
        / 2,
        "`rgb_asks` does both: LBP asks with a layer of its own.": (
            plain + rgb_hears + heard("rgb_asks", lbp, rgb, rgb)
        )
        / 2,
        "`lbp_asks` does both: RGB asks with a layer of its own.": (
            plain + lbp_hears + heard("lbp_asks", rgb, lbp, lbp)
        )
        / 2,
        "Only what was heard is there; the two maps themselves are missing.": both / 2,
        "The ½ is missing: that is the scale of the sum, not of the mean.": plain + both,
        "The ½ is of all four, not of the two maps alone.": plain / 2 + both,
        "The ½ is of all four, not of what was heard alone.": plain + both / 2,
        "LBP hears nothing: it has to ask RGB, too.": (plain + rgb_hears) / 2,
        "RGB hears nothing: it has to ask LBP, too.": (plain + lbp_hears) / 2,
        "That is the mean of the maps: nobody has asked anybody.": plain / 2,
        "On the way back channels and places got mixed: tokens are (N, H·W, C), so transpose "
        "before you reshape.": (plain + unturned.reshape(shape)) / 2,
        "Your tokens mix channels and places: `flatten(2)`, then `transpose(1, 2)`.": (
            (plain + miscut.reshape(shape)) / 2
        ),
        "Your tokens mix channels and places: `flatten(2)`, then `transpose(1, 2)`; and back the "
        "same way.": (plain + as_map(miscut, rgb_map)) / 2,
        "Places of different faces ask each other: say `batch_first=True`.": (
            across_faces(module, rgb_map, lbp_map)
        ),
        "It looks as if all had one head: pass `num_heads` on.": (
            other_heads(module, 1, rgb_map, lbp_map)
        ),
        "It looks as if there were always four heads: pass `num_heads` on.": (
            other_heads(module, 4, rgb_map, lbp_map)
        ),
    }


@exercise("09", "MyCrossFusion")
def cross_fusion(answer: Callable[..., nn.Module]) -> str:
    """Check Exercise 1 of lesson 09: a fusion in which the places of two views ask each other."""
    cases = [
        Case((8, 2), ((3, 8, 2, 5),) * 2),
        Case((12, 3), ((2, 12, 4, 3),) * 2),
        Case((24,), ((2, 24, 3, 3),) * 2),
    ]
    judge_module(answer, CrossFusion, cases, mistakes_of)
    fused = call(call(answer, 8, 2), *torch.randn(2, 1, 8, 3, 3))
    require(isinstance(fused, Tensor), "Return the fused map alone, and nothing beside it.")
    return "Two maps in, one out: it fits where ASF was, and everything around it stays."


@exercise("09", "Two models that never meet")
def average_of_two(answer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Check Exercise 2 of lesson 09: the mean of what two models answer, from their logits."""
    for count, classes in ((5, 8), (4, 3)):
        first, second = 3 * torch.randn(count, classes), torch.randn(count, classes)
        p, q = first.softmax(dim=1), second.softmax(dim=1)
        right = (p + q) / 2
        shapes = {
            (count,): "That is one number for each face, a name perhaps; return the probabilities "
            "of all classes.",
            (2, count, classes): "Both answers are still there: take their mean.",
            (2 * count, classes): "Both answers stand one below the other: take their mean.",
        }
        shared = require_tensor(call(answer, first, second), (count, classes), "The answer", shapes)
        mistakes = {
            "You took the mean of the logits, then the softmax. A model with large logits would "
            "speak louder: take the softmax of each, then the mean.": (
                ((first + second) / 2).softmax(dim=1)
            ),
            "You added the logits: take the softmax of each, then the mean.": (
                (first + second).softmax(dim=1)
            ),
            "Those are means of logits; the softmax of each is missing.": (first + second) / 2,
            "Those are sums: over the classes they make 2, and a probability makes 1.": p + q,
            "Your softmax goes over the faces; it has to go over the classes, `dim=1`.": (
                (first.softmax(dim=0) + second.softmax(dim=0)) / 2
            ),
            "That is the softmax of the mean of probabilities: one softmax is enough.": (
                right.softmax(dim=1)
            ),
            "Only one of both went through a softmax.": Either(((p + second) / 2, (first + q) / 2)),
            "Those are sigmoids, which ask of each class by itself: a softmax lets them share 1.": (
                (first.sigmoid() + second.sigmoid()) / 2
            ),
            "Your softmax goes over the two models; it has to go over the classes.": Either(
                (torch.full_like(p, 0.5), torch.stack([first, second]).softmax(dim=0)[0])
            ),
            "Those are logarithms; give the probabilities themselves.": Either(
                (right.log(), (p.log() + q.log()) / 2)
            ),
            "You multiplied: whoever is sure of a No decides. Add and halve.": p * q,
            "That is the geometric mean; the plain one is wanted.": (p * q).sqrt(),
            "You took the larger of both, class by class.": torch.maximum(p, q),
            "That is the first model's answer alone.": p,
            "That is the second model's answer alone.": q,
            "Each face is given the answer of whoever is surer of it; take the mean of both.": (
                torch.where(p.amax(1, keepdim=True) >= q.amax(1, keepdim=True), p, q)
            ),
            "Those are names as ones and zeros; take the mean of the probabilities.": (
                (_named(p) + _named(q)) / 2
            ),
        }
        judge(
            shared,
            right,
            mistakes,
            f"Yours is off by up to {far(shared, right):.3g}.",
        )
    return "No weight of it was ever trained for two views. Whoever fuses has to beat this first."


def _named(shares: Tensor) -> Tensor:
    return nn.functional.one_hot(shares.argmax(dim=1), shares.shape[1]).float()
