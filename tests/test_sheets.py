"""Sheets for the room: what the guide says of a meeting, at its minutes."""

import pytest
from bs4 import BeautifulSoup

from notebooks.editions import sheets
from notebooks.editions.guide import Guide, guide
from vtff_lib import checks


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "sheets"
    sheets.main(["--out", str(folder)])
    return {
        path.stem: BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in folder.glob("*.html")
    }


@pytest.mark.parametrize(("name", "plan"), sheets.PLANS.items())
def test_each_meeting_has_a_sheet_with_its_exercises_homework_and_questions(pages, name, plan):
    meetings = [meeting for meeting in guide().plan(plan) if meeting.items]
    articles = pages[name]("article")
    assert len(articles) == len(meetings)
    for article, meeting in zip(articles, meetings, strict=True):
        told = article.get_text()
        assert [title.get_text() for title in article("h2")] == [meeting.when]
        for item in meeting.items:
            assert all(each.title in told for each in (*item.done, *item.at_home))
            for check, _, words in guide().wrong_answers(item.number):
                done = check in [each.check for each in item.done]
                assert (words.replace("`", "") in told) or not done
            for question, _ in guide().questions(item.number):
                assert question.replace("*", "") in told


@pytest.mark.parametrize("plan", sheets.PLANS.values())
def test_the_steps_of_a_meeting_take_its_minutes_and_follow_each_other(plan):
    for meeting in guide().plan(plan):
        told = sheets.sheet(guide(), meeting)
        steps = [step for lesson in told["lessons"] for step in lesson["steps"]]
        ends = [step.begins + step.minutes for step in steps]
        begins = [step.begins for step in steps]
        assert all(abs(a - b) <= 1 for a, b in zip(ends, begins[1:], strict=False))
        if steps:
            assert begins[0] == meeting.first
            assert abs(ends[-1] - meeting.needed) <= 1


def test_every_exercise_is_done_or_at_home_in_the_three_weeks():
    items = [item for meeting in guide().plan("Three weeks") for item in meeting.items]
    planned = [each.check for item in items for each in (*item.done, *item.at_home)]
    assert sorted(planned) == sorted(checks.EXERCISES)


def test_a_step_without_its_exercise_is_shorter():
    short = guide().text.replace("01. At home: `lbp_in_circular_order`, ", "01. At home: ")
    minutes = [
        sum(step.minutes for step in sheets.steps(each, each.plan("Three weeks")[1].items[0], 0))
        for each in (guide(), Guide(short))
    ]
    assert minutes[1] - minutes[0] == 10  # eight, and the quarter more
