"""The site as files: its links, its lines of code, what it leaves out, and how it is made."""

import base64
import functools
import html
import io
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from notebooks.editions import sheets, site, source
from notebooks.editions.source import NOTEBOOKS, ROOT
from tests.made import held_site, whole_site

MEGABYTES = 2.5  # of a lesson with all its pictures
LESSON = NOTEBOOKS / "03_local_vs_global_attention.ipynb"
FUSION = ROOT / "vtff_lib" / "fusion.py"
HOME = site.FILES / "pages" / "index.md"


# Every page: properties that hold for each, and wrong pages that they catch.


@dataclass
class Page(HTMLParser):
    """A page: what can be led to in it, what it leads to, and what it loads."""

    path: Path
    ids: set[str] = field(default_factory=set)
    links: list[tuple[str, str]] = field(default_factory=list)  # address, title
    loads: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self.text = self.path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.tags.append(tag)
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append((given["href"], given.get("title", "")))
        elif tag in ("img", "script", "iframe", "link") and given.get("rel") != "next":
            self.loads += [given[name] for name in ("src", "href") if name in given]


@functools.cache
def pages(folder: Path) -> dict[Path, Page]:
    """Return the pages of a site."""
    paths = sorted(folder.rglob("*.html"))
    return {path: Page(path) for path in paths if "slides" not in path.relative_to(folder).parts}


def leads_nowhere(folder: Path) -> Iterator[str]:
    for page in pages(folder).values():
        for address in {address for address, _ in page.links} | set(page.loads):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path
            if not target.is_file():
                yield f"{page.path.name} leads to {address}, which is not there"
            elif parts.fragment and target.suffix == ".html" and page.path.name != "search.html":
                ids = pages(folder)[target].ids
                if unquote(parts.fragment) not in ids and "explorer" not in target.name:
                    yield f"{page.path.name} leads to {address}, a place that is not there"


def needs_the_network(folder: Path) -> Iterator[str]:
    for page in pages(folder).values():
        for address in page.loads:
            if urlsplit(address).scheme not in ("", "data") or address.startswith("//"):
                yield f"{page.path.name} loads {address}"
    for style in folder.rglob("*.css"):
        for address in re.findall(
            r"url\(['\"]?((?:https?:)?//[^)]*)|@import[^;]*//", style.read_text()
        ):
            yield f"{style.name} loads {address}"


def leads_to_another_line(folder: Path) -> Iterator[str]:
    for page in pages(folder).values():
        for address, title in page.links:
            path, _, line = address.partition(".html#L")
            if title and line.isdigit():
                target = pages(folder)[(page.path.parent / f"{path}.html").resolve()]
                code = re.search(rf'<span id="L{line}">.*', target.text)
                if code is None or title not in words_of(code[0]):
                    yield f"{page.path.name}: line {line} of {path} is not {title}"


def is_too_heavy(folder: Path) -> Iterator[str]:
    for page in pages(folder).values():
        pictures = {(page.path.parent / each).resolve() for each in page.loads if "pic" in each}
        size = len(page.text) + sum(path.stat().st_size for path in pictures)
        if size > MEGABYTES * 1e6:
            yield f"{page.path.name} and its pictures have {size / 1e6:.1f} MB"
        alone = page.path.name == "explorer_tiny.html"  # one file, to be passed on
        if not alone and any(";base64," in address for address in page.loads):
            yield f"{page.path.name} has a picture inside"


def unfolds(folder: Path) -> Iterator[str]:
    for page in pages(folder).values():
        if re.search(r"<details[^>]* open", page.text):
            yield f"{page.path.name} shows what should be folded"
        if re.search(r"<details>(?:(?!</details>).)*?(```|(?<!\w)\*\*\w)", page.text, re.DOTALL):
            yield f"{page.path.name} has Markdown that was not read in a fold"


PROPERTIES = [leads_nowhere, needs_the_network, leads_to_another_line, is_too_heavy, unfolds]
CODE = '<p id="a"><span id="L2"><a href="#L2">2</a>x <span>=</span> 1 &lt; 2</span></p>'
RIGHT = {
    "index.html": '<a href="m.py.html#L2" title="x = 1 &lt; 2">line</a><a href="b.html#a">b</a>'
    '<a href="https://example.org">out</a><img src="pic.svg"><a href="#">up</a>',
    "b.html": CODE + "<details><summary>Hint</summary><p><b>two</b></p></details>",
    "m.py.html": CODE,
    "pic.svg": "<svg></svg>",
}
WRONG = [
    (leads_nowhere, {"b.html": '<a href="gone.html">a</a>'}),
    (leads_nowhere, {"m.py.html": ""}),
    (leads_nowhere, {"b.html": '<p id="A"></p>'}),
    (leads_nowhere, {"b.html": CODE + '<img src="gone.svg">'}),
    (leads_nowhere, {"b.html": CODE + '<iframe src="gone.html"></iframe>'}),
    (needs_the_network, {"b.html": CODE + '<script src="https://example.org/a.js"></script>'}),
    (needs_the_network, {"b.html": CODE + '<img src="//example.org/a.png">'}),
    (needs_the_network, {"a.css": '@import "https://example.org/a.css";'}),
    (needs_the_network, {"a.css": "a { background: url(https://example.org/a.png) }"}),
    (leads_to_another_line, {"m.py.html": CODE.replace("1 &lt;", "3 &lt;")}),
    (leads_to_another_line, {"m.py.html": CODE.replace("L2", "L3")}),
    (is_too_heavy, {"pic.svg": "x" * 2_600_000}),
    (is_too_heavy, {"b.html": CODE + '<img src="data:image/png;base64,AA">'}),
    (unfolds, {"b.html": CODE + "<details open><summary>Hint</summary></details>"}),
    (unfolds, {"b.html": CODE + "<details><summary>Hint</summary>\n**two**</details>"}),
    (unfolds, {"b.html": CODE + "<details><summary>Hint</summary>\n```python</details>"}),
]


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def words_of(markup: str) -> str:
    """Return the text of some HTML."""
    return html.unescape(re.sub("<[^>]*>", "", markup))


@pytest.mark.parametrize("fault", PROPERTIES)
def test_a_right_site_has_no_fault(fault, tmp_path):
    assert list(fault(written(tmp_path, RIGHT))) == []


@pytest.mark.parametrize(("fault", "change"), WRONG)
def test_a_wrong_site_is_caught(fault: Callable, change: dict[str, str], tmp_path):
    assert list(fault(written(tmp_path, RIGHT | change))) != []


def test_every_property_is_shown_to_fail():
    assert {fault for fault, _ in WRONG} == set(PROPERTIES)


@pytest.mark.parametrize("folder", [whole_site, pytest.param(held_site, marks=pytest.mark.slow)])
@pytest.mark.parametrize("fault", PROPERTIES)
def test_the_site(fault, folder):
    assert list(fault(folder())) == []


# What is on the site


def test_every_lesson_has_a_page_and_leads_to_the_next():
    lessons = source.lessons()
    for lesson, following in pairwise(lessons):
        page = pages(whole_site())[whole_site() / "notebooks" / f"{lesson.stem}.html"]
        assert f'class="next-page" href="{following.stem}.html"' in page.text
        assert (f"{lesson.name}", "") in page.links  # the download


def test_every_line_of_the_library_has_its_anchor():
    files = sorted(site.LIBRARY.rglob("*.py"))
    assert len(files) > 60
    for path in files:
        page = pages(whole_site())[whole_site() / f"{path.relative_to(ROOT)}.html"]
        found = re.findall(r'<span id="L(\d+)"><a [^>]*>\d+</a>(.*)', page.text)
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [int(number) for number, _ in found] == list(range(1, len(lines) + 1))
        assert [words_of(line) for _, line in found] == lines


def test_every_reference_can_be_led_to():
    keys = re.findall(r"^@\w+\{([^,]+),", (NOTEBOOKS / "references.bib").read_text("utf-8"), re.M)
    assert set(keys) <= pages(whole_site())[whole_site() / "notebooks" / "references.html"].ids
    assert (whole_site() / "notebooks" / "references.bib").is_file()


def test_equations_are_mathml_and_no_script_draws_them():
    text = (whole_site() / "notebooks" / "05_transformer_encoder.html").read_text("utf-8")
    assert '<math display="block">' in text
    scripts = {address for page in pages(whole_site()).values() for address in page.loads}
    assert not any("mathjax" in address.lower() for address in scripts)


def test_every_fold_of_a_lesson_is_there():
    for lesson in source.lessons():
        tags = pages(whole_site())[whole_site() / "notebooks" / f"{lesson.stem}.html"].tags
        notebook = source.read(lesson)
        site.fold(notebook.cells)
        written = nbformat.writes(notebook).count("<details")
        folds = [tag for cell in notebook.cells for tag in source.tags(cell) if "hide-" in tag]
        assert tags.count("details") == written + len(folds) > 0


def test_what_draws_and_what_answers_a_prediction_is_folded():
    question = new_markdown_cell(
        f"**Predict:** why?\n\n{site.GUESS}", metadata={"tags": ["predict"]}
    )
    printed = [new_output("stream")]
    answer, drawing = (
        new_code_cell("1", outputs=printed),
        new_code_cell("2", outputs=printed, metadata={"tags": ["draws"]}),
    )
    words, later = new_markdown_cell("So it is.\n\n## Next"), new_code_cell("3", outputs=printed)
    site.fold([question, answer, drawing, words, later])
    assert site.GUESS not in question.source
    assert [each.metadata.get("tags") for each in (answer, drawing, later)] == [
        ["hide-output"],
        ["draws", "hide-input", "hide-output"],
        None,
    ]
    assert answer.metadata["mystnb"]["code_prompt_show"] == "See"
    assert words.source.startswith('<details class="told"><summary>')
    assert words.source.endswith("So it is.\n\n</details>\n\n## Next")


@pytest.mark.parametrize("text", ["## Next\n\nWords.", "<details><summary>Side trip</summary>"])
def test_words_of_another_part_are_not_folded(text):
    assert site.folded(text) == text


def test_the_explorer_is_on_home_and_its_page_and_held_in_lesson_04():
    for place, state in (
        ("index.html", "figures/explorer_tiny.html"),
        ("explorer.html", "figures/explorer_tiny.html"),
        ("notebooks/04_broadcasting_fusion.html", "../figures/explorer_tiny.html#step=mix&face=4"),
    ):
        assert state in pages(whole_site())[whole_site() / place].loads


def test_a_link_alone_on_its_line_becomes_a_frame_and_stays_a_link():
    shown = site.HELD.sub(site.frame, "[The gate](../figures/explorer_tiny.html#view=gate)")
    assert '<iframe class="explorer" src="../figures/explorer_tiny.html#view=gate"' in shown
    assert shown.endswith("\n\n[The gate](../figures/explorer_tiny.html#view=gate)")
    assert "data-keeps" not in shown  # it has a state of its own


@pytest.mark.parametrize(
    "text",
    ["See [it](explorer_tiny.html#a=b).", "[it](explorer_tiny.html)", "[it](03_x.html#a)"],
)
def test_other_links_are_no_frames(text):
    assert site.HELD.sub(site.frame, text) == text


def test_home_and_lesson_00_ask_for_the_same():
    (told,) = re.findall(r"Start here\]\([^)]*\): (\d+ minutes)", home := HOME.read_text("utf-8"))
    opening = source.read(NOTEBOOKS / "00_start_here.ipynb").cells[0].source
    assert told in opening
    assert "a little Python" in opening
    assert "a little Python" in home


def test_a_bar_leads_to_the_first_word_of_each_letter():
    words = [new_markdown_cell(f"## {name}\n\nIt is.") for name in ("attention", "AU", "gate")]
    assert site.letters(words) == (":::{container} letters\n[A](#attention)\n[G](#gate)\n:::")


def test_pictures_are_those_of_the_notebook():
    stored = re.findall(
        r"base64,([^\"'\\]{200})", LESSON.read_text(encoding="utf-8").replace("\\n", "")
    )
    assert stored
    kept = {path.read_bytes()[:90] for path in (whole_site() / "notebooks" / "pictures").iterdir()}
    assert {base64.b64decode(each)[:90] for each in stored} <= kept


# The switch: a second site, which takes as long to make as the first


def solutions_of(lesson: Path) -> list[str]:
    """Return the code of each solution."""
    cells = [cell for cell in source.read(lesson).cells if "solution" in source.tags(cell)]
    return [re.search(r"```python\n(.*?)```", cell.source, re.DOTALL)[1] for cell in cells]


@pytest.mark.slow
@pytest.mark.parametrize("lesson", source.lessons()[1:4], ids=lambda path: path.stem)
def test_held_solutions_are_neither_on_a_page_nor_in_a_download(lesson):
    answers = solutions_of(lesson)
    assert len(answers) >= 4
    for solutions, folder in (
        (True, whole_site() / "notebooks"),
        (False, held_site() / "notebooks"),
    ):
        page = words_of((folder / f"{lesson.stem}.html").read_text(encoding="utf-8"))
        notebook = nbformat.read(folder / lesson.name, as_version=4)
        download = "\n".join(cell.source for cell in notebook.cells)
        for answer in answers:
            assert (answer.strip() in download) == solutions
            assert (answer.strip() in page) == solutions


def test_the_page_for_teachers_leads_to_slides_plans_and_assignments():
    page = pages(whole_site())[whole_site() / "for_teachers.html"]
    linked = {address for address, _ in page.links}
    guide = "notebooks/instructors_guide.html"
    sections = (whole_site() / guide).read_text(encoding="utf-8")
    for lesson in source.lessons():
        assert {f"notebooks/{lesson.stem}.html", f"slides/{lesson.stem}.html"} <= linked
        words = rf'href="{guide}#([\w-]+)"[^>]*>(?:<[^>]*>)*guide {source.number(lesson)}<'
        anchor = re.search(words, page.text)[1]
        heading = re.search(rf'id="{anchor}">\s*(?:<span[^>]*></span>)*\s*<h2>(.*?)<a', sections)[1]
        title = source.read(lesson).cells[0].source.partition("\n")[0].removeprefix("# ")
        assert html.unescape(heading).replace("’", "'") == title.replace("’", "'")
    wanted = ("one-day", "three-weeks", "only-the-fusion", "what-to-hand-out", "grading")
    assert {f"{guide}#{each}" for each in wanted} <= linked
    assert {f"sheets/{plan}.html" for plan in sheets.PLANS} | {"slides/one_day.html"} <= linked
    assert {
        f"notebooks/teaching/{path.stem}.html" for path in (NOTEBOOKS / "teaching").glob("*.md")
    } <= linked
    assert "for_teachers.html" in {
        address for address, _ in pages(whole_site())[whole_site() / "index.html"].links
    }


@pytest.mark.slow
def test_nothing_for_teachers_is_on_a_site_that_holds_solutions():
    assert not (held_site() / "slides").exists()
    for path in held_site().rglob("*"):
        assert "for_teachers" not in path.name
        if path.suffix in (".html", ".js", ".txt"):
            assert "for_teachers" not in path.read_text(encoding="utf-8")


@pytest.mark.slow
def test_held_solutions_take_the_guide_along():
    assert (whole_site() / "notebooks" / "instructors_guide.html").is_file()
    assert not [path for path in held_site().rglob("*") if "guide" in path.name]
    assert not any("instructors_guide" in page.text for page in pages(held_site()).values())
    assert "instructors_guide" not in (held_site() / "searchindex.js").read_text(encoding="utf-8")


def test_no_link_brings_a_guide_that_is_held_back(tmp_path):
    with pytest.raises(ValueError, match="links to the guide"):
        site.Site(tmp_path, solutions=False).relink("[x](README.md)", ROOT / "x.md")


# How links are led


@pytest.fixture
def empty(tmp_path):
    return site.Site(tmp_path)


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("[a](02_resnet_features.ipynb)", "[a](02_resnet_features.ipynb)"),
        ("[a](glossary.ipynb#Batch-norm?)", "[a](glossary.ipynb#batch-norm)"),
        ("[a](00_start_here.ipynb#Two-(or-three)%3F)", "[a](00_start_here.ipynb#two-or-three)"),
        ("[a](#U:-one-map)", "[a](#u-one-map)"),
        ("[ma2023vtff](references.bib)", "[ma2023vtff](at:references.html#ma2023vtff)"),
        ("[references.bib](references.bib)", "[references.bib](to:references.bib)"),
        ("[a](../figures/ablation.json)", "[a](to:../figures/ablation.json)"),
        ("[a](../vtff_lib/lbp.py#L7)", "[a](at:../vtff_lib/lbp.py.html#L7)"),
        ("[a](../vtff_lib/lbp.py)", "[a](to:../vtff_lib/lbp.py.html)"),
        ("[a](../vtff_lib/checks)", "[a](to:../vtff_lib/checks/__init__.py.html)"),
        ("[a](https://example.org/a.py)", "[a](https://example.org/a.py)"),
        ("`blocks[0](x)` and `f[1](x.y)`", "`blocks[0](x)` and `f[1](x.y)`"),
        ("[a](gone.ipynb)", "[a](gone.ipynb)"),
        ("![a](../figures/overview.png)", "![a](../figures/overview.png)"),
    ],
)
def test_a_link_leads_to_where_its_file_is_on_the_site(empty, link, wanted):
    assert empty.relink(link, LESSON) == wanted


def test_what_is_linked_comes_along(empty):
    for target in ("figures/ablation.json", "figures/RUNS.md", "figures/overview.png"):
        empty.relink(f"[a](../{target})", LESSON)
    assert (empty.copies / "figures/ablation.json").is_file()
    assert (empty.pages / "figures/RUNS.md").read_text(encoding="utf-8").startswith("---\norphan")
    assert (empty.pages / "figures/overview.png").is_file()


def test_a_title_leads_to_its_line(empty):
    lines = FUSION.read_text(encoding="utf-8").splitlines()
    code = next(line for line in lines if line.startswith("class AttentionalSelectiveFusion"))
    linked = empty.relink(f'[a](../vtff_lib/fusion.py "{code}")', LESSON)
    assert linked == f'[a](at:../vtff_lib/fusion.py.html#L{lines.index(code) + 1} "{code}")'


def test_a_title_may_have_quotes(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "ROOT", tmp_path)
    (tmp_path / "a.py").write_text('x = f("a")\ny = f("b")\n')
    assert site.line_of('f("b")', tmp_path / "a.py") == 2
    link = site.LINK.search(r'[a](a.py "y = f(\"b\")")')
    assert link[3] == r"y = f(\"b\")"


@pytest.mark.parametrize("code", ["no such line", "return "])
def test_a_title_that_is_not_on_one_line_is_refused(empty, code):
    lines = FUSION.read_text(encoding="utf-8").splitlines()
    count = sum(code in line for line in lines)
    assert count != 1
    said = rf"vtff_lib/fusion\.py names the code .*, which is on {count} lines there; it must be"
    with pytest.raises(ValueError, match=said):
        empty.relink(f'[a](../vtff_lib/fusion.py "{code}")', LESSON)


def small_site(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Let the next site be a home page with `text`."""
    monkeypatch.setattr(site.Site, "fill", lambda self: self.write(Path("index.md"), text))


def test_a_broken_link_stops_the_site_and_names_the_page(monkeypatch, tmp_path):
    small_site(monkeypatch, "# Home\n\n[a](gone.ipynb)\n")
    with pytest.raises(ValueError, match=r"^index\.md:3: .*gone\.ipynb"):
        site.make(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_faults_end_in_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "mine.txt").touch()
    monkeypatch.setattr("sys.argv", ["site", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="holds files of yours"):
        site.main()


def test_a_site_says_what_it_is(monkeypatch, tmp_path, capsys):
    small_site(monkeypatch, "# Home\n")
    monkeypatch.setattr("sys.argv", ["site", "--out", str(tmp_path / "site")])
    site.main()
    said = capsys.readouterr().out
    assert re.fullmatch(r"\d+ pages, \d+\.\d MB, \d+ s: open .*index\.html\n", said)


def test_stored_pictures_become_files(empty, monkeypatch):
    buffer = io.BytesIO()
    Image.new("L", (2, 3)).save(buffer, "PNG")
    dot = base64.b64encode(buffer.getvalue()).decode()
    shown = f'<figure><img alt="A dot" src="data:image/png;base64,{dot}" style="x"></figure>'
    output = new_output("display_data", {"text/html": shown})
    notebook = new_notebook(cells=[new_markdown_cell("# A"), new_code_cell("1", outputs=[output])])
    monkeypatch.setattr(source, "read", lambda *_: notebook)
    page = json.loads(empty.notebook(LESSON))["cells"][-1]["outputs"][0]["data"]["text/html"]
    found = re.fullmatch(
        r'<figure><img alt="A dot" src="(pictures/\w+\.png)" style="x"></figure>',
        "".join(page),
    )
    assert (empty.copies / "notebooks" / found[1]).read_bytes() == buffer.getvalue()


def test_notes_for_speakers_become_lists():
    guide = '## A\n\n```yaml\n"03":\n  "U: one map": "Say *it*."\n```\n\n## B\n'
    assert site.notes_as_list(guide) == (
        "## A\n\n**To say, part by part.**\n\n- *U: one map*: Say *it*.\n\n## B\n"
    )


@pytest.mark.parametrize(
    ("docstring", "wanted"),
    [
        ('"""One. Two."""', "One."),
        ('"""One | two\nthree.\n\nFour."""', r"One \| two three."),
        ("", ""),
    ],
)
def test_a_module_is_summed_up_by_its_first_sentence(tmp_path, docstring, wanted):
    (tmp_path / "a.py").write_text(docstring)
    assert site.summary(tmp_path / "a.py") == wanted


# The workflow that publishes it


def test_the_workflow_publishes_what_make_site_makes():
    text = (ROOT / ".github" / "workflows" / "site.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    steps = workflow["jobs"]["make"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["make site"]
    (uploaded,) = [
        step["with"]["path"] for step in steps if "upload-pages-artifact" in step.get("uses", "")
    ]
    assert ROOT / uploaded == source.arguments("", "site").get_default("out")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^site:.*\n\t.* -m notebooks\.editions\.site\b", makefile, re.M)
    assert workflow[True]["push"] == {"branches": ["main"]}  # YAML reads `on` as true


@pytest.mark.parametrize(
    ("variable", "published"), [(None, "held"), ("", "held"), ("held", "held"), ("shown", "shown")]
)
def test_the_workflow_holds_solutions_back_unless_told_otherwise(variable, published):
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "site.yml").read_text("utf-8"))
    (step,) = [step for step in workflow["jobs"]["make"]["steps"] if "run" in step]
    name, otherwise = re.fullmatch(
        r"\$\{\{ vars\.(\w+) \|\| '(\w+)' \}\}", step["env"]["SOLUTIONS"]
    ).groups()
    given = {name: variable}.get("SOLUTIONS") or otherwise  # as GitHub reads it
    command = ["make", "--dry-run", "site"]
    environment = {**os.environ, "SOLUTIONS": given}
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert re.search(r"-m notebooks\.editions\.site (.*)", said.stdout)[1] == (
        f"--solutions {published}"
    )


def test_the_workflow_may_do_no_more_than_it_must():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "site.yml").read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in workflow["jobs"]["make"]
    assert workflow["jobs"]["publish"]["permissions"] == {"pages": "write", "id-token": "write"}
    used = [
        step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step
    ]
    assert all(each.startswith("actions/") for each in used)
