"""The settings say what is known, survive JSON, and refuse what makes no sense."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from vtff_lib.config import VTFFConfig
from vtff_lib.names import EXPRESSIONS, first_expressions
from vtff_lib.vtff import VTFF, count_parameters


def test_every_setting_survives_json():
    changed = {
        "class_names": ("a", "b"), "image_size": 64, "width": 8, "stages": 2, "fusion": "sum",
        "gate": "double_sigmoid", "gated_branch": "rgb", "attention_reduction": 2, "embed_dim": 8,
        "depth": 1, "num_heads": 2, "mlp_dim": 3, "norm": "post", "dropout": 0.25,
        "lbp_order": "circular", "rgb_mean": (0.1, 0.2, 0.3), "rgb_std": (1.0, 2.0, 3.0),
        "lbp_mean": (0.0, 0.0, 0.1), "lbp_std": (1.0, 1.0, 2.0),
    }  # fmt: skip
    assert changed.keys() == {f.name for f in fields(VTFFConfig)}
    config = VTFFConfig(**changed)
    assert all(getattr(config, name) != getattr(VTFFConfig(), name) for name in changed)
    assert VTFFConfig.from_json(config.to_json()) == config


def test_presets_take_changes_and_class_counts():
    assert VTFFConfig.paper(8).class_names == EXPRESSIONS
    assert VTFFConfig.tiny(7).class_names == EXPRESSIONS[:7]
    assert "contempt" not in EXPRESSIONS[:7]
    assert len(set(first_expressions(11))) == VTFFConfig.paper(11).num_classes == 11
    assert (VTFFConfig.deep().depth, VTFFConfig.deep(depth=5).depth) == (8, 5)
    listed = VTFFConfig(class_names=["a", "b"], rgb_mean=[0.1, 0.2, 0.3])
    assert hash(listed) == hash(VTFFConfig(class_names=("a", "b"), rgb_mean=(0.1, 0.2, 0.3)))


def test_what_the_reference_says_stands_in_the_presets():
    paper = VTFFConfig.paper()
    assert (paper.embed_dim, paper.num_heads, paper.mlp_dim, paper.depth) == (768, 8, 3072, 4)
    assert (paper.reduction, paper.channels, paper.attention_reduction) == (32, 512, 8)
    assert (paper.gate, paper.gated_branch) == ("sigmoid_of_sum", "lbp")
    assert paper.rgb_mean == (0.485, 0.456, 0.406)  # ImageNet's
    assert paper.rgb_std == (0.229, 0.224, 0.225)
    names = "neutral happiness surprise sadness anger disgust fear contempt"
    assert tuple(names.split()) == EXPRESSIONS  # FER+'s order


def test_the_grid_and_channels_of_the_settings_are_those_of_the_trunk():
    for config in (VTFFConfig.tiny(), VTFFConfig.tiny(stages=2, width=4, image_size=48)):
        trunk = VTFF(config).backbones["rgb"]
        assert (config.reduction, config.channels) == (trunk.reduction, trunk.out_channels)
    assert VTFFConfig.paper().grid == VTFFConfig.tiny().grid == (7, 7)


def test_settings_that_do_not_fit_are_refused():
    for changes, match in [
        ({"image_size": 100}, "image_size=100 is not a multiple of 16"),
        ({"image_size": 0}, "image_size=0 will not do; give a whole number from 1"),
        ({"stages": 0}, "stages=0 will not do"),
        ({"width": True}, "width=True will not do; give a whole number from 1"),
        ({"class_names": ("a",)}, "at least two names"),
        ({"class_names": (1, 2)}, "at least two names"),
        ({"class_names": "ab"}, "class_names='ab' will not do; give a tuple"),
        ({"class_names": ("a", "b", "a")}, "names a class twice"),
        ({"class_names": ("a", "b\n")}, "each a text of one line"),
        ({"class_names": ("a", " ")}, "each a text of one line"),
        ({"stages": 10**13}, "stages=10000000000000 will not do; give at most 4"),
        ({"depth": 10**6}, "depth=1000000 will not do; give at most 100"),
        ({"image_size": 10**9}, "image_size=1000000000 will not do; give at most 4096"),
        ({"width": 4096}, r"A model of about \d+e\+\d+ parameters will not do; give smaller"),
        ({"embed_dim": 10**9}, "parameters will not do"),
        ({"mlp_dim": 10**9}, "parameters will not do"),
        ({"image_size": 4096, "stages": 1, "embed_dim": 4096}, "parameters will not do"),
        ({"depth": -1}, "depth=-1"),
        ({"depth": 2.5}, "depth=2.5 will not do; give a whole number from 0"),
        ({"width": 16.0}, "width=16.0 will not do"),
        ({"embed_dim": "96"}, "embed_dim='96' will not do"),
        ({"num_heads": 0}, "num_heads=0 will not do"),
        ({"mlp_dim": 0}, "mlp_dim=0 will not do"),
        ({"attention_reduction": 0}, "attention_reduction=0 will not do"),
        ({"dropout": 1.0}, "dropout=1.0"),
        ({"dropout": "0.1"}, "dropout='0.1' will not do; give a finite number"),
        ({"width": 10**400}, "width=1000.* will not do"),
        ({"rgb_mean": ("0.5",) * 3}, r"rgb_mean\[0\]='0.5' will not do"),
        ({"rgb_std": (1.0, float("nan"), 1.0)}, r"rgb_std\[1\]=nan"),
        ({"rgb_mean": (0.1, float("inf"), 0.1)}, r"rgb_mean\[1\]=inf"),
        ({"rgb_mean": 0.5}, "rgb_mean=0.5 will not do; give a tuple"),
        ({"rgb_std": (1.0, 0.0, 1.0)}, r"rgb_std=\(1.0, 0.0, 1.0\)"),
        ({"lbp_mean": (0.5,)}, r"lbp_mean=\(0.5,\) will not do; give three finite numbers"),
        ({"fusion": "typo"}, "fusion='typo' is unknown; choose one of selective"),
        ({"gate": "typo", "fusion": "sum"}, "gate='typo' is unknown; choose one of sigmoid_of_sum"),
        ({"gated_branch": "typo"}, "gated_branch='typo' is unknown"),
        ({"norm": "typo", "depth": 0}, "norm='typo' is unknown; choose one of pre, post"),
        ({"lbp_order": "typo"}, "lbp_order='typo' is unknown; choose one of reading, circular"),
    ]:
        with pytest.raises(ValueError, match=match):
            VTFFConfig.tiny(**changes)
    for num_classes in (-1, 0, 1, 10**9):
        with pytest.raises(ValueError, match=f"num_classes={num_classes} will not do"):
            VTFFConfig.paper(num_classes)
    for changes, match in [
        ({"num_heads": 5}, "num_heads=5 does not divide"),
        ({"attention_reduction": 7}, "reduction=7 does not divide"),
    ]:
        with pytest.raises(ValueError, match=match):
            VTFF(VTFFConfig.tiny(**changes))


def test_the_rough_count_that_bounds_a_model_is_near_the_true_one():
    for config in (
        VTFFConfig.paper(), VTFFConfig.deep(), VTFFConfig.paper(depth=0, width=128),
        VTFFConfig.paper(embed_dim=96, image_size=448), VTFFConfig.paper(mlp_dim=96, num_classes=9),
    ):  # fmt: skip
        with torch.device("meta"):
            count = count_parameters(VTFF(config))
        assert config._roughly() == pytest.approx(count, rel=0.05)


def test_json_nested_without_end_is_refused():
    for text in ("[" * 200_000, '{"depth": ' * 200_000):
        with pytest.raises(ValueError, match="no JSON text"):
            VTFFConfig.from_json(text)


def test_a_number_of_numpys_is_kept_as_one_that_json_takes():
    config = VTFFConfig.tiny(dropout=np.float32(0.5), rgb_mean=tuple(np.float32([1, 2, 3])))
    assert VTFFConfig.from_json(config.to_json()) == config
