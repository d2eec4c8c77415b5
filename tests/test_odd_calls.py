"""Public calls answer an odd argument with one sentence of ours, and NaN is never a result.

Each call is known to be right; then one of its arguments at a time is replaced by something odd."""

import itertools
import math
import os
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import vtff_lib
from tests.explored import faces, small
from tests.small_runs import SILENT
from vtff_lib import (
    attention,
    backbone,
    encoder,
    evaluation,
    explain,
    fusion,
    lbp,
    load_pretrained,
    photos,
    plots,
)
from vtff_lib.datasets import FaceSet
from vtff_lib.evaluation.comparisons import compare
from vtff_lib.evaluation.measure import calibration_error
from vtff_lib.explain.surgery import Surgery, all_surgeries, masked, operated
from vtff_lib.explorer import Explorer, quantise
from vtff_lib.explorer.content import examine
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.names import EXPRESSIONS, first_expressions
from vtff_lib.photos import FaceBox, read_photo
from vtff_lib.pretrained import FOLDER
from vtff_lib.synthetic_faces import render, sample
from vtff_lib.training.loop import train
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.training.targets import Examples, soft_targets
from vtff_lib.vtff import VTFF, trace_shapes

HOUSE = Path(vtff_lib.__file__).parent
MODEL = small()
IMAGES = faces(2)
CLASSES = torch.tensor([0, 2])
FACES = sample(range(2)).in_studio()
SMILING = FACES.showing({4: 0.5, 12: 0.8})
MAPS = torch.rand(2, 3, 3, generator=torch.Generator().manual_seed(0))
NAMES = ["calm", "glad", "sad", "cross"]
SHARES = torch.eye(4)
PHOTO, BOX = np.zeros((40, 50, 3), np.uint8), FaceBox(5, 5, 9, 9)
TOKENS, MAP = torch.zeros(2, 5, 16), torch.zeros(2, 16, 3, 3)
ENCODER = encoder.TransformerEncoder(16, 1, 2, 8).eval()
OUT = MODEL(IMAGES, return_maps=True)

ODD = [
    None, True, "", "odd", b"odd", [], {}, (), [None], ["odd", "odd"], object(), print,
    0, -1, 3, 10**30, 0.0, -0.5, 2.5, math.nan, math.inf, -math.inf, 1e300, 1j,
    [math.nan] * 2, [math.inf, 1.0], [0.5, "odd"],
    np.zeros(2), np.full((2, 3, 3), np.nan), np.array("odd"), np.int64(-3), np.float32("nan"),
    torch.tensor(1.0), torch.zeros(0), torch.zeros(2), torch.full((2,), torch.nan),
    torch.zeros(2, 3, 3), torch.full((2, 3, 3), torch.nan), torch.full((2, 3, 3), torch.inf),
    torch.zeros(2, 16, 3, 3, dtype=torch.float64), torch.zeros(2, 5, 16).half(),
    torch.zeros(2, 3, 48, 48), torch.full((2, 3, 48, 48), torch.nan), torch.zeros(2, 16, 0, 3),
    torch.zeros(2, dtype=torch.uint8), torch.zeros(2, dtype=torch.bool), torch.zeros(2).long() - 1,
    torch.zeros(2, dtype=torch.int32), torch.full((2,), 99), torch.zeros(2, 4, dtype=torch.cfloat),
    torch.zeros(2, 3, 48, 48, dtype=torch.uint8, device="meta"), torch.zeros(2, 5, 16).to("meta"),
    torch.zeros(2, 16, 3, 3).to("meta"), torch.zeros(2, 3, 48, 48).to_sparse(),
    torch.zeros(2, 3, 48, 48).to(torch.float8_e4m3fn), torch.zeros(2, 5, 16).to_sparse(),
    torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), nn.Identity(), Surgery(patch=1),
]  # fmt: skip


def call(function, *arguments, **named):
    return function, {**dict(enumerate(arguments)), **named}


CALLS = {
    "lbp": call(lbp.local_binary_pattern, IMAGES, order="reading"),
    "order_table": call(lbp.order_table, "reading", "circular"),
    "LocalBinaryPattern": call(lbp.LocalBinaryPattern, "reading"),
    "BasicBlock": call(backbone.BasicBlock, 4, 4, 1),
    "BasicBlock()": call(backbone.BasicBlock(16, 16).eval(), MAP),
    "ResNetTrunk": call(backbone.ResNetTrunk, 4, 2),
    "ResNetTrunk()": call(backbone.ResNetTrunk(4, 2).eval(), IMAGES / 255),
    "ResNetTrunk() in training": call(backbone.ResNetTrunk(4, 2), IMAGES / 255),
    "GlobalAttention": call(attention.GlobalAttention, 16, 8),
    "GlobalAttention()": call(attention.GlobalAttention(16).eval(), MAP),
    "LocalAttention": call(attention.LocalAttention, 16, 8),
    "LocalAttention()": call(attention.LocalAttention(16), MAP),
    **{
        f"{name} fusion": call(fusion.make_fusion(name, 16).eval(), MAP, MAP)
        for name in fusion.FUSIONS
    },
    "make_fusion": call(
        fusion.make_fusion, "selective", 16, 8, gate="sigmoid_of_sum", gated_branch="lbp"
    ),
    "MultiHeadSelfAttention": call(encoder.MultiHeadSelfAttention, 16, 2, 0.1),
    "MultiHeadSelfAttention()": call(encoder.MultiHeadSelfAttention(16, 2), TOKENS),
    "MLP": call(encoder.MLP, 16, 8, 0.1),
    "MLP()": call(encoder.MLP(16, 8), TOKENS),
    "EncoderBlock": call(encoder.EncoderBlock, 16, 2, 8, norm="pre", dropout=0.1),
    "EncoderBlock()": call(encoder.EncoderBlock(16, 2, 8, "post"), TOKENS),
    "TransformerEncoder": call(encoder.TransformerEncoder, 16, 1, 2, 8, norm="post", dropout=0.1),
    "TransformerEncoder()": call(ENCODER, TOKENS),
    "TransformerEncoder() of depth 0": call(encoder.TransformerEncoder(16, 0, 2, 8), TOKENS),
    "positions": call(encoder.resize_position_embedding, torch.zeros(1, 10, 4), (3, 3), (2, 2)),
    "VTFF()": call(MODEL, IMAGES, local_binary_pattern(IMAGES)),
    "trace_shapes": call(trace_shapes, MODEL, (48, 48)),
    "predict": call(evaluation.predict, MODEL, IMAGES, batch_size=1),
    "evaluate": call(
        evaluation.evaluate, SHARES, torch.arange(4), NAMES, seed=0, repeats=9
    ),
    "calibration_error": call(calibration_error, np.array([0.5, 0.9]), np.array([0, 1]), 15),
    "wilson": call(evaluation.wilson, 2, 5),
    "bootstrap": call(
        evaluation.bootstrap, lambda rows: np.array([rows.mean()]), count=4, seed=1, repeats=5
    ),
    "student_p": call(evaluation.student_p, 1.0, 3),
    "student_t": call(evaluation.student_t, 3, share=0.9),
    "compare": call(compare, [0.5, 0.7], [0.4, 0.5]),
    "crossed": call(evaluation.crossed, np.array([[0.1, 0.2], [0.3, 0.1]])),
    "sign_flips": call(evaluation.sign_flips, [0.1, 0.2]),
    "holm": call(evaluation.holm, {"a": 0.01, "b": 0.2}),
    "detectable": call(evaluation.detectable, 0.1, 5, power=0.8),
    "least_confidence": call(
        evaluation.least_confidence, torch.tensor([0.5, 0.9]), torch.tensor([False, True]), 0.5
    ),
    "verdict": call(evaluation.verdict, SHARES[0], NAMES, 0.5),
    "HeatMap": call(explain.HeatMap, MAPS, "share", "a map"),
    "filled": call(explain.filled, IMAGES, fill="mean"),
    **{
        name: call(getattr(explain, name), OUT)
        for name in ("gate", "energy_share", "local_part", "global_part", "rollout")
    },
    "attention": call(explain.attention, OUT, layer=0, head=1, token=0),
    "gate of channels": call(explain.gate, OUT, channels=[0, 1]),
    "gradient_attention": call(explain.gradient_attention, OUT, CLASSES),
    "grad_cam": call(explain.grad_cam, OUT, CLASSES, place="fused"),
    "integrated_gradients": call(explain.integrated_gradients, MODEL, IMAGES, CLASSES, steps=1),
    "occlusion": call(explain.occlusion, MODEL, IMAGES, CLASSES, view="lbp"),
    "prior": call(explain.prior, MAPS, torch.tensor([0, 1]), torch.tensor([2, 2])),
    "removals": call(explain.removals, SMILING, active=0.3),
    "change_in_cells": call(explain.change_in_cells, IMAGES, IMAGES.flip(0), (3, 3)),
    "mean_over": call(explain.mean_over, MAPS, MAPS),
    "pairs_of": call(
        explain.pairs_of, explain.removals(SMILING), torch.tensor([0.0, 2, 4, 6]), apart=1
    ),
    "in_order": call(explain.in_order, torch.ones(2), torch.ones(2), torch.tensor([[0, 1]])),
    "changed_there": call(explain.changed_there, MAPS, MAPS, torch.tensor([[0, 1]])),
    "curve": call(
        explain.curve, lambda rgb: torch.full((len(rgb), 4), 0.25), IMAGES, MAPS, CLASSES,
        insert=False, fill="mean", steps=2,
    ),
    "area": call(explain.area, torch.zeros(2, 3)),
    "rank_correlation": call(explain.rank_correlation, MAPS, MAPS),
    "randomised": call(lambda *given, **named: next(explain.randomised(*given, **named)),
                       MODEL, seed=0),
    "random_map": call(explain.random_map, (2, 3, 3), seed=0),
    "centred_blob": call(explain.centred_blob, (2, 3, 3), width=0.25),
    "expression_masks": call(
        explain.expression_masks, torch.zeros(2, 8, 8).byte(), FACES.action_units, active=0.3
    ),
    **{
        name: call(getattr(explain, name), MAPS, torch.ones(2, 6, 6).bool())
        for name in ("pointing_game", "mass_inside")
    },
    "share_of_cells": call(explain.share_of_cells, torch.ones(2, 6, 6).bool(), MAPS),
    "Surgery": call(Surgery, patch=3),
    "Surgery of a head": call(Surgery, head=(0, 0)),
    "Surgery of the gate": call(Surgery, lbp_weight=0.5),
    "Surgery without": call(Surgery, without="local"),
    "Surgery of a layer": call(Surgery, layer=1),
    "Surgery of what is read": call(Surgery, reading="mean"),
    "larger_surgeries": call(explain.larger_surgeries, MODEL),
    "all_surgeries": call(all_surgeries, MODEL),
    "masked": call(masked, IMAGES, [Surgery()] * 2, 16),
    "operated": call(lambda *given: operated(*given).__enter__, MODEL, [Surgery()]),
    "quantise": call(quantise, MAPS, apart=1),
    "examine": call(examine, MODEL, IMAGES[0], [Surgery()]),
    "Explorer": call(
        Explorer, MODEL, IMAGES[:1], names=["one"], labels=["neutral"], title="a page",
        surgeries=[Surgery()], computed=[Surgery()],
    ),
    "sample": call(sample, [0, 1], seed=0, split="train", wildness=0.5),
    "render": call(render, FACES, size=32),
    "showing": call(FACES.showing, {12: 0.5}),
    **{
        f"rendered {name}": call(
            lambda **shot: render(FACES.seen(**shot), size=32), **{name: value}
        )
        for name, value in (("yaw", 0.1), ("zoom", 1.2), ("noise", 2.0), ("lamp", [0, 0, 1]))
    },
    "read_photo": call(read_photo, PHOTO),
    "find_faces": call(photos.find_faces, PHOTO, smallest=0.5),
    "crop_face": call(photos.crop_face, PHOTO, BOX, margin=0.1, size=9),
    "grey_face": call(photos.finding.grey_face, PHOTO, BOX, side=9),
    "crops_to_batch": call(photos.crops_to_batch, [PHOTO]),
    "FaceSet": call(
        FaceSet, IMAGES, CLASSES, CLASSES, ("a", "b", "c"), extras={"votes": SHARES[:2]},
        ids=("x", "y"),
    ),
    "FaceSet[]": call(FaceSet(IMAGES, CLASSES, CLASSES, ("a", "b", "c")).__getitem__, [0, 1]),
    "FaceSet.part": call(FaceSet(IMAGES, CLASSES, CLASSES, ("a", "b", "c")).part, "train"),
    "VTFF.load": call(VTFF.load, FOLDER / "tiny.safetensors", EXPRESSIONS),
    "load_pretrained": call(load_pretrained, "tiny"),
    "first_expressions": call(first_expressions, 4),
    "soft_targets": call(soft_targets, Examples(IMAGES, CLASSES), 4, soft=True),
    "train": call(
        lambda *given, **options: train(*given, **options, progress=SILENT),
        small(), Examples(IMAGES, CLASSES), Examples(IMAGES, CLASSES),
        TrainingConfig(epochs=1, batch_size=2), save_every=0, time_limit=9.0,
    ),
    "labels": call(lambda *given: soft_targets(Examples(*given), 4), IMAGES, CLASSES),
    "votes": call(
        lambda images, votes: soft_targets(Examples(images, None, votes), 4), IMAGES, SHARES[:2]
    ),
    "as_array": call(plots.as_array, IMAGES[0]),
    "class_scores": call(plots.class_scores, SHARES[0], NAMES, alt="scores"),
    "images": call(plots.images, {"a face": IMAGES[0]}, alt="a face"),
    "beside_face": call(plots.beside_face, IMAGES[0], {"a map": MAPS[0]}, alt="a map"),
    "channel_scores": call(plots.channel_scores, torch.zeros(4), alt="scores"),
    "feature_maps": call(plots.feature_maps, MAP[0], MAP[0], [0, 1], alt="maps"),
}  # fmt: skip


def made(function, arguments):
    places = [arguments[key] for key in arguments if isinstance(key, int)]
    return function(*places, **{key: arguments[key] for key in arguments if isinstance(key, str)})


def has_nan(result):
    """Say whether a number that somebody could take for a result is NaN."""
    if isinstance(result, torch.Tensor):
        return bool(result.is_floating_point() and not result.is_meta and result.isnan().any())
    if isinstance(result, np.ndarray):
        return bool(result.dtype.kind == "f" and np.isnan(result).any())
    if isinstance(result, dict):
        return any(map(has_nan, result.values()))
    if isinstance(result, tuple | list):
        return any(map(has_nan, result))
    return isinstance(result, float) and math.isnan(result)


def faults(name, arguments):
    """Say what is wrong with the answer to these arguments, if anything."""
    function = CALLS[name][0]
    try:
        result = made(function, arguments)
    except (ValueError, IndexError, FileNotFoundError) as error:
        inside = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
        ours = inside.is_relative_to(HOUSE) and str(error).endswith(".") and "\n" not in str(error)
        return [] if ours else [f"raw {type(error).__name__}: {error}"]
    except Exception as error:
        return [f"raw {type(error).__name__}: {str(error)[:90]}"]
    passed_on = isinstance(function, nn.Module) or name == "as_array"  # of NaN they make NaN
    return ["a NaN came out"] if has_nan(result) and not passed_on else []


def tried(name, odd):
    return [
        f"{name} with {key!r} = {value!r:.70}: {fault}"
        for key, value in odd
        for fault in faults(name, CALLS[name][1] | {key: value})
    ]


def test_the_calls_are_right():
    results = {name: made(*CALLS[name]) for name in CALLS}
    assert not any(map(has_nan, results.values()))


@pytest.mark.parametrize("name", CALLS)
def test_an_odd_argument_is_answered_by_a_sentence(name, dice):
    """Some odd values in the place of each argument; with FUZZ=1 in the environment, all."""
    odd = ODD if os.environ.get("FUZZ") else dice.sample(ODD, 6)
    assert tried(name, itertools.product(CALLS[name][1], odd)) == []
