"""A page with the model in it: what stands in the file, and what it answers in a browser.

Whatever the page says is compared with PyTorch's answer to the same change.
"""

import re

import pytest
import torch

from figures.drawings import explorer_pages
from tests.access import faults_of_access
from tests.browser import open_browser
from tests.explored import Elements, faces, go, packed, pages, small, values
from vtff_lib import explain, load_pretrained
from vtff_lib.explorer import Explorer, faces_of
from vtff_lib.explorer.content import dequantise
from vtff_lib.live import pack
from vtff_lib.live.parts import part_as_text, parts
from vtff_lib.names import EXPRESSIONS
from vtff_lib.vtff import VTFF

PAGE = explorer_pages.FIGURES / "explorer_tiny.html"
ANGER = 4
STATE = "step=explore&face=4&covered=10.17&silent=0-3.1-1&weight=35&bright=80&lamp=20&reading=mean"
CHANGE = {
    "patches": [10, 17], "heads": [(0, 3), (1, 1)], "lbp_weight": 0.35, "reading": "mean",
    "light": {"bright": 80, "lamp": 20},
}  # fmt: skip
VIEWS = ["gate", "share", "local", "global", "attention", "rollout", "cam", "gradient"]


@pytest.fixture(scope="module")
def shipped():
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def model():
    return load_pretrained("tiny")


@pytest.fixture(scope="module")
def chosen(model):
    return explorer_pages.choose(model)[0]


# The file


def part(page, name):
    return re.search(rf'data-part="{name}">([^<]*)</script>', page)[1]


def test_a_learners_own_model_lives_in_a_page_as_the_librarys_does(tmp_path):
    """What lesson 06 ends with: built like a VTFF, and not one."""

    class MyVTFF(VTFF):
        pass

    model = small(fusion="aff", norm="post")
    own = MyVTFF(model.config).eval()
    own.load_state_dict(model.state_dict())
    Explorer(own, faces(1)).save(tmp_path / "page.html", live=True)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert part(page, "model 0") == part_as_text(pack(model))
    assert packed(page)["python"]["models"] == ["model"]


def test_the_page_holds_engine_and_model_and_may_run_them_and_nothing_else(shipped, model):
    for name, content in parts({"model 0": model}).items():
        assert part(shipped, name) == part_as_text(content)
    rules = next(
        value for _, name, value in Elements(shipped).attributes if "default-src" in str(value)
    )
    allowed = dict(rule.strip().split(" ", 1) for rule in rules.split(";"))
    assert allowed.keys() == {"default-src", "img-src", "style-src", "script-src", "worker-src"}
    assert allowed["default-src"] == "'none'"
    assert allowed["worker-src"] == "blob:"
    assert re.fullmatch(r"'sha256-\S+' 'wasm-unsafe-eval'", allowed["script-src"])


def test_a_page_without_a_model_may_run_no_webassembly():
    page = Explorer(small(), faces(1)).page()
    assert "wasm-unsafe-eval" not in page.split("</head>")[0]
    assert "data-part=" not in page.split('<script type="module">')[0]


def test_faces_are_in_the_page_to_the_last_bit(chosen):
    assert faces_of(PAGE).equal(chosen)


def test_what_is_no_page_has_no_faces(tmp_path):
    (tmp_path / "other.html").write_text("<p>no explorer</p>")
    for name in ("other.html", "none.html"):
        with pytest.raises(ValueError, match="is no page of the explorer"):
            faces_of(tmp_path / name)


def test_maps_of_changes_are_left_to_the_engine_and_answers_are_kept():
    explorer = Explorer(small(), faces(1))
    content, _ = explorer.living("model")
    whole, kept = explorer.content["runs"][0][0], content["runs"][0][0]
    assert kept["probabilities"] == whole["probabilities"]
    assert "attention" not in kept
    for name in ("gate", "rollout", "cam_rgb"):
        assert kept[name]["shape"][0] == 1
        assert torch.allclose(dequantise(kept[name])[0], dequantise(whole[name])[0], atol=1e-3)


def test_a_page_of_a_model_of_ones_own_and_of_photographs_holds_both():
    own, photos = Explorer(small(), faces(1)), Explorer(small(1, width=8), faces(2))
    page = own.page(live=True, photographs=photos)
    content = packed(page)
    assert content["parts"] == ["model 0"]
    assert content["photographs"]["parts"] == ["photographs 0"]
    assert len(content["photographs"]["faces"]) == 2
    assert {"model 0", "photographs 0", "engine.js"} <= set(
        re.findall(r'data-part="([^"]*)"', page)
    )
    with pytest.raises(ValueError, match="live=True"):
        own.page(photographs=photos)


# In Chromium


@pytest.fixture(scope="module")
def browser(chromium):
    with open_browser(chromium) as browser:
        yield browser


@pytest.fixture
def show(browser):
    with pages(browser, PAGE) as open_page:
        yield open_page


def answered(page, word="with"):
    """Wait for an answer to a change, and return the shares of the classes."""
    page.wait_for_function(
        "word => document.querySelector('.vtff-free .vtff-answer')?.textContent.includes(word)",
        arg=word,
    )
    rows = page.locator(".vtff-panel").first.locator("tr")
    return torch.tensor(rows.evaluate_all("all => all.map(each => Number(each.dataset.value))"))


def until(page, shares, error=5e-3):
    """Wait until the bars are those of an answer."""
    page.wait_for_function(
        """([wanted, error]) => wanted.every((value, row) =>
            Math.abs(value - document.querySelectorAll('.vtff-free tr')[row]?.dataset.value) < error
        )""",
        arg=[shares.tolist(), error],
    )


def shares(out):
    return out.logits[0].detach().softmax(dim=0)


slow = pytest.mark.slow


@slow
def test_several_changes_at_once_are_answered_as_the_library_answers_them(show, model, chosen):
    page = show(f"#{STATE}&view=gate")
    out = explain.rerun(model, chosen[[ANGER]], **CHANGE)
    until(page, shares(out))
    assert values(page).allclose(torch.tensor(0.35), atol=1e-3)
    for view, wanted in {
        "rollout": explain.rollout(out).values,
        "share": explain.energy_share(out).values,
        "local": explain.local_part(out).values,
        "attention&cell=8&layer=0&head=2": explain.attention(out, 0, 2, 9).values,
    }.items():
        go(page, f"{STATE}&view={view}")
        page.wait_for_function(
            "wanted => wanted.every((value, cell) => Math.abs(value - document.querySelectorAll("
            "'[data-panel=\"0\"][data-index]')[cell].dataset.value) < 5e-3)",
            arg=wanted.flatten().tolist(),
        )
    after = page.locator(".vtff-after").inner_text()
    assert re.search(r"after layer 0 \w+, [<\d]", after)
    assert f"after layer 1 {EXPRESSIONS[shares(out).argmax()]}" in after


@slow
def test_what_is_stored_is_what_the_engine_answers(show, shipped):
    """The same numbers from both, to the rounding of bytes and half-precision weights."""
    stored = packed(shipped)["runs"][0]
    page = show("#step=explore")
    for face in (0, 4, 12):
        for surgery, row in (("none", 0), ("patch+10", 11), ("head+1+2", 56), ("gate+rgb", 58)):
            go(page, f"step=explore&face={face}&surgery={surgery}")
            until(page, dequantise(stored[face]["probabilities"])[row], 1e-2)


@slow
def test_the_three_lines_of_python_run_and_give_what_is_shown(show, model, monkeypatch):
    page = show(f"#{STATE}&view=rollout")
    page.locator(".vtff-python summary").click()
    page.wait_for_function("() => document.querySelector('pre').textContent.includes('light')")
    lines = page.locator("pre").inner_text().strip().splitlines()
    assert len(lines) == 3
    monkeypatch.chdir(PAGE.parent)
    names = {}
    exec("\n".join(lines[:2]), names)
    found, heat = eval(lines[2], names)
    until(page, found[0].detach())
    assert values(page).allclose(heat.flatten().detach(), atol=5e-3)


@slow
@pytest.mark.parametrize("view", VIEWS)
def test_the_lines_of_every_view_run(show, view, monkeypatch):
    page = show(f"#step=explore&face=2&view={view}&cell=5")
    page.locator(".vtff-python summary").click()
    monkeypatch.chdir(PAGE.parent)
    names = {}
    lines = page.locator("pre").inner_text().strip().splitlines()
    exec("\n".join(lines[:2]), names)
    _, heat = eval(lines[2], names)
    assert values(page).allclose(heat.flatten().detach(), atol=2e-2 * heat.abs().max().item())


@slow
def test_a_drag_covers_squares_and_undo_uncovers_them(show, model, chosen):
    page = show(f"#step=explore&face={ANGER}&tool=cover")
    boxes = [
        page.locator(f'[data-panel="0"][data-key="cell {cell}"]').bounding_box() for cell in (8, 11)
    ]
    middles = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes]
    page.mouse.move(*middles[0])
    page.mouse.down()
    page.mouse.move(*middles[1], steps=12)
    page.mouse.up()
    out = explain.rerun(model, chosen[[ANGER]], patches=[8, 9, 10, 11])
    until(page, shares(out))
    assert page.locator(".vtff-masked").count() == 4
    assert "4 squares covered" in page.locator(".vtff-free .vtff-answer").inner_text()
    page.keyboard.press("Tab")
    page.locator('[data-panel="0"][tabindex="0"]').focus()
    page.keyboard.press("Escape")
    until(page, shares(model(chosen[[ANGER]])))
    assert page.locator(".vtff-masked").count() == 0


@slow
def test_heads_of_several_layers_are_silenced_together_and_a_gate_by_hand(show, model, chosen):
    page = show(f"#step=explore&face={ANGER}")
    for name in ("Silence in layer 0: head 3", "Silence in layer 1: head 1", "leave out G"):
        page.get_by_role("checkbox", name=name, exact=True).locator("xpath=..").click()
    out = explain.rerun(model, chosen[[ANGER]], heads=[(0, 3), (1, 1)], without=["global"])
    until(page, shares(out))
    slider = page.get_by_role("slider", name="Gate by hand")
    slider.focus()
    page.keyboard.press("End")
    page.locator("input[aria-valuetext='100 % texture']").wait_for()
    out = explain.rerun(model, chosen[[ANGER]], heads=[(0, 3), (1, 1)], lbp_weight=1.0)
    until(page, shares(out))


@slow
def test_the_light_step_answers_in_that_light(show, model, chosen):
    page = show("#step=light&face=7&bright=40&lamp=30")
    wanted = shares(explain.rerun(model, chosen[[7]], light={"bright": 40, "lamp": 30}))
    word = f"{EXPRESSIONS[wanted.argmax()]} {100 * wanted.max():.0f}\u00a0%"
    page.wait_for_function(
        "word => document.querySelector('.vtff-word').textContent === word", arg=word
    )
    page.get_by_text("answered in this light").wait_for()


@slow
def test_the_numbers_below_a_map_are_the_models(show, model, chosen):
    out = model(chosen[[ANGER]], return_maps=True)
    page = show(f"#step=explore&face={ANGER}&view=attention&layer=1&head=2&cell=9")
    page.locator(".vtff-arithmetic summary").click()
    row = out.attentions[1][0, 2, 10]
    page.wait_for_function(
        "() => document.querySelector('.vtff-arithmetic .vtff-sum').innerText.includes('asks')"
    )
    told = page.locator(".vtff-arithmetic .vtff-sum").inner_text()
    share = re.search(r"Of the row's sum, \S+: (\d+)", told)[1]
    assert int(share) == pytest.approx(100 * row[1:].max().item(), abs=1)
    go(page, f"step=explore&face={ANGER}&view=gate&cell=38")
    page.wait_for_function(
        "() => document.querySelector('.vtff-arithmetic .vtff-sum').innerText.includes('goes on')"
    )
    told = page.locator(".vtff-arithmetic .vtff-sum").inner_text().replace("−", "-")
    weight, through, rest, beside, fused = map(
        float,
        re.search(
            r"([\d.]+) × texture (\S+) \+ ([\d.]+) × colours (\S+) = (\S+) goes on", told
        ).groups(),
    )
    assert weight == pytest.approx(out.gate[0, 0].flatten()[38].item(), abs=0.01)
    assert fused == pytest.approx(out.fused[0, 0].flatten()[38].item(), abs=0.05)
    assert fused == pytest.approx(weight * through + rest * beside, abs=0.05)
    code = page.locator(".vtff-arithmetic .vtff-window p").inner_text()
    wanted = out.lbp[0, 1, 5 * 16 + 8, 3 * 16 + 8].item()
    assert code.endswith(f"the code {wanted}.")


DAMAGE = {
    "no WebAssembly": (" 'wasm-unsafe-eval'", ""),
    "no worker": ("worker-src blob:", "worker-src 'none'"),
    "a damaged model": ('data-part="model 0">', 'data-part="model 0">0000'),
    "a model cut short": (None, None),
}


@slow
@pytest.mark.parametrize("damage", DAMAGE)
def test_where_the_model_cannot_run_a_sentence_says_so_and_stored_states_remain(
    browser, shipped, tmp_path, damage
):
    old, new = DAMAGE[damage]
    page = shipped.replace(old, new, 1) if old else shipped.replace(part(shipped, "model 0"), "0")
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    opened = browser.new_page()
    opened.goto(f"{path.as_uri()}#step=explore&face=4&surgery=patch+10")
    note = opened.locator(".vtff-refused")
    note.filter(has_text="What was worked out beforehand remains").wait_for()
    stored = dequantise(packed(shipped)["runs"][0][4]["probabilities"])
    until(opened, stored[11])
    assert "of the model as it was" in opened.locator(".vtff-told").inner_text()
    opened.get_by_label("change the model").select_option("gate rgb")
    until(opened, stored[58])
    assert faults_of_access(opened) == []
    opened.close()


@slow
@pytest.mark.parametrize(("size", "scheme"), [(360, "dark"), (1280, "light")])
def test_no_fault_of_access_with_everything_open_and_changed(show, size, scheme):
    page = show(viewport={"width": size, "height": 800}, color_scheme=scheme)
    for fragment in (f"{STATE}&view=attention&tool=cover", "step=explore&view=need&bright=50"):
        go(page, fragment)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        answered(page)
        assert faults_of_access(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size
