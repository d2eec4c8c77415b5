"""The cheat sheet tells the truth about the library, and is one page on paper and on a phone.

Each property of its text is a function from the text to what is wrong with it, shown to hold for
the sheet and to fail for one with a mistake in it.
"""

import dataclasses
import functools
import importlib
import math
import re
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from notebooks import run
from notebooks.editions import cheat_sheet
from tests.access import faults_of_access
from tests.browser import open_browser
from vtff_lib.config import VTFFConfig
from vtff_lib.evaluation.comparisons import student_t
from vtff_lib.fusion import PLAIN_FUSIONS
from vtff_lib.names import EXPRESSIONS
from vtff_lib.plots.pictures import COLOURS
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.vtff import VTFF, VTFFOutput, count_parameters, trace_shapes

SHEET = cheat_sheet.SHEET.read_text(encoding="utf-8")
CONFIGS = {"full": VTFFConfig.paper(), "deep": VTFFConfig.deep(), "tiny": VTFFConfig.tiny(8)}
CODE = re.compile(r"`([^`]+)`")
MODULES = (
    "attention", "backbone", "config", "encoder", "evaluation", "explain", "fusion", "lbp",
    "pretrained", "training", "vtff",
)  # fmt: skip


def table(sheet: str, *header: str) -> list[list[str]]:
    """Return the rows of the table with this header."""
    _, found = sheet.split(f"| {' | '.join(header)} |\n")
    rows = found.split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@functools.cache
def model(name: str) -> VTFF:
    """Return a model of random weights; for counting, one that takes no memory."""
    torch.manual_seed(0)
    with torch.device("meta" if name == "deep" else "cpu"):
        return VTFF(CONFIGS[name]).eval()


@functools.cache
def output(name: str) -> VTFFOutput:
    size = CONFIGS[name].image_size
    with torch.no_grad():
        return model(name)(torch.zeros(1, 3, size, size, dtype=torch.uint8), return_maps=True)


@functools.cache
def shapes(name: str) -> dict[str, str]:
    """Return the shape of each part and map of a model for one face, as the sheet writes it."""
    traced, size = trace_shapes(model(name)), CONFIGS[name].image_size
    found = {part.split(".")[-1]: shape for part, shape in traced.items()}
    found |= {"normalise": traced["normalise.rgb"], "rgb": (1, 3, size, size)}
    for field, value in output(name)._asdict().items():
        found[field] = (value[0] if field == "attentions" else value).shape
    return {part: "×".join(map(str, shape[1:])) for part, shape in found.items()}


def shapes_are_traced(sheet: str) -> Iterator[str]:
    for part, *told in table(sheet, "part", "full, 224", "tiny, 112"):
        for name in CODE.findall(part):
            traced = [shapes(config).get(name, "–") for config in ("full", "tiny")]
            if told != traced:
                yield f"{name} has the shapes {traced}, not {told}"


def settings_are_the_presets(sheet: str) -> Iterator[str]:
    for setting, *told in table(sheet, "setting", "full", "deep", "tiny"):
        (name,) = CODE.findall(setting)
        values = [str(getattr(each, name.split(".")[-1])) for each in CONFIGS.values()]
        if name == "num_heads":
            values = [
                f"{each.num_heads} ({each.embed_dim // each.num_heads})"
                for each in CONFIGS.values()
            ]
        if told != values:
            yield f"{name} is {values}, not {told}"


def counts(network: VTFF) -> list[int]:
    """Return the parameters of each part in the sheet's order, and their total."""
    tokens = network.cls_token.numel() + network.position_embedding.numel()
    parts = [
        count_parameters(network.backbones["rgb"]),
        count_parameters(network.backbones["lbp"]),
        count_parameters(network.fusion),
        count_parameters(network.token_projection) + tokens,
        count_parameters(network.encoder),
        count_parameters(network.head),
    ]
    assert sum(parts) == count_parameters(network)
    return [*parts, sum(parts)]


def parameters_are_counted(sheet: str) -> Iterator[str]:
    told = [row[1:] for row in table(sheet, "part", "full", "deep")]
    counted = zip(counts(model("full")), counts(model("deep")), strict=True)
    wanted = [[f"{number:,}" for number in row] for row in counted]
    wanted[-1] = [f"**{number}**" for number in wanted[-1]]
    if told != wanted:
        yield f"the parameters are {wanted}, not {told}"


@functools.cache
def figures() -> tuple[str, ...]:
    """Return what the sheet says with figures in running text, as computed."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model("full")(torch.zeros(1, 3, 224, 224, dtype=torch.uint8))
    work = counter.get_total_flops() / 2e9  # a multiplication and an addition are two
    trunks = sum(
        sum(counter.flop_counts[f"VTFF.backbones.{view}"].values()) for view in ("rgb", "lbp")
    )
    assert round(trunks / counter.get_total_flops(), 1) == 0.7
    t = [student_t(pairs - 1) for pairs in (3, 5, 8, 1_000_000)]
    return (
        f"One encoder block: {count_parameters(model('full').encoder.blocks[0]):,}.",
        f"Tiny, 8 words: {count_parameters(model('tiny')):,}.",
        f"full: {work:.1f} G multiply-adds, seven tenths in the trunks.",
        f"ln K (8 words: {math.log(8):.2f})",
        "{:.2f} for 3 pairs, {:.2f} for 5, {:.2f} for 8, {:.2f} for very many".format(*t),
        f"in this order: {', '.join(EXPRESSIONS)}.",
    )


def figures_are_computed(sheet: str) -> Iterator[str]:
    for figure in figures():
        if figure not in sheet:
            yield f"the sheet should say: {figure}"


def namespace() -> dict[str, object]:
    """Return all that names on the sheet may mean, with a tiny model and a face at hand."""
    names: dict[str, object] = {"torch": torch, "nn": nn, "F": F}
    for module in MODULES:
        names |= vars(importlib.import_module(f"vtff_lib.{module}"))
    network, settings = model("tiny").eval(), CONFIGS["tiny"]
    for each in (model("full"), network):
        names |= {name.split(".")[-1]: part for name, part in each.named_modules()}
    names |= {field.name: None for field in dataclasses.fields(TrainingConfig)}
    names |= dataclasses.asdict(settings) | PLAIN_FUSIONS | output("tiny")._asdict()
    rgb = torch.zeros(1, 3, 112, 112, dtype=torch.uint8)
    names["__builtins__"] = {}  # `sum` and `max` are fusions here
    return names | {
        "model": network, "config": settings, "rgb": rgb, "out": output("tiny"),
        "downsample": network.backbones["rgb"].layer2[0].downsample, "x": torch.zeros(1, 16, 8, 8),
    }  # fmt: skip


def code_runs(sheet: str) -> Iterator[str]:
    for code in dict.fromkeys(CODE.findall(sheet)):
        names = namespace()
        target, expression = re.fullmatch(r"(?:(\w+) ?= ?)?(.+)", code).groups()
        if code.startswith("."):
            expression = f"VTFFConfig{code}"
        elif code.startswith('"'):
            expression = f"load_pretrained({code})"
        try:
            eval(expression, names)
        except Exception as error:
            yield f"{code} gives {error!r}"
        if target and target not in names:
            yield f"{code} sets {target}, which is nowhere else"


LINK = re.compile(r'\[([^]]*)\]\(\.\./(vtff_lib/[\w/]+\.py) "([^"]+)"\)')
LESSON = re.compile(r"^### \[(\d\d[a-z]?)\]\(((\d\d[a-z]?)_\w+\.ipynb)\) ")


def equations_lead_to_the_library(sheet: str) -> Iterator[str]:
    """Each has its lesson, which uses the name, and a name that leads to one line of code."""
    _, equations = sheet.split("## Equations\n")
    for part in re.findall(r"^### .*?(?=^##)", equations, re.MULTILINE | re.DOTALL):
        heading = part.splitlines()[0]
        lesson, link = LESSON.match(heading), LINK.search(heading)
        if "$$" not in part or not lesson or not link:
            yield f"{heading} has no lesson, no line of the library or no equation"
            continue
        number, path, again = lesson.groups()
        words, module, line = link.groups()
        code = (run.FOLDER.parent / module).read_text(encoding="utf-8")
        if number != again:
            yield f"{heading} leads to lesson {again}"
        if code.count(line) != 1:
            yield f"{heading} has a line that occurs {code.count(line)} times in {module}"
        text = (run.FOLDER / path).read_text(encoding="utf-8")
        for name in CODE.findall(words):
            if not re.search(rf"\b{name}\b", code) or not re.search(rf"\b{name}\b", text):
                yield f"{name} is not both in {module} and in lesson {number}"


PROPERTIES = (
    shapes_are_traced,
    settings_are_the_presets,
    parameters_are_counted,
    figures_are_computed,
    code_runs,
    equations_lead_to_the_library,
)


@pytest.mark.parametrize("holds", PROPERTIES)
def test_the_sheet_is_true(holds):
    assert list(holds(SHEET)) == []


@pytest.mark.parametrize(
    ("holds", "right", "wrong"),
    [
        (shapes_are_traced, "| 50×768 |", "| 49×768 |"),
        (shapes_are_traced, "| 512×7×7 | – |", "| 512×7×7 | 64×7×7 |"),
        (shapes_are_traced, "| `layer2` |", "| `layer5` |"),
        (settings_are_the_presets, "| 8 (96) | 4 (24) |", "| 8 (96) | 4 (12) |"),
        (settings_are_the_presets, "`mlp_dim` | 3072 |", "`mlp_dim` | 3070 |"),
        (parameters_are_counted, "623,938 |", "623,936 |"),
        (parameters_are_counted, "**80,120,009**", "**80,120,008**"),
        (figures_are_computed, "7,087,872", "7,087,870"),
        (figures_are_computed, "5.1 G", "5.2 G"),
        (figures_are_computed, "2.36 for 8", "2.31 for 8"),
        (figures_are_computed, "sadness, anger", "anger, sadness"),
        (code_runs, "`detectable`", "`detect`"),
        (code_runs, "`max`", "`min`"),
        (code_runs, '`"photos"`', '`"photo"`'),
        (code_runs, "return_maps=True", "maps=True"),
        (code_runs, "`gated_branch=", "`gate_branch="),
        (code_runs, "`.deep()`", "`.large()`"),
        (equations_lead_to_the_library, "rolled = (weights", "rolled = (weight "),
        (equations_lead_to_the_library, "[`rollout`]", "[`compare`]"),
        (equations_lead_to_the_library, "[`make_optimiser`]", "[`class_weights`, `Loose`]"),
        (equations_lead_to_the_library, "[09](09_", "[08](09_"),
        (equations_lead_to_the_library, "$$U=W_c X_{RGB}+W_l X_{LBP}$$", ""),
    ],
)
def test_a_mistake_on_the_sheet_is_noticed(holds, right, wrong):
    assert right in SHEET
    assert list(holds(SHEET.replace(right, wrong, 1))) != []


# The page


@pytest.fixture(scope="module")
def browser(chromium):
    with open_browser(chromium) as browser:
        yield browser


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return cheat_sheet.save(tmp_path_factory.mktemp("sheet"))


@pytest.fixture
def show(browser, saved):
    """Return a function that opens the page, or another text as such a page, from disk."""
    contexts, asked = [], []

    def open_page(markdown=None, **settings):
        path = saved
        if markdown is not None:
            path = saved.with_name("other.html")
            path.write_text(cheat_sheet.page(markdown), encoding="utf-8")
        contexts.append(browser.new_context(offline=True, **settings))
        page = contexts[-1].new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def printed(page, paper: str) -> int:
    """Return on how many pages it is printed."""
    return len(re.findall(rb"/Type */Page\b", page.pdf(format=paper)))


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_it_is_one_page_of_paper_with_room_to_spare(show, paper):
    page = show()
    assert printed(page, paper) == 1
    page.add_style_tag(content="@media print { html { font-size: 8.7pt } }")  # another's letters
    assert printed(page, paper) == 1


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_a_sheet_with_too_much_on_it_is_noticed(show, paper):
    assert printed(show(SHEET + "\nMore.\n" * 60), paper) == 2


# What stands outside the column that its section has there, or has more in it than it shows.
OVERFLOWING = """() => [...document.querySelectorAll('main *')].filter(each => {
    const columns = [...each.closest('section').getClientRects()];
    const inside = ({ left, right }) => columns.some(
        column => column.left <= left + 1 && right <= column.right + 1);
    return ![...each.getClientRects()].every(inside) || each.scrollWidth > each.clientWidth + 1
        && each.matches('p, table, td, th, math[display=block]');
}).map(each => each.outerHTML.slice(0, 80))"""
LOOKS = {
    "A4": {"viewport": {"width": 733, "height": 1000}},  # 194 mm between its margins
    "Letter": {"viewport": {"width": 755, "height": 1000}},
    "360": {"viewport": {"width": 360, "height": 780}},
    "800": {"viewport": {"width": 800, "height": 900}},
    "1280": {"viewport": {"width": 1280, "height": 900}},
}


def overflowing(page, look: str) -> list[str]:
    page.emulate_media(media="print" if look in ("A4", "Letter") else "screen")
    return page.evaluate(OVERFLOWING)


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_leaves_its_column(show, look):
    page = show(**LOOKS[look])
    assert overflowing(page, look) == []
    assert page.evaluate("document.documentElement.scrollWidth") == page.viewport_size["width"]


@pytest.mark.parametrize("look", ["A4", "360", "1280"])
@pytest.mark.parametrize(
    "wide",
    ["$$" + "x+" * 60 + "x$$", "| `" + "name_" * 12 + "` | b |\n|---|---|\n| 1 | 2 |"],
    ids=["equation", "table"],
)
def test_what_is_too_wide_for_a_column_is_noticed(show, look, wide):
    page = show(f"# Title\n\n## Part\n\n{wide}\n\n## Other\n\nWords.\n", **LOOKS[look])
    assert overflowing(page, look) != []


@pytest.mark.parametrize(("look", "scheme"), [("360", "dark"), ("1280", "light")])
def test_no_fault_of_access(show, look, scheme):
    assert faults_of_access(show(color_scheme=scheme, **LOOKS[look])) == []


def test_it_is_dark_on_a_dark_screen_and_never_on_paper(show):
    page = show(color_scheme="dark")
    grounds = []
    for medium in ("screen", "print"):
        page.emulate_media(media=medium)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        grounds.append(max(map(int, re.findall(r"\d+", ground)[:3])))
    assert grounds[0] < 60 < 200 < grounds[1]


def test_letters_on_paper_have_eight_and_a_half_points(show):
    page = show(**LOOKS["A4"])
    page.emulate_media(media="print")
    sizes = page.locator("main :is(p, td, li, h3, code)").evaluate_all(
        "all => all.map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    assert min(sizes) >= 8.5 * 96 / 72 - 0.01


def test_names_carry_the_colours_of_the_lessons_and_their_words():
    page = cheat_sheet.page("# Title\n\n## Part\n\n`gate` `<b>`\n")
    assert '<code class="gate">gate</code> <code>&lt;b&gt;</code>' in page
    assert f".gate {{ --colour: {COLOURS['gate']}; }}" in page
    assert set(cheat_sheet.COLOURED) == set(COLOURS)
    names = set(CODE.findall(SHEET))
    assert set(cheat_sheet.COLOUR_OF) <= names


def test_an_equation_that_cannot_be_read_is_named():
    with pytest.raises(ValueError, match="left"):
        cheat_sheet.page("# Title\n\n$$\\left($$\n")


def test_one_command_makes_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["cheat_sheet", "--out", str(tmp_path / "new")])
    cheat_sheet.main()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["cheat_sheet.html"]
    assert "one page of A4 or US Letter" in capsys.readouterr().out
