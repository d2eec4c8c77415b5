"""What mistakes make of a map in global and local attention, for the checks of lesson 03."""

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

ENDS: dict[str, Callable[[Tensor], Tensor]] = {
    "There is a second ReLU at the end; scores may be negative.": torch.relu,
    "You put a sigmoid at the end. Here scores stay as they are; lesson 04 says where the sigmoid "
    "stands.": torch.sigmoid,
    "You put a tanh at the end. Here scores stay as they are.": torch.tanh,
    "You return scores with the other sign.": torch.neg,
    "You return absolute values; scores may be negative.": torch.abs,
}
MIDDLES: dict[str, Callable[[Tensor], Tensor]] = {
    "There is no ReLU between squeeze and excite. Without it the two are one linear layer.": (
        lambda x: x
    ),
    "Between squeeze and excite stands a sigmoid; it should be a ReLU.": torch.sigmoid,
    "Between squeeze and excite stands a tanh; it should be a ReLU.": torch.tanh,
    "Between squeeze and excite stands a GELU; it should be a ReLU.": F.gelu,
    "Between squeeze and excite stands a leaky ReLU; it should be a plain one.": F.leaky_relu,
    "Between squeeze and excite stands a leaky ReLU, of slope 0.1; it should be a plain one.": (
        lambda x: F.leaky_relu(x, 0.1)
    ),
    "Between squeeze and excite stands a ReLU6, which ends at 6; it should be a ReLU.": F.relu6,
    "Between squeeze and excite stands a softplus; it should be a ReLU.": F.softplus,
    "Between squeeze and excite stands a SiLU; it should be a ReLU.": F.silu,
    "Between squeeze and excite you took absolute values; it should be a ReLU.": torch.abs,
}


def _from(layers: Any, u: Tensor, middle: Callable[[Tensor], Tensor] = torch.relu) -> Tensor:
    squeeze, norm1, _, excite, norm2 = layers
    return norm2(excite(middle(norm1(squeeze(u)))))


def _in_the_other_mode(module: Any, u: Tensor) -> dict[str, Tensor]:
    """Return what comes of the wrong statistics; to be asked before `module` runs."""
    if not module.training and u[:, 0].numel() == 1:
        return {}  # one value has no spread
    other = copy.deepcopy(module).train(not module.training)
    mode = (
        "In training mode a batch norm of yours still uses its running statistics"
        if module.training
        else "In eval mode a batch norm of yours still uses the statistics of the batch"
    )
    return {f"{mode}: call the layers themselves, they know the mode.": _from(other.layers, u)}


def _common_mistakes(module: Any, u: Tensor, right: Tensor) -> dict[str, Tensor]:
    """Return what mistakes make of `u`, pooled for G, that one can make in G and in L."""
    squeeze, norm1, _, excite, norm2 = module.layers
    hidden = squeeze(u)
    bare = _from(module.layers, u, MIDDLES[next(iter(MIDDLES))])
    return {
        **{words: _from(module.layers, u, middle) for words, middle in MIDDLES.items()},
        "The ReLU stands at the end; it belongs between squeeze and excite. Scores may be "
        "negative.": bare.relu(),
        **{words: end(right) for words, end in ENDS.items()},
        "The first batch norm, `layers[1]`, is left out: it stands between squeeze and ReLU.": (
            norm2(excite(hidden.relu()))
        ),
        "The ReLU came before the first batch norm; normalise first.": (
            norm2(excite(norm1(hidden.relu())))
        ),
        "The last batch norm, `layers[4]`, is left out.": excite(norm1(hidden).relu()),
        "Both batch norms are left out.": excite(hidden.relu()),
        "You took the mean of each face's scores away; scores stay as they are.": (
            right - right.mean((1, 2, 3), keepdim=True)
        ),
        "You took the mean over the batch away; each face is scored by itself.": (
            right - right.mean(0, keepdim=True)
        ),
        "You return twice the scores.": 2 * right,
        "Every face got the scores of the first.": right[:1].expand_as(right),
        "You brought each place's vector to length 1 first; the layers get it as it is.": (
            _from(module.layers, F.normalize(u, dim=1))
        ),
    }


def mistakes_of_global(module: Any, u: Tensor) -> dict[str, Tensor]:
    """Return what mistakes in G, a module of the library, make of a map, by the words for each."""
    squeeze, norm1, _, excite, norm2 = module.layers
    places = (2, 3)
    mean = u.mean(places, keepdim=True)
    of_mode = _in_the_other_mode(module, mean)
    right = _from(module.layers, mean)
    pools = {
        "You took the largest value of each channel; G takes the mean. (CBAM uses both.)": (
            u.amax(places, keepdim=True)
        ),
        "You took the smallest value of each channel; G takes the mean.": (
            u.amin(places, keepdim=True)
        ),
        "You summed over the places; take the mean, or G depends on the size of the map.": (
            u.sum(places, keepdim=True)
        ),
        "You divided the sum over the places by 49; maps of other sizes have other numbers of "
        "places.": u.sum(places, keepdim=True) / 49,
        "You took the mean of the absolute values; G takes the plain mean.": (
            u.abs().mean(places, keepdim=True)
        ),
        "You set what is below 0 in U to 0 first; G takes the plain mean.": (
            u.relu().mean(places, keepdim=True)
        ),
        "You took the root of the mean square of each channel; G takes the plain mean.": (
            u.square().mean(places, keepdim=True).sqrt()
        ),
        "You averaged over the batch too; every face has a mean of its own.": (
            mean.mean(0, keepdim=True).expand_as(mean)
        ),
        "You took one place, not the mean: the first.": u[:, :, :1, :1],
        "You took one place, not the mean: the one in the middle.": (
            u[:, :, u.shape[2] // 2, u.shape[3] // 2, None, None]
        ),
        "You averaged over the channels too; each channel has a mean of its own.": (
            mean.mean(1, keepdim=True).expand_as(mean)
        ),
        "You took the spread of each channel; G takes the mean.": u.std(places, keepdim=True),
        "You added the largest value to the mean; G takes the mean alone.": (
            mean + u.amax(places, keepdim=True)
        ),
        "You pooled in windows of 2×2 first, which leaves out the last row or column of an odd "
        "map.": F.avg_pool2d(F.pad(u, (0, u.shape[3] < 2, 0, u.shape[2] < 2)), 2).mean(
            places, keepdim=True
        ),
        "You took the median of each channel; G takes the mean.": (
            u.flatten(2).median(2).values[:, :, None, None]
        ),
    }
    return {
        "You pooled after the ReLU. It has then cut each place by itself, and the mean of that is "
        "another number: pool first.": norm2(
            excite(norm1(squeeze(u)).relu().mean(places, keepdim=True))
        ),
        "You pooled after the first batch norm. In eval mode that gives the same; in training the "
        "norm then has the places among its values, and not just the faces. Pool first.": (
            norm2(excite(norm1(squeeze(u)).mean(places, keepdim=True).relu()))
        ),
        **{words: _from(module.layers, pooled) for words, pooled in pools.items()},
        **_common_mistakes(module, mean, right),
        **of_mode,
        "You shared the scores out by a softmax over the channels; scores stay as they are.": (
            right.softmax(1)
        ),
        "You multiplied the means by the scores, as SE does; G is the scores alone.": right * mean,
        "You added the means to the scores; G is the scores alone.": right + mean,
        "You ran the layers twice; once is enough.": _from(module.layers, right),
        "You added scores of the largest values, as CBAM does; G has those of the means alone.": (
            right + _from(module.layers, u.amax(places, keepdim=True))
        ),
        "The channels come out in the reverse order.": right.flip(1),
    }


def mistakes_of_local(module: Any, u: Tensor) -> dict[str, Tensor]:
    """Return what mistakes in L, a module of the library, make of a map, by the words for each."""
    count, channels, height, width = u.shape
    of_mode = _in_the_other_mode(module, u)
    right = _from(module.layers, u)
    mean = u.mean((2, 3), keepdim=True)
    flat = right.flatten(1)
    spread = flat.std(1).clamp(min=1e-9)[:, None, None, None]
    confused = u.reshape(count, height * width, channels).transpose(1, 2).reshape(u.shape)
    return {
        **_common_mistakes(module, u, right),
        **of_mode,
        "All places have one score: you pooled first. L does not pool.": (
            _from(module.layers, mean.expand_as(u))
        ),
        "All places have one score: you pooled the scores. L does not pool.": (
            right.mean((2, 3), keepdim=True).expand_as(right)
        ),
        "You took the mean of each channel away first: then a place knows of the others.": (
            _from(module.layers, u - mean)
        ),
        "You shared the scores out by a softmax over the places. Here places do not compete; "
        "scores stay as they are.": flat.softmax(1).reshape(right.shape),
        "You brought the scores of each face to mean 0 and spread 1; scores stay as they are.": (
            (right - right.mean((2, 3), keepdim=True)) / spread
        ),
        "`reshape` cut the numbers of (C, H, W) into new rows, so a row is no longer one place. "
        "Bring the channels to the end first: `permute`, or `flatten(2).transpose(1, 2)`.": (
            _from(module.layers, confused)
        ),
        "The scores are mirrored left to right.": right.flip(3),
        "The scores are mirrored top to bottom.": right.flip(2),
        "The scores of height and width were exchanged and cut anew: use `permute`.": (
            right.transpose(2, 3).reshape(right.shape)
        ),
        "You summed the channels of U and scored the sum; L reads every channel.": (
            _from(module.layers, u.sum(1, keepdim=True).expand_as(u))
        ),
        "You averaged the channels of U and scored the mean; L reads every channel.": (
            _from(module.layers, u.mean(1, keepdim=True).expand_as(u))
        ),
        "You scored the largest channel of each place; L reads every channel.": (
            _from(module.layers, u.amax(1, keepdim=True).expand_as(u))
        ),
        "You took the mean over a place's channels away first; L reads its vector as it is.": (
            _from(module.layers, u - u.mean(1, keepdim=True))
        ),
        "You took the smallest score of each face away; scores stay as they are.": (
            right - right.amin((2, 3), keepdim=True)
        ),
        "You took the largest score of each face away; scores stay as they are.": (
            right - right.amax((2, 3), keepdim=True)
        ),
        "You multiplied the scores by the mean of a place's channels; L is the scores alone.": (
            right * u.mean(1, keepdim=True)
        ),
        "You averaged each score with its neighbours; L sees its own place alone.": (
            F.avg_pool2d(right, 3, stride=1, padding=1)
        ),
        "You averaged over the batch; each face has its own scores.": (
            right.mean(0, keepdim=True).expand_as(right)
        ),
    }
