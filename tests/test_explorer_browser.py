"""The saved page of the explorer, opened from disk with the network off, in Chromium.

What is shown is compared with the model's own numbers, within the step of quantisation. "hand" is
the mouse or the keyboard: whatever one can do, the other can.
"""

import html
import re

import matplotlib
import pytest
import torch

from tests.access import faults_of_access
from tests.browser import open_browser
from tests.explored import EVIL, faces, go, pages, radio, small, values
from vtff_lib import explain, load_pretrained
from vtff_lib.datasets import load_default
from vtff_lib.explain.faithfulness import randomised
from vtff_lib.explain.surgery import Surgery, all_surgeries, masked, operated
from vtff_lib.explorer.explorer import Explorer
from vtff_lib.names import EXPRESSIONS
from vtff_lib.plots.pictures import SCALES

BRIGHTNESS = """canvas => {
    const copy = new OffscreenCanvas(64, 64).getContext('2d');
    copy.drawImage(canvas, 0, 0, 64, 64);
    return copy.getImageData(0, 0, 64, 64).data.reduce((sum, value) => sum + value, 0);
}"""
HANDS = pytest.mark.parametrize("hand", ["mouse", "keyboard"])
WORDS = {
    "gate": "Gate", "share": "Energy share", "local": "L, by square", "global": "G, by channel",
    "attention": "Attention", "rollout": "Rollout", "need": "What it needs",
    "gradient": "Gradient × attention", "cam": "Grad-CAM",
}  # fmt: skip
LOOKS = {  # the viewport, light or dark
    "360 dark": {"viewport": {"width": 360, "height": 780}, "color_scheme": "dark"},
    "800 light": {"viewport": {"width": 800, "height": 900}},
}


@pytest.fixture(scope="module")
def models():
    tiny = load_pretrained("tiny")
    return {"tiny": tiny, "forgetful": dict(randomised(tiny))["fusion"]}


@pytest.fixture(scope="module")
def images():
    shipped = load_default().part("test").images
    return shipped[[2, 9, 17]]


@pytest.fixture(scope="module")
def explorer(models, images):
    return Explorer(models, images, ["Ada", "Bo", "Cy"], ["anger", "", "fear"])


@pytest.fixture(scope="module")
def saved(explorer, tmp_path_factory):
    path = tmp_path_factory.mktemp("explorer") / "page.html"
    explorer.save(path)
    return path


@pytest.fixture(scope="module")
def outs(models, images):
    return {name: model(images, return_maps=True) for name, model in models.items()}


@pytest.fixture(scope="module")
def need(models, images, outs):
    return explain.occlusion(models["tiny"], images, outs["tiny"].logits.argmax(dim=1)).values


@pytest.fixture(scope="module")
def browser(chromium):
    with open_browser(chromium) as browser:
        yield browser


@pytest.fixture
def show(browser, saved):
    """Return a function that opens the free explorer of a page."""
    with pages(browser, saved) as open_page:

        def open_explorer(fragment="", path=saved, **settings):
            return open_page(f"#step=explore&{fragment.removeprefix('#')}", path, **settings)

        yield open_explorer


# What a person does


def select(page, label, word, hand):
    """Choose from a list; a headless browser opens none, so the mouse's choice is made for it."""
    box = page.get_by_label(label, exact=True)
    if hand == "mouse":
        box.select_option(label=word)
        return
    box.focus()
    page.keyboard.press("Home")
    for _ in range(30):
        if box.evaluate("box => box.selectedOptions[0].textContent") == word:
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"no {word} in {label}")


def cell(page, number, panel=0):
    return page.locator(f'[data-panel="{panel}"][data-key="cell {number}"]')


def choose_cell(page, number, hand, panel=0):
    """Choose a place of a map; by keyboard from wherever Tab enters it, in a 7×7 grid."""
    if hand == "mouse":
        cell(page, number, panel).click()
        return
    here = page.locator(f'[data-panel="{panel}"][data-kind="cell"][tabindex="0"]')
    here.focus()
    start = int(here.get_attribute("data-index"))
    for low, high, keys in (
        (start // 7, number // 7, "Up Down"),
        (start % 7, number % 7, "Left Right"),
    ):
        key = keys.split()[high > low]
        for _ in range(abs(high - low)):
            page.keyboard.press(f"Arrow{key}")
    page.keyboard.press("Enter")


def press_button(page, name, hand, panel=0):
    button = page.locator(".vtff-panel").nth(panel).get_by_role("button", name=name, exact=True)
    if hand == "mouse":
        button.click()
    else:
        button.focus()
        page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert button.evaluate("button => button === document.activeElement")  # it kept the focus


# What a person sees


def state(page):
    text = page.locator(".vtff-free").get_attribute("data-state")
    return dict(pair.split("=") for pair in text.split("&") if pair)


def labels(page, panel=0):
    found = page.locator(f'[data-panel="{panel}"][data-index]')
    return found.evaluate_all("all => all.map(each => each.getAttribute('aria-label'))")


def bars(page, panel=0):
    rows = page.locator(".vtff-panel").nth(panel).locator("tr")
    return torch.tensor(rows.evaluate_all("all => all.map(each => Number(each.dataset.value))"))


def thumb(page, name, panel=0):
    """Return a small map's colours, `(49, 3)`."""
    button = page.locator(".vtff-panel").nth(panel).get_by_role("button", name=name, exact=True)
    pixels = button.locator("canvas").evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, 7, 7).data]"
    )
    return torch.tensor(pixels).view(49, 4)[:, :3]


def as_number(text):
    return float(text.replace("−", "-"))


def viridis(shares):
    return coloured("amount", shares)


def coloured(scale, shares):
    """Return the colours `(N, 3)` that the lessons' pictures have for shares of a scale."""
    colours = matplotlib.colormaps.get_cmap(SCALES[scale])
    return torch.tensor(colours(shares.clamp(0, 1).numpy())[:, :3] * 255)


def numbers(page, panel=0):
    """Return the colours `(49, 3)` of the map beside the face."""
    pixels = (
        page.locator(".vtff-sources canvas")
        .nth(panel)
        .evaluate("canvas => [...canvas.getContext('2d').getImageData(0, 0, 7, 7).data]")
    )
    return torch.tensor(pixels).view(49, 4)[:, :3]


def near(shown, wanted, spread=None):
    """Whether values are those of the model, within half a step of 255 over their range."""
    wanted = wanted.detach().flatten().float()
    spread = wanted.max() - wanted.min() if spread is None else spread
    return shown.shape == wanted.shape and bool(
        ((shown - wanted).abs() <= spread / 500 + 1e-6).all()
    )


def maps_of(out, view, guess=None, need=None):
    """Return a view's values for all faces, `(N, …)`, as `explain` gives them."""
    if view == "need":
        return need.clamp(min=0).flatten(1)
    guess = out.logits.argmax(dim=1) if guess is None else guess
    made = {
        "gate": lambda: explain.gate(out).values,
        "share": lambda: explain.energy_share(out).values,
        "global": lambda: explain.global_part(out),
        "local": lambda: explain.local_part(out).values,
        "attention": lambda: explain.attention(out).values,
        "rollout": lambda: explain.rollout(out).values,
        "gradient": lambda: explain.gradient_attention(out, guess).values,
        "cam": lambda: explain.grad_cam(out, guess).values,
    }
    return made[view]().detach().flatten(1)


# Views


@HANDS
def test_every_view_shows_the_models_numbers_and_says_what_it_is(show, outs, need, hand):
    page, told = show(), set()
    for view, word in WORDS.items():
        radio(page, "Map", word, hand)
        wanted = maps_of(outs["tiny"], view, need=need)[0]
        spread = 3.0 if view == "need" else 1.0 if view == "attention" else None
        assert near(values(page), wanted, spread), view
        told.add(page.locator(".vtff-told").inner_text())
        assert state(page).get("view", "gate") == view
    assert len(told) == len(WORDS)
    assert all(len(line) > 60 for line in told)


@HANDS
def test_another_face_brings_its_maps_pictures_and_scores(show, outs, explorer, hand):
    page = show()
    radio(page, "Face", "Cy", hand)
    assert near(values(page), maps_of(outs["tiny"], "gate")[2])
    assert near(bars(page), outs["tiny"].logits[2].softmax(dim=0))
    right = EXPRESSIONS[outs["tiny"].logits[2].argmax()] == "fear"
    wrong = "" if right else ": here it is wrong"
    assert page.locator(".vtff-name").inner_text() == f"Cy, tiny (labelled fear{wrong})"
    sources = page.locator(".vtff-sources img").evaluate_all("all => all.map(each => each.src)")
    assert sources == [explorer.content["faces"][2][view] for view in ("rgb", "lbp")]
    drawn = "canvas => canvas.toDataURL()"
    before = page.locator(".vtff-map canvas").evaluate(drawn)
    select(page, "under the map", "its LBP view", hand)
    page.wait_for_function(
        "before => document.querySelector('.vtff-map canvas').toDataURL() !== before", arg=before
    )
    widths = page.locator(".vtff-free img").evaluate_all(
        "all => all.map(each => each.naturalWidth)"
    )
    assert all(width == 112 for width in widths)


@HANDS
def test_the_gate_of_a_group_of_channels(show, outs, hand):
    page = show()
    press_button(page, "channels 16 to 23", hand)
    assert near(values(page), outs["tiny"].gate[0, 16:24].mean(dim=0))
    assert "Only channels 16 to 23." in page.locator(".vtff-told").inner_text()
    press_button(page, "mean", hand)
    assert near(values(page), outs["tiny"].gate[0].mean(dim=0))


@HANDS
def test_attention_of_a_token_in_a_layer_and_head(show, outs, hand):
    page = show("#view=attention")
    weights = [layer[0].detach() for layer in outs["tiny"].attentions]  # (heads, T, T)
    choose_cell(page, 30, hand)
    assert near(values(page), weights[1][:, 31, 1:].mean(dim=0), 1.0)
    assert "The token is row 4, column 2." in page.locator(".vtff-told").inner_text()
    assert cell(page, 30).get_attribute("aria-selected") == "true"
    press_button(page, "layer 0, head 2", hand)
    assert near(values(page), weights[0][2, 31, 1:], 1.0)
    press_button(page, "layer 1, head 3", hand)
    assert near(values(page), weights[1][3, 31, 1:], 1.0)
    back = page.get_by_role("button", name="look from [cls]")
    if hand == "mouse":
        back.click()
    else:
        page.locator('[data-kind="cell"][tabindex="0"]').focus()
        page.keyboard.press("c")
    assert near(values(page), weights[1][3, 0, 1:], 1.0)
    assert back.is_disabled()
    assert "The token is [cls]" in page.locator(".vtff-told").inner_text()


@HANDS
def test_the_token_under_the_hand_is_followed_by_the_large_map_and_every_head(show, outs, hand):
    """Rollout and gradient stand beside; all heads share a scale."""
    page = show("#view=attention&cell=24")
    weights = torch.stack([layer[0].detach() for layer in outs["tiny"].attentions])
    before = values(page)
    if hand == "mouse":
        cell(page, 12).hover()
    else:
        page.locator('[data-kind="cell"][tabindex="0"]').focus()
        for key in ("ArrowDown", *["ArrowRight"] * 5):
            page.keyboard.press(key)
    small = page.locator(".vtff-small").inner_text()
    looked = weights[:, :, 13, 1:]
    assert f"from row 1, column 5: 0.00 to {looked.max():.2f}" in small
    for layer in range(2):
        for head in range(4):
            shown = thumb(page, f"layer {layer}, head {head}")
            assert (shown - viridis(looked[layer, head] / looked.max())).abs().max() < 12
    assert near(values(page), weights[1, :, 13, 1:].mean(dim=0), 1.0)
    assert not values(page).equal(before)
    cls = weights[1, :, 13, 0].mean().item()
    told = float(page.locator(".vtff-readout").inner_text().split("[cls] gets ")[1])
    assert told == pytest.approx(cls, abs=0.02)
    for name, view in (("Rollout", "rollout"), ("Gradient × attention", "gradient")):
        wanted = maps_of(outs["tiny"], view)[0]
        shown = thumb(page, name)
        assert (shown - viridis(wanted / wanted.max())).abs().max() < 12
        top = re.search(rf"{name}: 0.00 to ([\d.]+\d)", small)
        assert float(top[1]) == pytest.approx(wanted.max().item(), rel=0.06)


@HANDS
def test_grad_cam_at_each_branch(show, outs, hand):
    page = show("#view=cam&face=2")
    guess = outs["tiny"].logits.argmax(dim=1)
    buttons = {"rgb": "the RGB branch", "lbp": "the LBP branch", "fused": "the fused map"}
    for place, name in buttons.items():
        press_button(page, name, hand)
        assert near(values(page), explain.grad_cam(outs["tiny"], guess, place).values[2])
    told = page.locator(".vtff-told").inner_text()
    assert told.endswith(f"names first: {EXPRESSIONS[guess[2]]}.")


def test_the_words_and_the_scale_follow_the_models_reading_of_the_gate(show, tmp_path):
    model, image = small(gate="sum_of_sigmoids", gated_branch="rgb"), faces(1)
    with torch.no_grad():
        model.fusion.local_attention.layers[-1].bias.fill_(3.0)
    Explorer(model, image, computed=[Surgery()]).save(tmp_path / "page.html")
    page = show(path=tmp_path / "page.html")
    told = page.locator(".vtff-told").inner_text()
    for words in ("near 1 the RGB map is taken alone", "near 0 the LBP map", "It can reach 2"):
        assert words in told
    most = maps_of(model(image, return_maps=True), "gate").max().item()
    assert most > 1.2
    ticks = page.locator(".vtff-ticks span").all_inner_texts()
    assert float(ticks[-1]) == pytest.approx(most, abs=0.01)
    radio(page, "Map", "G, by channel", "mouse")
    assert "towards the RGB branch" in page.locator(".vtff-told").inner_text()


@pytest.mark.parametrize(
    ("changes", "views"),
    [
        ({"fusion": "sum"}, ["attention", "rollout", "need", "gradient", "cam"]),
        ({"fusion": "rgb", "depth": 0}, ["need", "cam"]),
        ({"depth": 0}, ["gate", "share", "local", "global", "need", "cam"]),
    ],
)
def test_a_model_without_a_part_has_no_view_of_it(show, tmp_path, changes, views):
    Explorer(small(**changes), faces(1)).save(tmp_path / "page.html")
    page = show("#view=gate&surgery=patch+3", tmp_path / "page.html")
    offered = page.locator(".vtff-views input").evaluate_all("all => all.map(each => each.value)")
    assert offered == views
    for view in views:
        radio(page, "Map", WORDS[view], "mouse")
        assert state(page).get("view", views[0]) == view
    places = page.get_by_role("group", name="Grad-CAM").get_by_role("button")
    assert places.count() == (2 if changes.get("fusion") == "rgb" else 3)


# Values


@HANDS
def test_a_value_is_read_where_the_hand_is(show, outs, hand):
    page = show("#view=rollout&face=1")
    wanted = maps_of(outs["tiny"], "rollout")[1]
    mark = page.locator(".vtff-mark")
    assert not mark.is_visible()
    if hand == "mouse":
        cell(page, 8).hover()
    else:
        page.locator('[data-kind="cell"][tabindex="0"]').focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowRight")
    place, value = page.locator(".vtff-readout").inner_text().split(": ")
    value, times = value.split(", ")
    assert place == "row 1, column 1"
    assert float(times.split()[0]) == pytest.approx(50 * wanted[8].item(), abs=0.6)
    assert float(value) == pytest.approx(wanted[8].item(), abs=0.005)
    assert mark.is_visible()
    left = float(mark.evaluate("mark => parseFloat(mark.style.left)"))
    assert left == pytest.approx(100 * wanted[8].item() / wanted.max().item(), abs=1.5)
    assert labels(page)[8] == f"{place}: {value}"
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement.blur()")
    assert not mark.is_visible()
    assert page.locator(".vtff-readout").inner_text().startswith("Point at a square")


@HANDS
def test_bars_of_the_global_part_can_be_read_one_by_one(show, outs, hand):
    page = show("#view=global")
    wanted = explain.global_part(outs["tiny"])[0]
    readout = page.locator(".vtff-readout")
    if hand == "mouse":
        page.locator('[data-key="channel 2"]').hover()
    else:
        page.locator('[data-kind="channel"][tabindex="0"]').focus()
        for key in ("ArrowLeft", "ArrowRight", "ArrowRight", "ArrowDown"):
            page.keyboard.press(key)
    assert readout.inner_text().startswith("channel 2: ")
    assert float(readout.inner_text().split(": ")[1]) == pytest.approx(wanted[2].item(), abs=0.02)
    if hand == "keyboard":
        page.keyboard.press("End")
        assert readout.inner_text().startswith("channel 63: ")
        page.keyboard.press("Home")
    heights = page.locator('[data-kind="channel"]').evaluate_all(
        "all => all.map(each => parseFloat(getComputedStyle(each, '::before').height)"
        " / each.getBoundingClientRect().height)"
    )
    assert torch.tensor(heights).allclose(wanted.abs() / wanted.abs().max() / 2, atol=0.02)
    below = page.locator(".vtff-below").evaluate_all("all => all.map(each => each.dataset.index)")
    assert [int(each) for each in below] == (wanted < -0.01).nonzero().flatten().tolist()
    top = page.locator(".vtff-heights span").first.inner_text()
    assert float(top) == pytest.approx(wanted.abs().max().item(), abs=0.03)


@pytest.mark.parametrize("view", ["gate", "share", "local", "rollout", "cam"])
def test_colours_are_those_of_the_bar_and_the_bar_has_values(show, outs, view):
    """Shares go from 0 to 1, scores as far below 0 as above, amounts from 0 to the largest."""
    page = show(f"#view={view}")
    wanted = maps_of(outs["tiny"], view)[0]
    most = wanted.abs().max().item()
    low, high = {"gate": (0, 1), "share": (0, 1), "local": (-most, most)}.get(view, (0, most))
    scale = {"gate": "share", "share": "share", "local": "signed"}.get(view, "amount")
    wanted_colours = coloured(scale, (wanted - low) / (high - low))
    assert (numbers(page) - wanted_colours).abs().max() < (40 if view == "local" else 6)
    ticks = [as_number(tick) for tick in page.locator(".vtff-ticks span").all_inner_texts()]
    assert ticks == pytest.approx([low, (low + high) / 2, high], rel=0.06, abs=0.003)
    ramp = page.locator(".vtff-ramp").evaluate("ramp => ramp.style.background")
    stops = torch.tensor([[int(n) for n in c] for c in re.findall(r"(\d+), (\d+), (\d+)", ramp)])
    assert (stops[[0, -1]] - coloured(scale, torch.tensor([0.0, 1.0]))).abs().max() < 3


def test_lightness_rises_evenly_along_the_scale(show):
    """So that equal steps look equal, in print and to the colour-blind."""
    page = show("#view=rollout")
    stops = page.locator(".vtff-ramp").evaluate("ramp => ramp.style.background")
    colours = torch.tensor(
        [[int(n) for n in rgb] for rgb in re.findall(r"(\d+), (\d+), (\d+)", stops)]
    )
    linear = (colours / 255).pow(2.2) @ torch.tensor([0.2126, 0.7152, 0.0722])
    steps = (116 * linear.pow(1 / 3) - 16).diff()
    assert len(steps) == 19
    assert steps.min() > 2.5
    assert steps.max() < 6


@HANDS
def test_the_map_fades_until_the_bare_face_is_left(show, hand):
    page = show("#view=rollout")
    slider = page.get_by_label("strength of the map")
    if hand == "mouse":
        slider.click()
    else:
        slider.focus()
        for _ in range(10):
            page.keyboard.press("ArrowLeft")
    assert state(page) == {"view": "rollout", "strength": "50"}
    assert slider.get_attribute("aria-valuetext") == "50 %"
    dark = page.locator(".vtff-map canvas").evaluate(BRIGHTNESS)
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_function(
        f"dark => ({BRIGHTNESS})(document.querySelector('.vtff-map canvas')) > 1.1 * dark", arg=dark
    )


# Side by side


@HANDS
def test_two_faces_share_a_scale(show, outs, hand):
    page = show("#view=gradient")
    select(page, "beside it", "face: Cy", hand)
    wanted = maps_of(outs["tiny"], "gradient")
    assert near(values(page, 0), wanted[0])
    assert near(values(page, 1), wanted[2])
    top = max(wanted[0].max(), wanted[2].max()).item()
    assert float(page.locator(".vtff-ticks span").last.inner_text()) == pytest.approx(top, rel=0.05)
    for panel, row in enumerate((0, 2)):
        assert (numbers(page, panel) - viridis(wanted[row] / top)).abs().max() < 12
    cell(page, 24, 1).hover()
    said = page.locator(".vtff-readout").inner_text()
    assert re.fullmatch(r"row 3, column 3: [\d.e-]+ \(Ada, tiny\), [\d.e-]+ \(Cy, tiny\)", said)
    assert page.locator(".vtff-over").count() == 2
    assert page.locator(".vtff-mark:visible").count() == 2


@HANDS
def test_two_models_lie_side_by_side(show, outs, hand):
    page = show("#view=local&face=1")
    select(page, "beside it", "model: forgetful", hand)
    for panel, name in enumerate(("tiny", "forgetful")):
        wanted = maps_of(outs[name], "local")[1]
        assert near(values(page, panel), wanted)
        assert near(bars(page, panel), outs[name].logits[1].softmax(dim=0))
    names = page.locator(".vtff-name").all_inner_texts()
    assert names == ["Bo, tiny", "Bo, forgetful"]
    select(page, "beside it", "nothing", hand)
    assert page.locator(".vtff-panel").count() == 1
    select(page, "model", "forgetful", hand)
    assert near(values(page), wanted)


# Surgery


def changed(model, image, surgery):
    batch = masked(image[None], [surgery], model.config.reduction)
    with operated(model, [surgery]):
        return model(batch, return_maps=True)


def test_after_every_change_bars_and_maps_are_those_of_the_changed_model(show, models, images):
    """All changes, each in one of the views in turn; gradients are those of the unchanged guess."""
    page, views = show("#face=2"), [view for view in WORDS if view != "need"]
    before = models["tiny"](images[2:]).logits
    for number, surgery in enumerate(all_surgeries(models["tiny"])):
        view = views[number % len(views)]
        go(page, f"step=explore&face=2&view={view}&surgery={surgery.name.replace(' ', '+')}")
        out = changed(models["tiny"], images[2], surgery)
        assert near(bars(page), out.logits[0].softmax(dim=0)), surgery.name
        wanted = maps_of(out, view, before.argmax(dim=1))[0]
        assert near(values(page), wanted, 1.0 if view == "attention" else None), surgery.name
        assert page.locator(".vtff-before:visible").count() == (8 if surgery.name != "none" else 0)
    assert page.locator(".vtff-free tr").nth(1).get_attribute("data-class") == "happiness"
    words = page.locator(".vtff-free .vtff-percent").all_inner_texts()
    for pattern, logits in ((r"^\D*(\d+)\u00a0%", out.logits), (r"was \D*(\d+)\u00a0%", before)):
        told = [int(re.search(pattern, word)[1]) for word in words]
        assert told == pytest.approx((100 * logits[0].softmax(dim=0)).tolist(), abs=1.01)


CHANGES = {
    "silence layer 1, head 2": Surgery(head=(1, 2)),
    "force the gate to RGB": Surgery(lbp_weight=0.0),
    "force the gate to LBP": Surgery(lbp_weight=1.0),
    "force the gate to one half": Surgery(lbp_weight=0.5),
    "leave out the global part": Surgery(without="global"),
    "leave out the local part": Surgery(without="local"),
}


@HANDS
def test_a_change_of_the_model_is_answered_at_once_and_undone(show, models, images, hand):
    page = show()
    answer = page.locator(".vtff-answer")
    before = answer.inner_text()
    for word, surgery in CHANGES.items():
        select(page, "change the model", word, hand)
        out = changed(models["tiny"], images[0], surgery)
        shares = out.logits[0].softmax(dim=0)
        assert near(bars(page), shares), word
        assert near(values(page), maps_of(out, "gate")[0]), word
        name = EXPRESSIONS[shares.argmax()]
        assert answer.inner_text().removesuffix(" Hardly anything moves.") == (
            f"{before[:-1]}; with the model changed, {name}, {100 * shares.max():.0f}\u00a0%."
        )
    assert answer.get_attribute("aria-live") == "polite"
    if hand == "mouse":
        select(page, "change the model", "nothing", hand)
    else:
        cell(page, 0).focus()
        page.keyboard.press("Escape")
    assert answer.inner_text() == before
    assert "surgery" not in state(page)


@HANDS
def test_any_patch_is_masked_by_mouse_and_by_key(show, models, images, hand):
    page = show("#view=rollout")
    choose_cell(page, 38, hand)
    if hand == "mouse":
        select(page, "change the model", "cover the chosen square", hand)
    else:
        page.keyboard.press("m")
    for number in (38, 40):
        out = changed(models["tiny"], images[0], Surgery(patch=number))
        assert near(bars(page), out.logits[0].softmax(dim=0))
        assert near(values(page), maps_of(out, "rollout")[0])
        assert labels(page)[number].endswith(", covered")
        assert page.locator(".vtff-masked").count() == 1
        assert "with row 5, column" in page.locator(".vtff-answer").inner_text()
        choose_cell(page, 40, hand)  # the mask goes along
    focused = page.evaluate("document.activeElement.dataset.key")
    assert focused == "cell 40"
    page.keyboard.press("c")
    assert state(page) == {"view": "rollout"}


def test_changed_attention_is_that_of_cls(show, models, images):
    page = show("#view=attention&cell=5&surgery=head+0+1")
    out = changed(models["tiny"], images[0], Surgery(head=(0, 1)))
    assert near(values(page), maps_of(out, "attention")[0], 1.0)
    assert "The token is [cls]" in page.locator(".vtff-told").inner_text()
    assert page.locator(".vtff-chosen").count() == 0


# Keys


def test_tab_reaches_everything_in_the_order_of_the_page(show):
    page, seen = show("#view=attention&cell=3"), []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("""() => {
                const e = document.activeElement;
                if (e.closest('.vtff-steps')) return 'step';
                return e.dataset.key || e.id.replace(/^vtff-[0-9a-z]+-/, '') || e.type || e.tagName;
            }""")
        )
        outline = page.evaluate(
            "() => { const e = document.activeElement;"
            " const shown = e.type === 'radio' ? e.nextElementSibling : e;"
            " return getComputedStyle(shown).outlineStyle }"
        )
        assert outline == "solid" or seen[-1] == "BODY", seen[-1]
        if seen[-1] == "BODY":
            break
    thumbs = [f"thumb {layer} {head}" for layer in range(2) for head in range(5)]
    controls = ["radio", "surgery", "beside", "model", "under", "strength", "button"]
    assert [each for each in seen if each != "step"] == [
        *("radio", "radio", "cell 0"), *thumbs, "thumb 2 0", "thumb 2 1", *controls,
        *("SUMMARY", "SUMMARY", "SUMMARY", "button", "BODY"),
    ]  # fmt: skip


def test_arrow_keys_stop_at_the_edges_and_other_keys_are_left_alone(show):
    page = show()
    cell(page, 0).focus()
    where = "document.activeElement.dataset.key"
    path = {
        "ArrowLeft": 0, "ArrowUp": 0, "End": 6, "ArrowRight": 6, "ArrowDown": 13, "Home": 7,
        "x": 7, "Control+m": 7, "PageUp": 7,
    }  # fmt: skip
    for key, number in path.items():
        page.keyboard.press(key)
        assert page.evaluate(where) == f"cell {number}", key
    assert state(page) == {}
    page.keyboard.press(" ")
    assert state(page) == {"cell": "7"}
    assert page.evaluate(where) == "cell 7"


# Addresses


def test_a_link_brings_back_what_was_chosen(show):
    page = show()
    radio(page, "Face", "Bo", "mouse")
    radio(page, "Map", "Attention", "mouse")
    select(page, "beside it", "face: Ada", "mouse")
    cell(page, 20).click()
    press_button(page, "layer 0, head 1", "mouse")
    chosen = {
        "face": "1",
        "view": "attention",
        "beside": "face+0",
        "cell": "20",
        "layer": "0",
        "head": "1",
    }
    assert state(page) == chosen
    other = show(page.evaluate("location.hash").replace("step=explore&", ""))
    assert state(other) == chosen
    assert values(other).equal(values(page))
    other.evaluate("() => { location.hash = '#view=local' }")
    other.wait_for_function("document.querySelector('.vtff-free').dataset.state === 'view=local'")
    other.go_back()
    other.wait_for_function("document.querySelector('.vtff-free').dataset.state.includes('head=1')")


NONSENSE = {
    "#view=constructor&__proto__=1&toString=2": {},
    "#view=__proto__&surgery=__proto__&beside=constructor": {},
    "#face=99&cell=1e9&strength=-5": {"face": "2", "cell": "48", "strength": "0"},
    "#face=Infinity&cell=-Infinity&group=NaN&strength=": {"face": "2"},
    "#face=1.4&layer=0x0&head=%00": {"face": "1", "layer": "0"},
    "#surgery=patch+7&view=rollout": {"surgery": "patch", "cell": "7", "view": "rollout"},
    "#surgery=patch": {"surgery": "patch", "cell": "24"},
    "#surgery=patch+999": {"surgery": "patch", "cell": "48"},
    "#surgery=head+9+9&at=<img src=x onerror=alert(1)>": {},
    "#%%%&&&===&view=cam&view=local": {"view": "local"},
    "#beside=model+7&model=-1&under=javascript:alert(1)": {},
}


def test_an_address_edited_by_hand_gives_the_nearest_view(show):
    page = show(next(iter(NONSENSE)))  # the first as the page is opened, the others later
    for fragment, nearest in NONSENSE.items():
        go(page, f"step=explore&{fragment.removeprefix('#')}")
        assert state(page) == nearest, fragment
        assert values(page).isfinite().all()
        chosen = page.locator("select").evaluate_all("all => all.map(each => each.selectedIndex)")
        assert min(chosen) >= 0, fragment


# Words from outside


def test_hostile_words_are_shown_as_words(show, tmp_path):
    model = small(class_names=(f"{EVIL}1", f"{EVIL}2", f"{EVIL}3", f"{EVIL}4"))
    hostile = Explorer(
        {EVIL: model, f"{EVIL}2": model}, faces(2), [EVIL, f"{EVIL}2"], [f"{EVIL}1", ""], EVIL,
        computed=[Surgery(), Surgery(patch=1)],
    )  # fmt: skip
    hostile.save(tmp_path / "evil.html")
    page = show("#beside=face+1&view=gradient", tmp_path / "evil.html")
    for view in set(WORDS) - {"need"}:
        radio(page, "Map", WORDS[view], "mouse")
    assert page.title() == EVIL
    assert page.locator("h1:visible").inner_text() == EVIL
    wrong = ": here it is wrong" * ("wrong" in page.locator(".vtff-name").first.inner_text())
    assert (
        page.locator(".vtff-name").first.inner_text() == f"{EVIL}, {EVIL} (labelled {EVIL}1{wrong})"
    )
    assert page.locator(".vtff-free tr th").first.inner_text() == f"{EVIL}1"
    assert page.get_by_role("group", name=f"{EVIL}, {EVIL}", exact=True).count() == 1
    assert f"face: {EVIL}" in page.locator("option").all_inner_texts()
    assert page.locator("script").count() == 2
    assert page.locator("img[src]").evaluate_all(
        "all => all.every(each => each.src.startsWith('data:'))"
    )


# Where it is shown


@pytest.mark.parametrize("look", LOOKS)
def test_no_fault_of_access_and_nothing_leaves_the_page(show, look):
    page = show(**LOOKS[look])
    views = ["view=global&beside=face+1", "view=attention&cell=9&beside=model+1"]
    for fragment in (*views, "view=cam&surgery=patch+24"):
        go(page, f"step=explore&{fragment}")
        assert faults_of_access(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= LOOKS[look]["viewport"]["width"]


def test_axe_would_notice_a_fault(show):
    page = show()
    page.evaluate("document.querySelector('.vtff-free label[for$=surgery]').remove()")
    assert any(fault.startswith("select-name") for fault in faults_of_access(page))


def test_dark_and_light_follow_the_reader(show):
    grounds = {}
    for scheme in ("light", "dark"):
        page = show(color_scheme=scheme)
        colours = page.locator(".vtff-free").evaluate(
            "each => [getComputedStyle(each).backgroundColor, getComputedStyle(each).color]"
        )
        grounds[scheme] = [sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in colours]
    assert grounds["light"][0] > 200 > 60 > grounds["light"][1]
    assert grounds["dark"][0] < 60 < 200 < grounds["dark"][1]


def test_it_works_in_a_frame_of_its_own(show, saved, tmp_path, outs):
    """As in a notebook that was exported: no origin, no address, no storage."""
    page = html.escape(saved.read_text(encoding="utf-8"))
    frame = f'<iframe width="900" height="900" sandbox="allow-scripts" srcdoc="{page}">'
    outer = tmp_path / "outer.html"
    outer.write_text(f"<!doctype html><meta charset='utf-8'>{frame}</iframe>", encoding="utf-8")
    shown = show(path=outer)
    inner = shown.frame_locator("iframe")
    inner.get_by_role("button", name="Explore", exact=True).click()
    inner.get_by_text("L, by square", exact=True).click()
    inner.locator('[data-key="cell 3"]').click()
    assert inner.locator(".vtff-free").get_attribute("data-state") == "view=local&cell=3"
    found = inner.locator("[data-index]").evaluate_all(
        "all => all.map(each => +each.dataset.value)"
    )[-49:]
    wanted = maps_of(outs["tiny"], "local")[0]
    assert near(torch.tensor(found), wanted)
    assert not inner.get_by_text("Share", exact=True).is_visible()


def test_without_scripts_there_are_words(show, explorer):
    page = show(java_script_enabled=False)
    assert page.locator("main p").first.inner_text() == explorer.describe()


def test_a_damaged_page_says_so(show, saved, tmp_path):
    page = saved.read_text(encoding="utf-8")
    damaged = tmp_path / "damaged.html"
    damaged.write_text(re.sub(r'(id="content">.{2000}).*?</script>', r"\1</script>", page))
    shown = show(path=damaged)
    assert "the file is damaged" in shown.get_by_role("alert").inner_text()
    assert "The first guess for each face" in shown.locator("main p").first.inner_text()
