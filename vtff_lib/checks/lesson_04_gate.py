"""The checks of lesson 04 on the whole fusion, and on a gate that is pushed."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from vtff_lib.checks.judging import call, exercise, judge, require, require_tensor
from vtff_lib.checks.modules import Case, judge_module
from vtff_lib.fusion import AttentionalSelectiveFusion

FUSED = "X_LBP ⊗ gate + X_RGB ⊗ (1 - gate)"


def _mistakes(fusion: AttentionalSelectiveFusion, rgb: Tensor, lbp: Tensor) -> Mapping[str, Tensor]:
    """Return what plausible mistakes make of two maps, by the words for each."""
    seen_rgb, seen_lbp = fusion.rgb_weight(rgb), fusion.lbp_weight(lbp)
    u = seen_lbp + seen_rgb
    g, local = fusion.global_attention(u), fusion.local_attention(u)
    gate = torch.sigmoid(g + local)

    def mix(weight: Tensor) -> Tensor:
        return lbp * weight + rgb * (1 - weight)

    def gate_of(for_g: Tensor, for_l: Tensor) -> Tensor:
        return torch.sigmoid(fusion.global_attention(for_g) + fusion.local_attention(for_l))

    crossed = fusion.rgb_weight(lbp) + fusion.lbp_weight(rgb)
    both = g.sigmoid() + local.sigmoid()
    raw = "Both maps have to go through their weights: U is W_c · X_RGB + W_l · X_LBP. "
    u_is = {
        f"{raw}Yours has both maps behind rgb_weight.": seen_rgb + fusion.rgb_weight(lbp),
        f"{raw}Yours has both maps behind lbp_weight.": seen_lbp + fusion.lbp_weight(rgb),
        f"{raw}In yours both see the RGB map.": seen_rgb + fusion.lbp_weight(rgb),
        f"{raw}In yours both see the LBP map.": seen_lbp + fusion.rgb_weight(lbp),
        f"{raw}In yours the LBP map has none.": seen_rgb + lbp,
        f"{raw}In yours the RGB map has none.": rgb + seen_lbp,
        f"{raw}In yours the maps themselves are added, too.": u + rgb + lbp,
        "The gate has seen the plain sum of the maps: U needs rgb_weight and lbp_weight.": rgb
        + lbp,
        "The gate has seen the RGB map alone. U is the sum of both weighted maps.": seen_rgb,
        "The gate has seen the LBP map alone. U is the sum of both weighted maps.": seen_lbp,
        "U is wrong: each map went through the weights of the other.": crossed,
        "U is the sum of both weighted maps; yours is their product.": seen_rgb * seen_lbp,
        "U is the sum of both weighted maps; yours is a difference.": seen_lbp - seen_rgb,
        "U is the sum of both weighted maps; yours is a difference, RGB minus LBP.": -seen_lbp
        + seen_rgb,
        "U is the sum of both weighted maps; yours is their mean.": u / 2,
        "You put a ReLU around U; U is the sum as it is.": u.relu(),
    }
    gate_is = {
        "There is no sigmoid around G ⊕ L.": g + local,
        "Your gate is σ(G): L is not in it.": g.sigmoid(),
        "Your gate is σ(L): G is not in it.": local.sigmoid(),
        "Your gate is σ(G) ⊕ σ(L), a reading of the paper that reaches from 0 to 2. Here the "
        "sigmoid comes after the sum.": both,
        "Your gate has a sigmoid in a sigmoid: σ(σ(G) ⊕ σ(L)). One is enough, after the sum.": (
            both.sigmoid()
        ),
        "Your gate has two sigmoids, one around the other. One is enough.": gate.sigmoid(),
        "Your gate is the mean of σ(G) and σ(L). The sigmoid comes after the sum.": both / 2,
        "Your gate is σ(G ⊗ L), of the product; the scores are added.": torch.sigmoid(g * local),
        "Your gate is σ(G) ⊗ σ(L); add the scores first, then take one sigmoid.": (
            g.sigmoid() * local.sigmoid()
        ),
        "Your gate is σ(G - L): the scores are added.": torch.sigmoid(g - local),
        "Your gate is σ of the mean of G and L: they are added.": torch.sigmoid((g + local) / 2),
        "Your gate is a softmax over the channels; each weight is squeezed on its own.": (
            (g + local).softmax(dim=1)
        ),
        "Your gate is a softmax over the places; each weight is squeezed on its own.": (
            (g + local).flatten(2).softmax(dim=2).view_as(u)
        ),
        "Your gate is tanh(G ⊕ L), from -1 to 1. A share comes from a sigmoid.": (
            torch.tanh(g + local)
        ),
        "Your gate is cut at ½ to 0 or 1; a share may be anything between.": (gate > 0.5).float(),
        "Your gate is a mean over the channels; each channel has its own.": gate.mean(1, True),
        "Your gate is a mean over the places; each place has its own.": gate.mean((2, 3), True),
        "Your gate is a mean over the faces; each face has its own.": gate.mean(0, True),
        "G has seen the weighted RGB map and L the weighted LBP map. Both look at U, the sum.": (
            gate_of(seen_rgb, seen_lbp)
        ),
        "G has seen the weighted LBP map and L the weighted RGB map. Both look at U, the sum.": (
            gate_of(seen_lbp, seen_rgb)
        ),
        "G has seen the RGB map and L the LBP map. Both look at U, of both.": gate_of(rgb, lbp),
        "G has seen the LBP map and L the RGB map. Both look at U, of both.": gate_of(lbp, rgb),
        "G has seen U ⊗ σ(L(U)). Here both look at U itself, side by side.": (
            gate_of(u * local.sigmoid(), u)
        ),
        "Your gate is σ of twice the sum, as a softmax over the scores and their negatives gives. "
        "Take σ of the sum.": torch.sigmoid(2 * (g + local)),
        "Your gate is the sum cut to 0 and 1; a sigmoid never gets there.": (g + local).clamp(0, 1),
        "Your gate is a hard sigmoid, made of straight lines.": (
            torch.nn.functional.hardsigmoid(g + local)
        ),
        "Your gate is a ReLU of the sum; a share comes from a sigmoid.": (g + local).relu(),
        "Your gate is σ(G) + L: the sigmoid comes after the sum.": g.sigmoid() + local,
        "Your gate is G + σ(L): the sigmoid comes after the sum.": g + local.sigmoid(),
        "Your gate is σ of the larger of G and L; they are added.": (
            torch.sigmoid(torch.maximum(g, local))
        ),
        "You took G of the first face for all faces.": torch.sigmoid(g[:1] + local),
        "You took L of the first face for all faces.": torch.sigmoid(g + local[:1]),
        "The gate is not used: this is the mean of both maps.": torch.full_like(gate, 0.5),
        "The gate is not used: this is the LBP map.": torch.ones_like(gate),
        "The gate is not used: this is the RGB map.": torch.zeros_like(gate),
        "L has seen U ⊗ σ(G(U)). Here both look at U itself, side by side.": (
            gate_of(u, u * g.sigmoid())
        ),
        "L has seen U ⊗ G(U). Here both look at U itself, side by side.": gate_of(u, u * g),
    }
    return {
        "The branches are exchanged: the LBP map gets the gate, the RGB map 1 - gate.": (
            rgb * gate + lbp * (1 - gate)
        ),
        "The two maps are exchanged from the start: the RGB map comes first, in "
        "`forward(rgb_map, lbp_map)`.": torch.lerp(lbp, rgb, gate_of(crossed, crossed)),
        **{words: mix(gate_of(seen, seen)) for words, seen in u_is.items()},
        **{words: mix(weight) for words, weight in gate_is.items()},
        "You mixed the weighted maps W_c · X_RGB and W_l · X_LBP. The weights only make U; what is "
        "mixed are the maps themselves.": torch.lerp(seen_rgb, seen_lbp, gate),
        "You mixed the weighted maps, and the other way round. The weights only make U; what is "
        "mixed are the maps themselves, the LBP map by the gate.": torch.lerp(
            seen_lbp, seen_rgb, gate
        ),
        "The gate is not used: this is the sum of both maps.": lbp + rgb,
        "You took the larger of both weighed maps; they are added.": (
            torch.maximum(lbp * gate, rgb * (1 - gate))
        ),
        "The RGB map's part is subtracted; it is added.": lbp * gate - rgb * (1 - gate),
        "You subtracted the RGB map from 1; it is the gate that is.": lbp * gate + (1 - rgb) * gate,
        "The gate is applied twice to the LBP map, and once to the rest.": (
            lbp * gate * gate + rgb * (1 - gate)
        ),
        "You returned the gate. What is asked for is the fused map.": gate,
        "You returned U. What is asked for is the fused map.": u,
        "You returned G ⊕ L. What is asked for is the fused map.": g + local,
        "The gate multiplies U; it weighs the maps themselves.": u * gate,
        "You mixed U with the RGB map; mix the LBP map with it.": torch.lerp(rgb, u, gate),
        "Only the LBP map is there: the RGB map's 1 - gate is missing.": lbp * gate,
        "Only the RGB map is there: the LBP map's gate is missing.": rgb * (1 - gate),
        "The RGB map is added whole: its share is 1 - gate.": lbp * gate + rgb,
        "The LBP map is added whole: its share is the gate.": lbp + rgb * (1 - gate),
        "The gate multiplies both maps; RGB gets the rest, 1 - gate.": (lbp + rgb) * gate,
        "The weights do not sum to 1: RGB has σ(1 - G ⊕ L) in place of 1 - σ(G ⊕ L).": (
            lbp * gate + rgb * torch.sigmoid(1 - g - local)
        ),
        "This is reader A's mixture, σ(GL) and σ(1 - GL) with GL = σ(G) ⊕ σ(L). Ours has one "
        "sigmoid, after the sum, and its weights sum to 1.": (
            lbp * both.sigmoid() + rgb * torch.sigmoid(1 - both)
        ),
        f"The sum of both maps is added to the mixture; X_fused is {FUSED} alone.": (
            mix(gate) + lbp + rgb
        ),
        f"U is added to the mixture; X_fused is {FUSED} alone.": mix(gate) + u,
        f"There is a ReLU around the mixture; X_fused is {FUSED} as it is.": mix(gate).relu(),
        f"The mixture is halved; X_fused is {FUSED}.": mix(gate) / 2,
        f"The mixture is doubled; X_fused is {FUSED}.": mix(gate) * 2,
    }


CASES = (
    Case((16, 4), ((3, 16, 5, 4),) * 2),
    Case((6, 2), ((6, 6, 6, 2),) * 2),  # as many faces as channels and rows
    Case((16,), ((2, 16, 3, 7),) * 2),  # r is 8 unless it is given
)


@exercise("04", "The selective fusion, whole", part="MyFusion")
def selective_fusion(answer: Callable[..., Any]) -> str:
    """Check Exercise 4 of lesson 04: MyFusion, from both maps to the fused one."""
    judge_module(answer, AttentionalSelectiveFusion, CASES, _mistakes)
    mine = call(answer, 16, 4).eval()
    maps = torch.randn(2, 3, 16, 5, 4)
    given = maps.clone()
    fused = call(lambda: mine(given[0], given[1]))
    require(
        isinstance(fused, Tensor),
        "The fused map is right, and more comes with it: return it alone, for that is what lesson "
        "06 hands to the encoder.",
    )
    require(
        torch.equal(maps, given),
        "The fused map is right, but one of the two maps that were given is changed in place "
        "(`+=`, or a method that ends in `_`). Make a new tensor.",
    )
    return "U decides, the maps themselves are mixed, and no fused value leaves their range."


@exercise("04", "Push a gate")
def pushed_gate(answer: Callable[[Tensor, float], Tensor]) -> str:
    """Check Exercise 5 of lesson 04: σ(score + shift), from the gate and the shift."""
    for scores, shift in (
        (torch.tensor([[-2.0, -0.5, 0.0, 1.0, 3.0]]), 1.5),
        (torch.tensor([[-2.0, -0.5, 0.0, 1.0, 3.0]]), -1.5),
        (torch.linspace(-6, 6, 48).view(2, 3, 4, 2), 12.0),
        (torch.linspace(-6, 6, 48).view(2, 3, 4, 2), -4.5),
        (torch.tensor([0.25]), 0.0),
    ):
        _push(answer, scores, shift)
    return "Pushed at the scores, a gate stays in (0, 1) and keeps the order of its places."


def _push(answer: Any, scores: Tensor, shift: float) -> None:
    gate, size = scores.sigmoid(), tuple(scores.shape)
    pushed = require_tensor(call(answer, gate, shift), size, f"A gate {size}, pushed,")
    right, odds, s = torch.sigmoid(scores + shift), scores.exp(), torch.tensor(shift)
    mistakes = {
        "You took the size of the shift without its sign.": torch.sigmoid(scores + abs(shift)),
        "You added the shift to the gate itself, which leaves (0, 1). It is the scores that are "
        "shifted.": gate + shift,
        "You added the shift to the gate and cut off what is outside of 0 to 1: all differences "
        "are gone. It is the scores that are shifted.": (gate + shift).clamp(0, 1),
        "You took the sigmoid of a gate, which is a sigmoid already. Undo the first one.": (
            torch.sigmoid(gate + shift)
        ),
        "You stopped at the shifted scores; a gate is their sigmoid.": scores + shift,
        "A positive shift made your gate smaller, and a negative one larger.": (
            torch.sigmoid(scores - shift)
        ),
        "You undid the sigmoid and did it again, but the shift is not in it.": gate,
        "You shifted odds, not scores. The score is the logarithm of the odds gate/(1 - gate).": (
            1 - 1 / (1 + odds + shift)
        ),
        "You multiplied the odds by the shift. Adding to a score multiplies the odds by e^shift.": (
            odds * shift / (1 + odds * shift)
        ),
        "You took the odds gate/(1 - gate) for the score; it is their logarithm.": (
            torch.sigmoid(odds + shift)
        ),
        "You moved the gate along its slope, gate · (1 - gate); only for small shifts is that "
        "near. Undo the sigmoid.": gate + shift * gate * (1 - gate),
        "The shift is in it twice.": torch.sigmoid(scores + 2 * shift),
        "You took tanh in place of the sigmoid.": torch.tanh(scores + shift),
        "You added the shift and divided by 1 + shift; it is the scores that are shifted.": (
            (gate + shift) / (1 + shift)
        ),
        "You stopped at the odds, e^(score + shift). The gate is odds / (1 + odds).": odds
        * s.exp(),
        "You multiplied the scores by the shift; it is added.": torch.sigmoid(scores * shift),
        "You took log(gate) for the score; it is log(gate / (1 - gate)).": (
            torch.sigmoid(gate.log() + shift)
        ),
        "Your scores have the wrong sign: a score is log(gate / (1 - gate)), not log((1 - gate) / "
        "gate).": torch.sigmoid(shift - scores),
        "You took another logarithm than that to base e.": torch.sigmoid(
            scores / torch.tensor(2.0).log() + shift
        ),
        "You took the logarithm to base 10; the sigmoid is made with e.": torch.sigmoid(
            scores / torch.tensor(10.0).log() + shift
        ),
        "You returned 1 - gate, the share of RGB.": 1 - right,
        "You took two sigmoids at the end; one is enough.": right.sigmoid(),
        "You multiplied the gate by e^shift. That is right for the odds gate/(1 - gate).": (
            gate * s.exp()
        ),
        "You moved the gate by the shift's share of what is left to 1; it is the scores that are "
        "shifted.": gate + (1 - gate) * shift,
        "You added σ(shift) - ½ to the gate; it is the scores that are shifted.": (
            gate + s.sigmoid() - 0.5
        ),
        "You mixed the gate with σ(shift); it is the scores that are shifted.": (
            (gate + s.sigmoid()) / 2
        ),
        "You made a softmax of the shifted scores; each share is squeezed on its own.": (
            (scores + shift).softmax(dim=-1)
        ),
        "You returned the gate of the shift alone; the scores are not in it.": (
            s.sigmoid().expand_as(gate)
        ),
    }
    judge(pushed, right, mistakes, lambda: _first_apart(scores, shift, right, pushed))


def _first_apart(scores: Tensor, shift: float, right: Tensor, given: Tensor) -> str:
    """Return the first place at which two gates differ, with as many digits as show it."""
    off = ~torch.isclose(given.double(), right.double(), rtol=1e-5, atol=1e-5)
    at = int(off.flatten().nonzero()[0])
    score, wanted, mine = (float(each.flatten()[at]) for each in (scores, right, given))
    digits = next((n for n in range(3, 9) if f"{wanted:.{n}f}" != f"{mine:.{n}f}"), 9)
    return (
        f"A score of {score:.3g}, so a gate of {torch.tensor(score).sigmoid():.4f}, shifted by "
        f"{shift:g} should give {wanted:.{digits}f}; yours gives {mine:.{digits}f}."
    )
