"""Equations: from TeX to MathML that browsers of today draw as TeX would."""

import re

import pytest
from fontTools.ttLib import TTFont
from playwright.sync_api import Page

from notebooks.editions import source
from notebooks.editions.equations import FONT, STYLE, mathml, save_font
from tests.browser import open_browser

EQUATION = re.compile(r"\$\$(.+?)\$\$|(?<![\w$\\])\$([^\s$](?:[^$\n]*[^\s$])?)\$(?!\w)", re.DOTALL)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def written() -> dict[str, bool]:
    """Return every equation of the lessons and pages, and whether it stands alone."""
    notebooks = [*source.lessons(), source.NOTEBOOKS / "glossary.ipynb"]
    texts = [source.NOTEBOOKS.joinpath("cheat_sheet.md").read_text(encoding="utf-8")]
    for path in notebooks:
        texts += [cell.source for cell in source.read(path).cells if cell.cell_type == "markdown"]
    found = (each for text in texts for each in EQUATION.findall(CODE.sub("", text)))
    return {(block or inline).strip(): bool(block) for block, inline in found}


def inside(tex: str) -> str:
    """Return the MathML of an equation without the elements around all of it."""
    return re.sub(r'^<math display="inline"><mrow>|</mrow></math>$', "", mathml(tex))


@pytest.fixture(scope="module")
def page(chromium, tmp_path_factory):
    folder = tmp_path_factory.mktemp("equations")
    save_font(folder)
    path = folder / "page.html"
    path.write_text(f"<!doctype html><style>{STYLE}</style><body>", encoding="utf-8")
    with open_browser(chromium) as browser:
        page = browser.new_context(offline=True).new_page()
        page.goto(path.as_uri())
        yield page


def widths(page: Page, *tex: str) -> list[float]:
    """Return how wide a browser draws equations."""
    page.evaluate(
        "async text => { document.body.innerHTML = text; await document.fonts.ready; }",
        "".join(f"<p>{mathml(each)}</p>" for each in tex),
    )
    return page.locator("math").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().width)"
    )


def test_every_equation_of_the_lessons_can_be_read():
    equations_found = written()
    assert len(equations_found) > 50
    for tex, block in equations_found.items():
        assert mathml(tex, block).startswith("<math "), tex


def test_every_letter_of_the_lessons_is_in_the_font(tmp_path):
    save_font(tmp_path)
    letters = set(TTFont(tmp_path / FONT).getBestCmap())
    used = {ord(letter) for tex in written() for letter in re.sub("<[^>]*>", "", mathml(tex))}
    assert used <= letters
    assert (tmp_path / FONT).stat().st_size < 100_000
    assert FONT in (tmp_path / "equations.css").read_text(encoding="utf-8")


def test_an_equation_that_cannot_be_read_is_named():
    with pytest.raises(ValueError, match=r"The equation 'x_' cannot be read"):
        mathml("x_")
    with pytest.raises(ValueError, match=r"has \\softmax, which is not known here"):
        mathml(r"\softmax(x)")


def test_a_name_of_several_letters_is_one_upright_word():
    assert inside(r"\mathrm{softmax}(x)").startswith("<mi>softmax</mi>")


def test_bold_needs_no_attribute_that_browsers_do_not_read():
    assert inside(r"\mathbf 1") == "<mn>\N{MATHEMATICAL BOLD DIGIT ONE}</mn>"
    assert "\N{MATHEMATICAL BOLD CAPITAL A}" in inside(r"\mathbf{A}")
    assert not any('mathvariant="bold"' in mathml(tex) for tex in written())


SPACE = '<mspace width="0.167em" />'


@pytest.mark.parametrize(
    ("tex", "wanted"),
    [
        (r"\ln p", f"<mi>ln</mi>{SPACE}<mi>p</mi>"),
        (r"a\ln p", f"<mi>a</mi>{SPACE}<mi>ln</mi>{SPACE}<mi>p</mi>"),
        (r"\max_i x", f"<msub><mi>max</mi><mi>i</mi></msub>{SPACE}<mi>x</mi>"),
        (r"=\ln p", f"<mo>=</mo><mi>ln</mi>{SPACE}<mi>p</mi>"),
    ],
)
def test_a_function_stands_clear_of_what_is_beside_it(tex, wanted):
    assert inside(tex) == wanted


@pytest.mark.parametrize("tex", [r"\min(a)", r"\ln(1/K)", r"\cos\!\big(x\big)"])
def test_a_function_stands_close_to_its_bracket(tex):
    assert SPACE not in inside(tex)
    assert "<mo>min" not in inside(tex)


@pytest.mark.parametrize(
    ("tex", "number"),
    [(r"\sigma(-x)", 1), (r"a=-x", 1), (r"f(x)-1", 0), (r"f(x)^2-1", 0), (r"a\pm t", 0)],
)
def test_a_sign_of_one_number_is_told_from_a_sum(tex, number):
    assert inside(tex).count('form="prefix"') == number


def test_a_prime_is_not_made_small_twice():
    assert inside("f'") == "<mrow><mi>f</mi><mi>\N{PRIME}</mi></mrow>"


def test_columns_keep_their_side():
    assert "text-align: left" in inside(r"\begin{cases}1 & s\end{cases}")


def test_double_bars_are_alike(page):
    bars = re.findall("<mo[^>]*>‖", inside(r"\frac{\lVert Y^\top X \rVert^2}{2}"))
    assert len(bars) == 2
    assert len(set(bars)) == 1
    page.evaluate("text => { document.body.innerHTML = text }", mathml(r"\lVert Y^2 X_3\rVert^2"))
    heights = page.locator("mo").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect().height)"
    )
    assert heights[0] == heights[1]


def test_a_browser_draws_spaces_as_tex_does(page):
    x, ln, low, signed = widths(page, "x", r"\ln", r"\min", "-x")
    bare, close, negative, less = widths(page, r"\ln x", r"\min(x)", "(-x)", "(x-x)")
    brackets = widths(page, "(x)")[0] - x
    assert bare > ln + x + 1
    assert close == pytest.approx(low + brackets + x, abs=0.1)
    assert negative == pytest.approx(brackets + signed, abs=0.1)
    assert less > brackets + signed + x + 2


def test_the_letters_come_from_the_font_beside_the_page(page):
    widths(page, "x")
    assert page.evaluate("[...document.fonts].map(each => each.status)") == ["loaded"]
