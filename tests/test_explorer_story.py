"""The story of a saved page, driven as a reader would in Chromium: by mouse, by touch, by keyboard.

What is said is compared with the model's own answers.
"""

import re

import pytest
import torch
from playwright.sync_api import expect

from figures.drawings import explorer_pages
from tests.access import faults_of_access
from tests.browser import open_browser
from tests.explored import faces, go, packed, pages, small
from vtff_lib import explain, load_pretrained
from vtff_lib.explain.surgery import Surgery, masked, operated
from vtff_lib.explorer.explorer import Explorer
from vtff_lib.names import EXPRESSIONS

pytestmark = pytest.mark.slow
PAGE = explorer_pages.FIGURES / "explorer_tiny.html"
STEPS = ["cover", "ask", "light", "mix", "mute", "move", "predict"]
ANGER, DARKEST, PALEST, ASTRONAUT = 4, 2, 1, 12  # of the shipped page's faces
HANDS = pytest.mark.parametrize("hand", ["mouse", "keyboard"])
PHONE = {"viewport": {"width": 360, "height": 740}}
LOOKS = {
    "360 dark": {**PHONE, "color_scheme": "dark"},
    "1280 light": {"viewport": {"width": 1280, "height": 800}},
}


@pytest.fixture(scope="module")
def browser(chromium):
    with open_browser(chromium) as browser:
        yield browser


@pytest.fixture
def show(browser):
    with pages(browser, PAGE) as open_page:
        yield open_page


@pytest.fixture(scope="module")
def model():
    return load_pretrained("tiny")


@pytest.fixture(scope="module")
def chosen(model):
    return explorer_pages.choose(model)


@pytest.fixture(scope="module")
def content():
    return packed(PAGE.read_text(encoding="utf-8"))


def use(page, target, hand):
    """Press what is meant, and nothing else."""
    if hand == "mouse":
        target.click()
    elif hand == "touch":
        target.tap()
    else:
        target.focus()
        page.keyboard.press("Enter")


def hands(hand):
    return {"has_touch": True} if hand == "touch" else {}


def square(page, number):
    return page.locator(f'[data-panel="story"][data-index="{number}"]')


def heading(page):
    return page.locator("h1:visible").inner_text()


def word(page):
    return page.locator(".vtff-word").inner_text()


def step(page):
    return re.search(r"step=(\w+)", page.evaluate("location.hash"))[1]


def answer(model, image, surgery):
    """Return the first guess and its share, in the page's words."""
    with operated(model, [surgery]):
        shares = model(masked(image[None], [surgery], 16)).logits[0].softmax(dim=0)
    return f"{EXPRESSIONS[shares.argmax()]} {100 * shares.max():.0f}\u00a0%"


# The first screen


@pytest.mark.parametrize("hand", ["mouse", "touch", "keyboard"])
def test_covering_the_hinted_square_turns_the_answer_and_uncovering_brings_it_back(
    show, model, chosen, hand
):
    page, image = show(**hands(hand)), chosen[0][ANGER]
    guess = model(image[None]).logits.argmax(dim=1)
    needed = int(explain.occlusion(model, image[None], guess).values.flatten().argmax())
    assert heading(page) == "This face says anger. Which square says so?"
    assert page.locator(".vtff-hint").get_attribute("data-index") == str(needed)
    assert word(page) == answer(model, image, Surgery())
    use(page, square(page, needed), hand)
    assert heading(page) == "Without this square: neutral."
    assert word(page) == answer(model, image, Surgery(patch=needed))
    assert page.locator(".vtff-note").inner_text().startswith("middle of the forehead covered")
    assert page.locator("[aria-live]:visible").all_inner_texts()[0] == "neutral"
    assert square(page, needed).get_attribute("aria-label").endswith(", covered")
    assert f"cell={needed}" in page.evaluate("location.hash")
    if hand == "keyboard":
        page.keyboard.press("Escape")
    else:
        use(page, page.get_by_role("button", name="Uncover"), hand)
    assert word(page) == answer(model, image, Surgery())


def test_a_square_that_was_not_needed_is_said_to_be_none(show):
    page = show("#step=cover&cell=48")
    assert heading(page) == "Nothing moves: this square was not needed."


def test_where_no_square_decides_there_is_nothing_to_guess(show):
    page = show(f"#step=predict&face={PALEST}")
    assert heading(page) == "No square decides here: take the next face."
    assert page.locator("[data-mark]:not([data-mark=''])").count() == 0
    square(page, 10).click()
    assert page.locator(".vtff-count:visible").inner_text() == "Nobody has guessed yet."


def test_where_no_square_decides_and_where_the_model_is_wrong_it_says_so(show):
    page = show(f"#step=cover&face={PALEST}")
    assert heading(page) == "This face says happiness. No single square does."
    assert "several places" in page.locator(".vtff-lead:visible").inner_text()
    assert page.locator(".vtff-hint").count() == 0
    go(page, "step=cover&face=11")
    assert page.locator(".vtff-note").inner_text() == "drawn as sadness: here it is wrong"
    go(page, f"step=cover&face={ASTRONAUT}")
    assert page.locator(".vtff-note").inner_text().startswith("a photograph")
    assert square(page, 9).get_attribute("aria-label") == "row 1, column 2"


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_all_squares_are_tried_in_turn_and_leave_the_map_of_need(show, motion):
    page = show(reduced_motion=motion)
    page.evaluate("""() => {
        window.swept = 0;
        new MutationObserver(() => { window.swept += 1; }).observe(
            document.querySelector('[role=grid]'), { subtree: true, attributeFilter: ['class'] });
    }""")
    page.get_by_role("button", name="Try all 49").click()
    page.wait_for_function("() => location.hash.includes('all=1')")
    assert heading(page) == "Lit: the squares that say anger."
    assert page.locator(".vtff-top").count() == 1
    assert (page.evaluate("window.swept") > 20) == (motion == "no-preference")
    moving = page.locator(".vtff-fill").first.evaluate(
        "e => getComputedStyle(e).transitionDuration"
    )
    assert (moving == "0s") == (motion == "reduce")


# The steps


@HANDS
def test_the_whole_story_is_gone_through_from_step_to_step(show, hand):
    page, seen = show(**hands(hand)), []
    for _ in STEPS:
        seen.append(step(page))
        assert page.locator("[aria-current=step]").count() == 1
        words = f"{heading(page)} {page.locator('.vtff-lead:visible').inner_text()}"
        assert 5 < len(words.split()) <= 48
        assert len(page.locator(".vtff-lead:visible").inner_text().split()) <= 40
        use(page, page.locator(".vtff-next"), hand)
        page.wait_for_function("was => !location.hash.includes(was)", arg=f"step={seen[-1]}")
    assert seen == STEPS
    assert step(page) == "own"
    assert heading(page) == "And your own face?"
    assert not page.locator(".vtff-story").is_visible()


def test_back_leads_to_the_step_before_and_not_away(show):
    page = show()
    for name in ("Ask", "Mix", "Explore"):
        page.get_by_role("button", name=name, exact=True).click()
        page.wait_for_function("name => location.hash.includes(`step=${name}`)", arg=name.lower())
    page.get_by_role("radio", name="Rollout").locator("xpath=..").click()  # no step of its own
    for turn, name in ((page.go_back, "mix"), (page.go_back, "ask"), (page.go_forward, "mix")):
        turn()
        page.locator(f".vtff-story[data-state^='step={name}']:visible").wait_for()
        assert step(page) == name


def test_on_a_phone_the_next_step_begins_at_its_heading(show):
    page = show(**PHONE)
    for _ in (*STEPS, "own"):
        following = page.locator(".vtff-next:visible")
        if not following.count():
            break
        following.scroll_into_view_if_needed()
        before = page.url
        following.click()
        page.wait_for_function("before => location.href !== before", arg=before)
        page.wait_for_function("""() => [...document.querySelectorAll('h1')].some(each =>
            each.checkVisibility() && each.getBoundingClientRect().top >= 0)""")


@pytest.mark.parametrize("name", STEPS)
def test_each_step_has_an_address_that_brings_it_back(show, name):
    page = show(f"#step={name}&face=3")
    assert step(page) == name
    current = page.locator("[aria-current=step]").inner_text().lower()
    assert current.endswith(name)
    if name != "move":
        assert page.locator(".vtff-faces:visible input:checked").get_attribute("value") == "3"


def test_addresses_edited_by_hand_lead_to_the_nearest_step(show):
    page = show("#step=__proto__&face=99&cell=1e9&map=constructor")
    assert step(page) == "cover"
    for fragment in (
        "step=mute&alone=toString",
        "step=move&x=-9&y=1e9",
        "step=light&bright=&row=x",
    ):
        go(page, fragment)
        assert fragment.startswith(f"step={step(page)}")
        assert len(word(page)) > 5
    go(page, "view=rollout&face=9")  # as lessons have it
    assert step(page) == "explore"


def test_maps_are_laid_beside_the_need_with_how_often_they_agree(show, content, model, chosen):
    page = show(f"#step=ask&face={ANGER}")
    assert heading(page) == "Its attention points elsewhere."
    found = content["story"]["need"]["agreement"]
    lead = page.locator(".vtff-lead:visible").inner_text()
    assert f"in {found['rollout']} of 100. By chance: {found['chance']}." in lead
    assert lead.endswith(f"One and the same square for all: {found['same square for all']}.")
    out = model(chosen[0][[ANGER]], return_maps=True)
    top = int(explain.rollout(out).values.flatten().argmax())
    assert page.locator(".vtff-top").get_attribute("data-index") == str(top)
    assert page.locator(".vtff-needed").get_attribute("data-index") == "10"
    page.get_by_role("radio", name="What it needs").locator("xpath=..").click()
    assert heading(page) == "This is what the answer needs."
    assert page.locator(".vtff-top").get_attribute("data-index") == "10"


def test_light_changes_the_colours_and_no_code_and_a_lamp_changes_both(show):
    page = show("#step=light&bright=50")
    told = page.locator(".vtff-count:visible")
    assert told.inner_text().endswith("Codes of the texture changed: 0 %.")
    assert "colours changed: 0 %" not in told.inner_text()
    lamp = page.get_by_role("slider", name="Side lamp")
    lamp.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "() => /texture changed: [1-9]/.test(document.querySelector('.vtff-count').textContent)"
    )
    page.locator(".vtff-view canvas").first.click(position={"x": 100, "y": 90})
    page.wait_for_function("() => location.hash.includes('row=')")
    cells = page.locator(".vtff-window td").all_inner_texts()
    middle = float(cells[4])
    bits = "".join(each[-1] for place, each in enumerate(cells) if place != 4)
    code = page.locator(".vtff-window p").inner_text()
    assert code.endswith(f"{bits}, the code {int(bits, 2)}.")
    for place, each in enumerate(cells):
        if place != 4 and float(each.split()[0]) != middle:
            assert each.endswith("1") == (float(each.split()[0]) > middle)


def test_the_sum_behind_a_square_is_the_models(show, model, chosen):
    page = show(f"#step=mix&face={ANGER}&channel=34")
    square(page, 38).click()
    out = model(chosen[0][[ANGER]], return_maps=True)
    local = explain.local_part(out).values.flatten()[38].item()
    whole = explain.global_part(out)[0, 34].item()
    told = page.locator(".vtff-sum").inner_text().replace("−", "-")
    square_says, channel_says = re.search(r"says (\S+), the channel says (\S+);", told).groups()
    assert float(square_says) == pytest.approx(local, abs=0.05)
    assert float(channel_says) == pytest.approx(whole, abs=0.02)
    gate = out.gate[0, 34].flatten()[38].item()
    assert float(re.search(r"(\S+) × texture", told)[1]) == pytest.approx(gate, abs=0.02)


@pytest.mark.parametrize(("pill", "weight"), [("colours alone", 0.0), ("texture alone", 1.0)])
def test_one_view_alone_is_answered_by_the_model(show, model, chosen, pill, weight):
    page, image = show(f"#step=mute&face={ANGER}"), chosen[0][ANGER]
    page.get_by_role("radio", name=pill).locator("xpath=..").click()
    assert word(page) == answer(model, image, Surgery(lbp_weight=weight))
    assert heading(page).lower().startswith(f"{pill}:")
    assert page.locator(".vtff-before:visible").count() == 8


@HANDS
def test_the_field_moves_the_face_and_keeps_where_one_was(show, model, hand):
    page = show("#step=move", **hands(hand))
    images = explorer_pages.pad(112).images
    spot = page.locator('[data-key="field 8"]')
    if hand == "keyboard":
        page.locator('[data-kind="field"][tabindex="0"]').focus()
        for key in [*["ArrowUp"] * 4, "ArrowRight", "ArrowRight", "Enter"]:
            page.keyboard.press(key)
    else:
        use(page, spot, hand)
    assert word(page) == answer(model, images[8], Surgery())
    assert spot.get_attribute("aria-label").startswith("lip corners up 0.4, brows down 0.2: ")
    assert page.locator("[data-kind=field][data-mark]").count() == 2  # here, and the beginning


def test_a_drag_leaves_a_trail(show):
    page = show("#step=move")
    box = page.locator(".vtff-pad [role=grid]").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 10, box["y"] + 10, steps=20)
    page.mouse.up()
    assert page.locator("[data-kind=field][data-mark]").count() == 7


@HANDS
def test_who_predicts_is_told_who_was_right(show, hand):
    page = show(f"#step=predict&face={ANGER}", **hands(hand))
    assert page.locator(".vtff-choice-of").count() == 3
    use(page, square(page, 10), hand)
    assert heading(page).startswith("A is right. Without it: neutral")
    tally = page.locator(".vtff-count:visible").inner_text()
    assert tally.startswith("you: 1 of 1 · Attention rollout: 0 of 1")
    use(page, square(page, 42), hand)  # none of the three
    assert "cell=10" in page.url
    use(page, square(page, 17), hand)  # a second guess does not count
    assert page.locator(".vtff-count:visible").inner_text() == tally
    use(page, page.get_by_role("button", name="Next face"), hand)
    page.wait_for_function("() => !location.hash.includes('cell=')")
    assert "face=" in page.evaluate("location.hash")
    assert heading(page).startswith("Predict first")


# What it looks like


PIXELS = """canvas => [...canvas.getContext('2d')
    .getImageData(0, 0, canvas.width, canvas.height).data]"""


@pytest.mark.parametrize("face", [DARKEST, 3, PALEST])
def test_light_stands_out_on_the_darkest_and_on_the_palest_face(show, face):
    """The brightest square against one that the map leaves dark: 3 to 1, as WCAG asks."""
    page = show(f"#step=ask&face={face}&map=rollout")
    page.wait_for_function(
        "() => document.querySelector('.vtff-story .vtff-face canvas').width === 336"
    )
    values = page.locator('[data-panel="story"]').evaluate_all(
        "all => all.map(e => +e.dataset.value)"
    )
    values = torch.tensor(values).view(7, 7)
    inner = values[1:6, 1:6]
    top, low = (divmod(int(i), 5) for i in (inner.argmax(), inner.argmin()))
    pixels = page.locator(".vtff-story .vtff-face canvas").evaluate(PIXELS)
    linear = (torch.tensor(pixels).view(7, 48, 7, 48, 4)[..., :3] / 255).pow(2.2)
    lightness = (linear @ torch.tensor([0.2126, 0.7152, 0.0722])).mean(dim=(1, 3))
    lit, dark = (lightness[1 + row, 1 + column].item() for row, column in (top, low))
    assert (lit + 0.05) / (dark + 0.05) >= 3


def test_a_phone_shows_face_and_answer_on_its_first_screen(show):
    page = show(**PHONE)
    for name in STEPS:
        go(page, f"step={name}&face=3")
        page.locator(f".vtff-story[data-state^='step={name}']").wait_for()
        shown = page.locator(".vtff-story .vtff-face, .vtff-view").locator("visible=true").first
        box, said = shown.bounding_box(), page.locator(".vtff-word").bounding_box()
        assert box["y"] <= 300, name
        assert box["width"] >= 0.45 * 360, name
        assert said["y"] + said["height"] <= 740, name
    go(page, "step=explore&view=rollout")
    box = page.locator(".vtff-free .vtff-map").bounding_box()
    assert box["y"] <= 300
    assert box["width"] >= 0.45 * 360


ON_THE_PAGE = """each => {  // wherever the page is scrolled to
    const { left, top, width, height } = each.getBoundingClientRect();
    return [left + scrollX, top + scrollY, width, height].map(Math.round);
}"""


def test_nothing_jumps_while_squares_are_covered(show):
    for settings in (PHONE, LOOKS["1280 light"]):
        page = show(f"#step=cover&face={ANGER}", **settings)
        before = page.locator(".vtff-face").first.evaluate(ON_THE_PAGE)
        for cell in (10, 17, 40, 48):
            square(page, cell).click()
            assert page.locator(".vtff-face").first.evaluate(ON_THE_PAGE) == before


@pytest.mark.parametrize("look", LOOKS)
def test_no_fault_of_access_in_any_step_and_nothing_wider_than_the_page(show, look):
    page = show(**LOOKS[look])
    states = [f"step={name}" for name in STEPS] + [
        "step=cover&cell=10", "step=cover&all=1&face=2", "step=mute&alone=lbp",
        "step=predict&cell=10",
        f"step=cover&face={ASTRONAUT}", "step=ask&map=need&face=1", "step=explore&view=need",
    ]  # fmt: skip
    for fragment in states:
        go(page, fragment)
        assert faults_of_access(page) == [], fragment
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= LOOKS[look]["viewport"]["width"], fragment


# Alone, in a frame, and shared


def test_share_copies_the_address_and_says_so(show):
    page = show("#step=mix", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Share").click()
    page.get_by_text("The link is copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_a_frame_hears_the_theme_and_tells_its_height_and_address(show, tmp_path):
    outer = tmp_path / "outer.html"
    outer.write_text(f"""<!doctype html><meta charset="utf-8">
        <script>window.told = {{}};
        addEventListener("message", ({{ data }}) => Object.assign(window.told, data.vtff));</script>
        <iframe src="{PAGE.as_uri()}" width="900" height="700"></iframe>""")
    page = show(path=outer)
    inner = page.frame_locator("iframe")
    inner.get_by_role("button", name="Mix", exact=True).click()
    page.wait_for_function(
        "() => window.told.address === '#step=mix' || /step=mix/.test(told.address)"
    )
    assert page.evaluate("told.height") > 400
    for theme, dark in (("dark", True), ("light", False)):
        page.evaluate("theme => frames[0].postMessage({ vtff: { theme } }, '*')", theme)
        expect(inner.locator(".vtff-page")).to_have_css("color-scheme", theme)
        ground = inner.locator(".vtff-page").evaluate("e => getComputedStyle(e).backgroundColor")
        assert (int(re.search(r"\d+", ground)[0]) < 60) == dark


# Other models


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({}, ["cover", "ask", "light", "mix", "mute", "predict"]),
        ({"fusion": "sum"}, ["cover", "ask", "light", "predict"]),
        ({"fusion": "rgb", "depth": 0}, ["cover", "ask", "predict"]),
        ({"gate": "double_sigmoid", "gated_branch": "rgb"}, None),
        ({"fusion": "aff"}, None),
        ({"image_size": 32}, None),
    ],
)  # fmt: skip
def test_a_step_for_which_something_is_missing_is_left_out(show, tmp_path, changes, steps):
    side = changes.get("image_size", 48)
    Explorer(small(**changes), faces(2, side=side)).save(tmp_path / "page.html")
    page = show(path=tmp_path / "page.html")
    offered = [
        each.lower()
        for each in page.locator(".vtff-steps button").evaluate_all(
            "all => all.map(e => e.ariaLabel)"
        )
    ]
    assert steps is None or offered == [*steps, "explore"]
    for name in offered:
        page.get_by_role("button", name=name.capitalize(), exact=True).click()
        assert step(page) == name


def test_without_covered_squares_there_is_still_a_page(show, tmp_path):
    Explorer(small(fusion="rgb"), faces(1), surgeries=[Surgery()]).save(tmp_path / "page.html")
    page = show(path=tmp_path / "page.html")
    assert page.locator(".vtff-free").is_visible()
    assert not page.locator(".vtff-steps").is_visible()
