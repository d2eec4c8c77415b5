"""Slides: what each tag does, on small lessons; and what every deck of the lessons has."""

import re

import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from notebooks.editions import blocks, deck, notes, slides, source
from notebooks.editions.guide import Exercise, Guide, Part, exercises_of_lessons, guide
from tests.made import held_slides, slides_folder

FEWEST, MOST = 12, 60
LESSONS = source.lessons()


def text(source, *tags):
    return new_markdown_cell(source, metadata={"tags": list(tags)})


def code(source, *tags, **data):
    data = {kind.replace("_", "/"): content for kind, content in data.items()}
    outputs = [new_output("execute_result", data)] if data else []
    return new_code_cell(source, outputs=outputs, metadata={"tags": list(tags)})


def make(*cells, parts=None):
    return deck.make_slides(new_notebook(cells=list(cells)), "00_small.ipynb", parts)


def shown(slide):
    """What stands on a slide."""
    return "\n".join(block.get_text() for block in slide.blocks)


def clicks(slide):
    """What comes on each click."""
    by_click: dict[str, str] = {}
    for block in slide.blocks:
        if "data-fragment-index" in block.attrs:
            index = block["data-fragment-index"]
            by_click[index] = by_click.get(index, "") + block.get_text().strip()
    return [by_click[index] for index in sorted(by_click, key=int)]


def said(slide):
    """What the speaker reads."""
    return "\n".join(block.get_text() for block in [*slide.told, *slide.left_out])


TITLE = text("# 00 Small\n\n*5 minutes.*\n\nWords.\n\nYou can\n\n- look", "slide")


# What the tags do


def test_a_cell_without_a_tag_is_on_no_slide():
    assert make(text("# Title"), code("1 + 1", text_plain="2")) == []


def test_slide_starts_a_slide_and_slide_part_goes_on():
    first, second = make(
        TITLE, text("- more", "slide-part"), text("untagged"), text("## Next", "slide")
    )
    assert "look" in shown(first)
    assert "more" in shown(first)
    assert shown(second) == "Next"


def test_plain_paragraphs_are_said_and_the_rest_is_shown():
    slide, picture, rest = make(
        text(
            "# Title\n\n*minutes*\n\nPlain.\n\nOne open sentence:\n\n| a |\n|---|\n| cell |\n\n"
            "First. Then:\n\n$$x = y$$\n\n1. point\n\n![A](../figures/overview.png)\n\n"
            "*caption*\n\n> box\n\n**Predict:** what?\n\n**Bold** only.\n\n"
            "In the library: [`a`](../vtff_lib/fusion.py).",
            "slide",
        )
    )
    on_it = ["Title", "minutes", "One open sentence:", "cell", "point"]
    assert [word for word in on_it if word not in shown(slide)] == []
    assert shown(picture).strip() == "caption"
    assert [word for word in ["box", "what?"] if word not in shown(rest)] == []
    assert len(BeautifulSoup("".join(map(str, picture.blocks)), "html.parser")("img")) == 1
    assert any(block.math for block in slide.blocks)
    left_out = ["Plain.", "First. Then:", "Bold only.", "In the library: a."]
    assert said(slide).split("\n") == left_out
    assert not any(sentence in shown(slide) for sentence in left_out)


def test_slide_text_keeps_plain_paragraphs():
    (slide,) = make(text("## A\n\nPlain.", "slide", "slide-text"))
    assert "Plain." in shown(slide)
    assert said(slide) == ""


def test_slide_output_shows_an_output_without_its_code():
    (slide,) = make(
        code("1 + 1", "slide", text_plain="two"),
    )
    assert "1 + 1" in shown(slide)
    assert "two" in shown(slide)
    (slide,) = make(code("1 + 1", "slide", "slide-output", text_plain="two"))
    assert shown(slide) == "two"


def test_what_follows_a_prediction_comes_click_by_click():
    (slide,) = make(
        text("## A\n\n- before\n\n**Predict:** what?\n\n- still here", "slide"),
        code("1 + 1", "slide-part", text_plain="two"),
        text("Said.", "slide-part"),
        code("draw()", "slide-part", "slide-output", text_html="<p>a</p><p>b</p>"),
        text("- after", "slide-part"),
    )
    assert clicks(slide) == ["1 + 1", "two", "ab", "after"]
    assert "Said." in said(slide)


def test_without_a_prediction_nothing_waits_for_a_click():
    (slide,) = make(text("## A", "slide"), code("1 + 1", "slide-part", text_plain="two"))
    assert clicks(slide) == []


@pytest.mark.parametrize(
    ("question", "waits"),
    [("cover the drawing. How many?", True), ("how many?", False), ("what does it cover?", False)],
)
def test_a_picture_that_is_to_be_covered_comes_after_its_question(question, waits):
    picture = "![A](../figures/overview.png)\n\n*Its caption.*"
    first, second = make(text(f"## A\n\n{picture}\n\n**Predict:** {question}", "slide"))
    assert (first.title, first.continues, second.continues) == ("A", False, True)
    assert [slide.is_picture for slide in (first, second)] == [not waits, waits]


def test_a_picture_has_a_slide_of_its_own_under_its_heading():
    picture = "![A](../figures/overview.png)\n\n*Its caption.*"
    alone, more, behind = make(
        text(f"## A\n\n{picture}\n\n- after", "slide"), text(f"- b\n\n{picture}", "slide-part")
    )
    assert (alone.title, alone.continues, alone.is_picture) == ("A", False, True)
    assert shown(more).split() == ["after", "b"]
    assert (behind.title, behind.continues, behind.is_picture) == ("A", True, True)


def test_folded_text_is_said_and_shown_only_of_tagged_hints_and_solutions():
    folded = "<details><summary>More</summary>\n\nThe *answer*.\n\n</details>"
    said_only, unfolded = make(text(folded, "slide"), text(folded, "slide", "solution"))
    assert "answer" in said(said_only)
    assert said_only.blocks == []
    assert "answer" in shown(unfolded)
    assert unfolded.blocks[0].has_attr("open")


def test_an_exercise_is_shown_without_the_verdict_on_its_stub():
    (slide,) = make(code("checks.x(answer)", "slide", "exercise", text_html="<p>Not yet.</p>"))
    assert shown(slide) == "checks.x(answer)\n"


SOLUTION = text("<details><summary>Solution</summary>\n\nThe *answer*.\n\n</details>", "solution")


def test_a_solution_follows_its_exercise_untagged():
    cells = (
        text("### Exercise 2: do x\n\nDo.", "slide"),
        code("faulty()", "slide"),
        code("checks.x(answer)", "exercise"),
        SOLUTION,
        code("1", "slide"),
    )
    _, section, exercise, faulty, solution, after = make(TITLE, text("## Part", "slide"), *cells)
    assert (exercise.title, faulty.title) == ("Exercise 2: do x", "Exercise 2: do x")
    assert solution.title == "Exercise 2: do x: a solution"
    assert shown(solution) == "The answer."
    assert [each.exercise for each in (section, faulty, solution, after)] == [0, 2, 2, 0]
    assert after.title == "Part"


def test_a_solution_whose_exercise_is_on_no_slide_is_on_none():
    assert (
        len(make(TITLE, text("### Exercise 1: x"), code("checks.x(1)", "exercise"), SOLUTION)) == 1
    )


def test_references_are_neither_shown_nor_said():
    (slide,) = make(text("## Summary\n\n- a\n\nLeft open.\n\n**References**\n\n- book", "slide"))
    assert "book" not in shown(slide) + said(slide)
    assert "Left open." in said(slide)


def test_a_slide_without_a_heading_stands_under_the_last_one():
    _, second, third = make(TITLE, text("## Part `x`\n\n- a", "slide"), text("- b", "slide"))
    assert (second.title, second.continues) == ("Part x", False)
    assert (third.title, third.continues) == ("Part x", True)


def test_a_lesson_without_tags_is_named(tmp_path, monkeypatch):
    notebook = new_notebook(cells=[text("# Title")])
    monkeypatch.setattr(slides.source, "read", lambda lesson, solutions: notebook)
    with pytest.raises(SystemExit, match=r"00_start_here.ipynb: no cell has the tag slide\."):
        slides.main(["00", "--out", str(tmp_path / "decks")])
    assert list(tmp_path.iterdir()) == []


def test_what_stands_above_a_heading_is_said_on_the_slide_before():
    first, second = make(TITLE, text("End.\n\n- and this\n\n## Next\n\nBegin.", "slide"))
    assert "End." in said(first)
    assert "and this" in said(first)
    assert said(second) == "Begin."
    assert "and this" not in shown(second)


def test_a_still_picture_of_live_controls_says_so():
    figure = '<figure data-state="{}" style="margin:0"><img alt="A" src="data:,"></figure>'
    live, still = make(
        code("Live()", "slide", "slide-output", text_html=figure.format("x=1")),
        code("draw()", "slide", "slide-output", text_html=figure.format("")),
    )
    assert blocks.LIVE in shown(live)
    assert blocks.LIVE not in shown(still)
    assert "style" not in live.blocks[0].attrs


def test_words_from_outputs_stay_words():
    evil = "<script>alert(1)</script>"
    (slide,) = make(
        code("x", "slide", text_plain=evil),
        new_code_cell(
            "y", outputs=[new_output("stream", text=evil)], metadata={"tags": ["slide-part"]}
        ),
    )
    assert not any(block.find("script") for block in slide.blocks)
    assert shown(slide).count(evil) == 2


def test_an_error_is_shown_by_its_name_and_words():
    error = new_output("error", ename="ValueError", evalue="one face", traceback=["long"])
    (slide,) = make(new_code_cell("g()", outputs=[error], metadata={"tags": ["slide"]}))
    assert "ValueError: one face" in shown(slide)
    assert "long" not in shown(slide)


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        (["slide-show"], "there is no tag slide-show; there are slide, slide-output, slide-part"),
        (["slide-part"], "a slide-part needs a cell with the tag slide before it."),
        (["slide-text"], "beside slide-text one of slide and slide-part is needed."),
        (["slide", "slide-part"], "one of slide and slide-part is needed."),
    ],
)
def test_tags_without_sense_are_named_with_lesson_and_cell(tags, sentence):
    with pytest.raises(ValueError, match=re.escape("00_small.ipynb, cell 2 (## B): ")) as raised:
        make(text("# A"), text("## B\n\nWords.", *tags))
    assert sentence in str(raised.value)


# The decks of the lessons


@pytest.fixture(scope="module")
def built():
    return slides_folder()


@pytest.fixture(scope="module")
def pages(built):
    return {
        path.stem: BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in built.glob("*.html")
    }


def problems_of_decks(pages, lesson):
    """Tell what the deck of a lesson lacks."""
    page, number = pages[lesson.stem], source.number(lesson)
    fewest = FEWEST // 2 if number[2:] == "b" else FEWEST  # half of a lesson
    if not fewest <= len(page.select(".slide")) <= MOST:
        yield f"{len(page.select('.slide'))} slides"
    said = {note.get_text() for note in page.select("aside.notes strong")}
    for heading, note in guide().notes(number).items():
        if note not in said:
            yield f"no slide has the heading {heading!r} and its note"
    told = page.get_text()
    for check, mistake, words in guide().wrong_answers(number):
        if words.replace("`", "") not in told:
            yield f"no note says that {check} says {words!r} if one {mistake}"
    for question, _ in guide().questions(number):
        if question.replace("*", "") not in told:
            yield f"no note asks {question}"
    headings = [each.get_text() for each in page.select(".slide :is(h1, h2, h3)")]
    for exercise in exercises_of_lessons()[number]:
        for title in (exercise.title, f"{exercise.title}: a solution"):
            if title not in headings:
                yield f"there is no slide {title!r}"
    parts = ["; ".join(part.names) for part in guide().parts(number)]
    stacks = [plan.get_text() for plan in page.select(".plan")][1:]
    if [part for part in parts if part in stacks] != list(dict.fromkeys(stacks)):
        yield f"its stacks are {stacks}"
    seconds = sum(int(slide["data-timing"]) for slide in page.select(".slide"))
    if seconds != sum(part.minutes for part in guide().parts(number)) * notes.MINUTE:
        yield f"its slides take {seconds} seconds"


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.stem)
def test_every_deck_has_a_fair_length_and_all_that_the_guide_says_of_its_lesson(pages, lesson):
    assert list(problems_of_decks(pages, lesson)) == []


def test_a_deck_without_tags_would_be_noticed(pages):
    bare = BeautifulSoup("<section></section>", "html.parser")
    found = list(problems_of_decks({LESSONS[1].stem: bare}, LESSONS[1]))
    told = (
        len(guide().notes("01")) + len(guide().wrong_answers("01")) + len(guide().questions("01"))
    )
    assert len(found) == 1 + told + 2 * 5 + 1


def test_no_solution_is_in_the_decks_that_hold_them_back(pages):
    """Line by line: what a solution shows, the decks with solutions show, and the others do not."""
    held = {path.stem: path.read_text("utf-8") for path in held_slides().glob("*.html")}
    for name, page in pages.items():
        open_slides = [each for each in page.select(".slide") if each.select_one(".again")]
        solved = [each for each in open_slides if each.h2.get_text().endswith(": a solution")]
        assert ": a solution" not in held[name]
        if name in [lesson.stem for lesson in LESSONS]:
            assert bool(solved) == bool(exercises_of_lessons()[name.split("_")[0]])
        bare = BeautifulSoup(held[name], "html.parser").get_text()
        for slide in solved:
            code = "".join(block.get_text() for block in slide.select("pre"))
            assert not code or code not in bare


# The guide, taken to the slides


SMALL = """## 00 Small

| part | minutes |
|---|---|
| Part; Exercise 1 | 9 |
| More | 4 |

| wrong answer | the check's message |
|---|---|
| `x`: forgets it | "You forgot" |

**Discuss.**

1. *Why?* A good answer: so.

**On the projector.** A drawing.

**If time is short.** Leave out *More*. Give Exercise 1 as homework.

**Speaker notes**

```yaml
"00":
  "Part": "Ask."
```
"""


@pytest.fixture(scope="module")
def small():
    """The slides of a small lesson with a small guide."""
    made = make(
        TITLE,
        text("## Part\n\nPlain.", "slide"),
        text("### Exercise 1: do x", "slide"),
        code("checks.x(answer)", "exercise"),
        SOLUTION,
        text("## More\n\n- a", "slide"),
        text("- b", "slide"),
        parts=Guide(SMALL).parts("00"),
    )
    notes.tell(made, Guide(SMALL), "00", [Exercise("Exercise 1: do x", 1, "x", 6)])
    return made


def test_notes_carry_minutes_notes_wrong_answers_questions_and_what_to_leave_out(small):
    title, part, exercise, solution, more, last = map(said, small)
    assert "Part; Exercise 1: 9 minutes, 12 in a class." in title  # the first slide of the part
    assert "On the projector. A drawing." in title
    assert "Leave out More. Give" in title
    assert part == "Ask.\nPlain."
    assert "6 minutes, 8 in a class" in exercise
    assert "forgets it: “You forgot”" in exercise
    assert "If time is short: Give Exercise 1 as homework." in exercise
    assert solution == ""
    assert "More: 4 minutes, 5 in a class." in more
    assert "If time is short: Leave out More." in more
    assert "Why? A good answer: so." in last


def test_the_time_of_a_part_is_shared_out_and_an_exercise_has_its_own(small):
    assert [slide.seconds for slide in small] == [112, 113, 6 * 75, 0, 150, 150]


def test_a_part_that_is_on_no_slide_leaves_its_time_to_the_slide_before():
    made = make(TITLE, text("## Part", "slide"), parts=[Part(("Part",), 4), Part(("More",), 2)])
    notes.pace(made, dict(enumerate([Part(("Part",), 4), Part(("More",), 2)])), [], [])
    assert [slide.seconds for slide in made] == [150, 300]


def test_the_day_has_the_parts_and_exercises_that_the_guide_names(pages):
    page = pages["one_day"]
    titles = [each.get_text() for each in page.select(".slide > :is(h1, h2, h3):first-child")]
    found = [title for title in titles if re.fullmatch(r"Exercise \d+:.*(?<!: a solution)", title)]
    items = [item for row in guide().plan(slides.DAY) for item in row.items]
    done = [exercise.title for item in items for exercise in item.done]
    assert sorted(set(found)) == sorted(set(done))
    seconds = sum(int(slide["data-timing"]) for slide in page.select(".slide"))
    needed = sum(75 * item.minutes for row in guide().plan(slides.DAY) for item in row.items)
    pauses = sum(60 * row.minutes[0] for row in guide().plan(slides.DAY) if not row.items)
    assert seconds == needed + pauses


def test_decks_name_no_address_outside_and_all_they_need_is_there(built, pages):
    for name, page in pages.items():
        for element in page.select("[src], [href]"):
            address = element.get("src") or element["href"]
            if not address.startswith("data:"):
                assert (built / address).is_file(), f"{name}: {address}"
        assert not page.select("main script")
    assert "url(" not in (built / "theme.css").read_text("utf-8")
    assert (built / "reveal" / "LICENSE").is_file()


def test_the_list_leads_to_every_deck(pages):
    links = [link["href"] for link in pages["index"]("a")]
    assert links == [*(f"{lesson.stem}.html" for lesson in LESSONS), "one_day.html"]


def test_solutions_are_held_back_when_asked(tmp_path, monkeypatch):
    lesson = tmp_path / "00_small.ipynb"
    solution = "<details><summary>Solution</summary>\n\nsecret\n\n</details>"
    slides.source.nbformat.write(
        new_notebook(cells=[TITLE, text(solution, "slide-part", "solution")]), lesson
    )
    monkeypatch.setattr(slides.source, "NOTEBOOKS", tmp_path)
    for choice, there in {"shown": True, "held": False}.items():
        slides.main(["--out", str(tmp_path / choice), "--solutions", choice])
        page = (tmp_path / choice / "00_small.html").read_text("utf-8")
        assert ("secret" in page) == there


def test_a_faulty_lesson_leaves_the_decks_as_they_were(tmp_path, monkeypatch):
    lesson, folder = tmp_path / "00_small.ipynb", tmp_path / "slides"
    monkeypatch.setattr(slides.source, "NOTEBOOKS", tmp_path)
    slides.source.nbformat.write(new_notebook(cells=[TITLE]), lesson)
    slides.main(["--out", str(folder)])
    before = (folder / "00_small.html").read_bytes()
    slides.source.nbformat.write(new_notebook(cells=[text("# A", "slide-part")]), lesson)
    with pytest.raises(SystemExit, match=r"00_small.ipynb, cell 1 \(# A\): a slide-part needs"):
        slides.main(["--out", str(folder)])
    assert (folder / "00_small.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00_small.ipynb", "slides"]
