"""The explorer's data, page and picture; what it does in a browser is in test_explorer_browser."""

import base64
import hashlib
import io
import json
import re
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from tests.explored import (
    CELLS,
    CHANNELS,
    CLASSES,
    EVIL,
    HEADS,
    LAYERS,
    Elements,
    faces,
    packed,
    small,
)
from vtff_lib import explain
from vtff_lib.explain.maps import PLACES
from vtff_lib.explain.surgery import Surgery, all_surgeries, masked, operated
from vtff_lib.explorer import content
from vtff_lib.explorer.content import dequantise, examine, quantise
from vtff_lib.explorer.explorer import Explorer
from vtff_lib.explorer.joined import MODULES, script
from vtff_lib.lbp import local_binary_pattern


@pytest.fixture(scope="module")
def model():
    return small()


@pytest.fixture(scope="module")
def explorer(model):
    """Two models, three faces, one of them without a label."""
    names, labels = ["Ada", "Bo", "Cy"], ["neutral", "", "surprise"]
    return Explorer({"one": model, "other": small(1)}, faces(3), names, labels)


# Bytes


@pytest.mark.parametrize("apart", [0, 1, 2])
def test_a_value_comes_back_within_half_a_step_of_its_own_range(apart):
    scale = torch.tensor([1e-6, 1.0, 3e4, 0.5, 7.0, 1e-3]).view(2, 3, 1, 1)
    values = (torch.rand(2, 3, 4, 50, generator=torch.Generator().manual_seed(0)) - 0.3) * scale
    back = dequantise(quantise(values, apart))
    ranges = values.reshape(*values.shape[:apart], -1)
    spread = ranges.amax(dim=-1) - ranges.amin(dim=-1)
    bound = spread.view(*values.shape[:apart], *[1] * (4 - apart)) / 510
    assert back.shape == values.shape
    assert ((back - values).abs() <= bound * 1.001).all()
    assert torch.allclose(back.amax(), values.amax())  # the ends are kept


@pytest.mark.parametrize("value", [0.0, 1.0, -2.5, 1e-30])
def test_constants_come_back_as_they_were(value):
    values = torch.full((2, 3), value)
    assert dequantise(quantise(values)).equal(values)
    assert dequantise(quantise(values, apart=1)).equal(values)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_not_hidden_in_a_byte(wrong):
    with pytest.raises(ValueError, match="no finite numbers"):
        quantise(torch.tensor([0.0, wrong, 1.0]))


def test_an_array_without_values_is_refused_by_its_shape():
    with pytest.raises(ValueError, match=r"shape \(0, 49\), which has no values"):
        quantise(torch.zeros(0, 49))


# What is looked at


def near(stored, wanted):
    """Compare with what was stored, within the widest step."""
    step = max(high - low for low, high in zip(stored["low"], stored["high"], strict=True)) / 255
    back = dequantise(stored)
    return back.shape == wanted.shape and bool(((back - wanted).abs() <= step / 2 + 1e-5).all())


def test_each_row_is_what_the_model_says_when_it_is_changed_so_alone(model, monkeypatch):
    """Chunks of 4 do not divide the 24 changes and one more; the order must survive them."""
    monkeypatch.setattr(content, "AT_ONCE", 4)
    face, surgeries = faces(1)[0], [*all_surgeries(model), Surgery(lbp_weight=0.25)]
    found = {name: dequantise(stored) for name, stored in examine(model, face, surgeries).items()}
    guess = model(face[None]).logits.argmax(dim=1)
    for index, surgery in enumerate(surgeries):
        with operated(model, [surgery]):
            out = model(masked(face[None], [surgery], model.config.reduction), return_maps=True)
        wanted = {
            "probabilities": out.logits.softmax(dim=1)[0],
            "gate": explain.gate(out).values[0].flatten(),
            "share": explain.energy_share(out).values[0].flatten(),
            "local": explain.local_part(out).values[0].flatten(),
            "global": explain.global_part(out)[0],
            "rollout": explain.rollout(out).values[0].flatten(),
            "gradient": explain.gradient_attention(out, guess).values[0].flatten(),
            **{
                f"cam_{place}": explain.grad_cam(out, guess, place).values[0].flatten()
                for place in PLACES
            },
        }
        for name, values in wanted.items():
            step = (found[name].max() - found[name].min()) / 255
            assert torch.allclose(found[name][index], values, atol=float(step) / 2 + 1e-6), name
        for layer, weights in enumerate(out.attentions):
            stored = found["cls_attention"][layer, :, index]
            assert torch.allclose(stored, weights[0, :, 0, 1:], atol=1e-3)


def test_attention_of_all_tokens_and_the_gates_of_groups_are_those_of_the_model_as_it_is(model):
    face = faces(1, seed=3)[0]
    found = examine(model, face, [Surgery(), Surgery(head=(0, 1))])
    out = model(face[None], return_maps=True)
    assert near(found["attention"], torch.cat(out.attentions))
    groups = out.gate[0].flatten(1).unflatten(0, (8, CHANNELS // 8)).mean(dim=1)
    assert near(found["gate_groups"], groups)


def test_a_head_that_looks_everywhere_a_little_keeps_its_shades():
    weights = torch.zeros(1, 2, 2, 50)
    weights[0, 0, :, 0] = 1.0  # a head that looks at one place
    weights[0, 1] = torch.linspace(0.019, 0.021, 50)
    back = dequantise(quantise(weights, apart=2))
    assert len(back[0, 1, 0].unique()) == 50


def test_wide_models_show_the_means_of_neighbouring_channels():
    wide = small(width=18)  # 72 channels in 64 bars: eight of two, the rest of one
    found = examine(wide, faces(1)[0], [Surgery()])
    scores = explain.global_part(wide(faces(1), return_maps=True))[0]
    bars = torch.cat([scores[:16].view(8, 2).mean(dim=1), scores[16:]])
    assert near(found["global"], bars[None])


def test_the_model_is_left_as_it_was():
    model = small().train()
    model.backbones.requires_grad_(False)
    model.head.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        found = examine(model, faces(1)[0], [Surgery(), Surgery(patch=2)])
    assert dequantise(found["gradient"]).max() > 0  # found though gradients were off
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert [model.training, model.encoder.training, model.head.training] == [True, True, False]
    assert not any(weight.requires_grad for weight in model.backbones.parameters())
    assert all(weight.requires_grad for weight in model.encoder.parameters())
    assert all(weight.grad is None for weight in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"fusion": "sum"}, {"gate", "gate_groups", "share", "global", "local"}),
        ({"fusion": "rgb"}, {"gate", "gate_groups", "share", "global", "local", "cam_lbp"}),
        ({"depth": 0}, {"attention", "cls_attention", "rollout", "gradient"}),
    ],
)
def test_maps_that_a_model_does_not_have_are_left_out(explorer, changes, missing):
    plain = Explorer(small(**changes), faces(1))
    every = explorer.content["runs"][0][0].keys()
    assert plain.content["runs"][0][0].keys() == every - missing
    assert plain.still().png.startswith(b"\x89PNG")


# The content of a page


def test_there_is_a_map_of_each_kind_for_every_model_face_and_change(explorer):
    content = explorer.content
    changes = 1 + CELLS + LAYERS * HEADS + 3 + 2
    assert len(content["surgeries"]) == changes
    assert content["computed"] == content["surgeries"]
    assert [len(runs) for runs in content["runs"]] == [3, 3]
    row, tokens = [changes, CELLS], CELLS + 1
    shapes = {
        "probabilities": [changes, CLASSES],
        **dict.fromkeys(("gate", "share", "local", "rollout", "gradient"), row),
        **dict.fromkeys(("cam_fused", "cam_rgb", "cam_lbp"), row),
        "global": [changes, CHANNELS],
        "gate_groups": [8, CELLS],
        "attention": [LAYERS, HEADS, tokens, tokens],
        "cls_attention": [LAYERS, HEADS, changes, CELLS],
    }
    for run in (run for runs in content["runs"] for run in runs):
        assert {name: stored["shape"] for name, stored in run.items()} == shapes
    assert [model["name"] for model in content["models"]] == ["one", "other"]


def test_runs_belong_to_their_model_and_face(explorer):
    for runs, model in zip(explorer.content["runs"], explorer.models.values(), strict=True):
        shares = model(explorer.images).logits.softmax(dim=1)
        for run, wanted in zip(runs, shares, strict=True):
            assert torch.allclose(dequantise(run["probabilities"])[0], wanted, atol=2e-3)


def test_pictures_are_the_face_and_its_codes(explorer):
    face = explorer.content["faces"][1]
    for view, wanted in (
        ("rgb", explorer.images[1]),
        ("lbp", local_binary_pattern(explorer.images[1])),
    ):
        content = base64.b64decode(face[view].removeprefix("data:image/webp;base64,"))
        picture = Image.open(io.BytesIO(content))
        assert picture.size == (48, 48)
        shown = torch.tensor(np.asarray(picture.convert("RGB"))).permute(2, 0, 1).float()
        assert (shown - wanted.float()).abs().mean() < 30  # WebP is hard on the codes


WRONG = [
    ({"images": torch.zeros(2, 3, 48, 40).byte()}, r"shape \(2, 3, 48, 40\).*\(N, 3, 48, 48\)"),
    ({"images": torch.zeros(3, 48, 48).byte()}, r"shape \(3, 48, 48\).*\(N, 3, 48, 48\)"),
    ({"images": torch.zeros(2, 3, 96, 96).byte()}, r"\(2, 3, 96, 96\).*\(N, 3, 48, 48\)"),
    ({"images": torch.zeros(0, 3, 48, 48).byte()}, "give uint8"),
    ({"images": torch.zeros(2, 3, 48, 48)}, "float32.*uint8"),
    ({"images": "face.png"}, "a str, not a tensor"),
    ({"names": ["Ada"]}, "2 images and 1 names"),
    ({"names": "ab"}, "names holds something else than words"),
    ({"labels": [3, 1]}, "labels holds something else than words"),
    ({"labels": ["anger"] * 3}, "2 images and 3 labels"),
    ({"models": {}}, "no model"),
    ({"models": {"one": "tiny"}}, "str under the name 'one'"),
    ({"models": {"one": small(), "two": small(depth=1)}}, "differ in one of .*depth"),
    ({"models": {"one": small(), "two": small(gated_branch="rgb")}}, "differ in .*gated_branch"),
    ({"surgeries": [Surgery(patch=1)]}, r"begin with Surgery\(\)"),
    ({"computed": []}, r"begin with Surgery\(\)"),
    ({"surgeries": [Surgery(), Surgery(patch=99)]}, "no patch 99"),
]


@pytest.mark.parametrize(("given", "words"), WRONG)
def test_what_does_not_fit_is_refused_in_words(model, given, words):
    settings = {"models": model, "images": faces(2), "computed": None, **given}
    with pytest.raises(ValueError, match=words):
        Explorer(**settings)


def test_models_that_read_the_gate_otherwise_can_lie_side_by_side(model):
    other = small(gate="double_sigmoid")
    content = Explorer({"a": model, "b": other}, faces(1), computed=[Surgery()]).content
    assert [each["gate"] for each in content["models"]] == ["sigmoid_of_sum", "double_sigmoid"]


# The page


def test_a_page_holds_the_data_and_its_script_and_fetches_nothing(explorer):
    page = explorer.page()
    found = Elements(page)
    assert packed(page) == json.loads(json.dumps(explorer.content))
    assert not {"link", "iframe", "object", "embed", "base"} & set(found.tags)
    assert not {"srcset", "data"} & {name for _, name, _ in found.attributes}
    sources = [value for _, name, value in found.attributes if name == "src"]
    assert all(value.startswith("data:image/webp;base64,") for value in sources)
    assert len(sources) == 1  # what is shown where no script runs
    written = page.replace(found.inside["text/plain"], "").replace(sources[0], "")
    assert not re.search(r"(?m)https?:|//[a-z]|@import|url\(|\bfetch\(|^import|\bimport\(", written)
    rules = next(value for _, name, value in found.attributes if "default-src" in str(value))
    digest = hashlib.sha256(found.inside["module"].encode()).digest()
    assert "default-src 'none'" in rules
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}'" in rules
    assert "unsafe-eval" not in rules


def test_words_from_outside_stay_words(model):
    """A page with hostile words has the elements of one with harmless words, no more."""

    def made(word):
        hostile = small(class_names=(f"{word}1", f"{word}2", f"{word}3", f"{word}4"))
        settings = {"names": [word], "labels": [f"{word}1"], "title": word, "computed": [Surgery()]}
        return Explorer({word: hostile}, faces(1), **settings)

    def plain(attributes):  # without the picture's address, in which the words are drawn
        return [(tag, name, value) for tag, name, value in attributes if name != "src"]

    evil, good = made(EVIL), made("harmless")
    found = Elements(evil.page())
    assert found.tags == Elements(good.page()).tags
    assert found.inside["title"] == EVIL
    assert EVIL in found.inside["p"]
    assert plain(found.attributes) == plain(Elements(good.page()).attributes)
    still = Elements(evil.still().html())
    assert still.tags == ["figure", "img", "figcaption"]
    assert any(name == "alt" and EVIL in value for _, name, value in still.attributes)


def test_the_same_faces_give_the_same_bytes(explorer, model):
    pages = [
        Explorer(model, faces(2), computed=[Surgery(), Surgery(patch=4)]).page() for _ in range(2)
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("path", ["page.txt", "page", "nowhere/page.html", "folder.html"])
def test_a_page_is_saved_as_html_in_a_folder_that_exists(explorer, tmp_path, path):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ValueError, match=r"give an \.html file in a folder that exists"):
        explorer.save(tmp_path / path)
    assert [each.name for each in tmp_path.iterdir()] == ["folder.html"]


def test_a_page_is_saved_whole_or_not_at_all(explorer, tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    explorer.save(path)
    assert path.read_bytes() == explorer.page().encode()
    monkeypatch.setattr(Explorer, "page", lambda *given: "<html>\ud800")  # fails on the way to disk
    with pytest.raises(UnicodeEncodeError):
        explorer.save(path)
    monkeypatch.undo()
    assert path.read_bytes() == explorer.page().encode()
    assert list(tmp_path.iterdir()) == [path]


# Where no script runs


def test_words_tell_each_face_its_label_and_the_first_guess(explorer):
    shares = explorer.models["one"](explorer.images).logits.softmax(dim=1)
    names = explorer.content["classes"]
    first, second, _ = (f"{names[int(each.argmax())]} ({each.max():.0%})" for each in shares)
    told = explorer.describe()
    assert told.startswith("What the model looks at. The first guess for each face.")
    assert f"Ada, labelled neutral: {first}. Bo: {second}. Cy, labelled surprise:" in told


def test_the_still_picture_shows_the_faces_asked_for_and_has_words(explorer):
    whole, two = explorer.still(), explorer.still([2, 0])
    assert whole.alt == explorer.describe()
    assert "Cy, labelled surprise:" in two.alt
    assert two.alt.index("Cy") < two.alt.index("Ada")
    assert "Bo" not in two.alt
    tall, short = (Image.open(io.BytesIO(each.png)).height for each in (whole, two))
    assert tall == pytest.approx(1.5 * short, abs=2)


def test_a_dollar_in_a_name_is_no_formula(model):
    word = "$x_$ $\\frac" + "long" * 20
    Explorer(model, faces(1), [word], computed=[Surgery()]).still()


def test_a_bundle_has_the_widget_and_what_stands_in_for_it(explorer):
    data, notes = explorer._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.widget.model_id
    assert data["text/html"].startswith("<figure")
    assert data["text/plain"] == explorer.describe()
    assert notes == {}


def test_without_anywidget_there_is_the_picture(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "vtff_lib.explorer.widget", raising=False)
    data, _ = Explorer(model, faces(1), computed=[Surgery()])._repr_mimebundle_()
    assert data.keys() == {"text/html", "text/plain"}


def test_other_faces_reach_the_widget_and_leave_the_choices_alone(model):
    explorer = Explorer(model, faces(2), computed=[Surgery()], live=False)
    explorer.widget.state = {"view": "rollout"}
    explorer.show(faces(1, seed=9), ["new"], computed=[Surgery(), Surgery(head=(1, 2))])
    content = json.loads(explorer.widget.content)
    assert content == json.loads(json.dumps(explorer.content))
    assert [face["name"] for face in content["faces"]] == ["new"]
    assert content["computed"] == ["none", "head 1 2"]
    assert len(content["surgeries"]) == 1 + CELLS + LAYERS * HEADS + 5
    assert explorer.widget.state == {"view": "rollout"}


def test_the_script_does_not_end_its_own_element_and_uses_no_markup():
    code = script()
    assert "</" not in code
    assert "<!--" not in code
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", code)


def test_modules_are_joined_whole_and_no_name_is_told_twice():
    code = script("last();\n")
    assert not re.search(r"^import ", code, re.MULTILINE)
    assert re.findall(r"^export \w+", code, re.MULTILINE) == ["export default"]
    assert code.endswith("last();\n")
    names = re.findall(r"^(?:async )?(?:function|class|const|let) (\w+)", code, re.MULTILINE)
    assert len(names) == len(set(names)) > 4 * len(MODULES)


def test_names_of_any_bytes_are_text_on_the_page_and_the_picture(model, tmp_path):
    named = Explorer(model, faces(1), ["n\udcff\x1b[2J"], title="\udcff", surgeries=[Surgery()])
    named.save(tmp_path / "page.html")
    assert named.names == ["n\\udcff\\x1b[2J"]
    assert "\\udcff" in named.still().html()
