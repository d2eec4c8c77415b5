"""What a speaker reads, and how long each slide takes: the guide, taken to the slides."""

import re
from collections.abc import Sequence

from bs4 import Tag

from notebooks.editions.blocks import parse, read_markdown
from notebooks.editions.deck import EXERCISE, Slide
from notebooks.editions.guide import Exercise, Guide, Part, in_class

MINUTE = 75  # seconds of a class for a minute of the guide


def tell(slides: list[Slide], guide: Guide, number: str, exercises: Sequence[Exercise]) -> None:
    """Put what the guide says of a lesson into the notes of its slides, and time them."""
    parts = guide.parts(number)
    for place, part in enumerate(parts):
        first = next((slide for slide in slides if slide.part == place), None)
        if first:
            time = f"{part.minutes} minutes, {in_class(part.minutes)} in a class"
            say(first, f"*{'; '.join(part.names)}: {time}.*")
    for heading, note in guide.notes(number).items():
        if first := first_with(slides, heading):
            say(first, f"**{note}**")
    for sentence in guide.to_leave_out(number):
        for slide in slides:
            if is_named(slide, sentence):
                say(slide, f"*If time is short:* {sentence}")
    tell_of_exercises(slides, guide, number, exercises)
    for opening in ("On the projector.", "If time is short."):
        say(slides[0], f"**{opening}** {guide.paragraph(number, opening)}")
    questions = [f"1. *{question}* {answer}" for question, answer in guide.questions(number)]
    say(slides[-1], "**Discuss.**\n\n" + "\n".join(questions))
    pace(slides, dict(enumerate(parts)), exercises, exercises)


def say(slide: Slide, words: str) -> None:
    """Put words in markdown into the notes of a slide."""
    slide.told += read_markdown(words)


def first_with(slides: list[Slide], heading: str) -> Slide | None:
    """Return the slide with a heading."""
    return next((slide for slide in slides if heading in slide.headings), None)


def is_named(slide: Slide, sentence: str) -> bool:
    """Tell whether a sentence names a heading of a slide, in italics, or the exercise it opens."""
    if any(f"*{heading}*" in sentence for heading in slide.headings):
        return True
    named = re.findall(r"Exercises? (\d(?:(?:, | and )\d)*)", sentence)
    numbers = {place for some in named for place in re.findall(r"\d", some)}
    opened = [EXERCISE.match(heading) for heading in slide.headings]
    return any(found and found[1] in numbers for found in opened)


def tell_of_exercises(
    slides: list[Slide], guide: Guide, number: str, exercises: Sequence[Exercise]
) -> None:
    """Tell at each exercise which wrong answers there are, and what the check says of them."""
    for exercise in exercises:
        first = next((slide for slide in slides if slide.exercise == exercise.place), None)
        wrong = [
            f"- {mistake}: “{words}”"
            for check, mistake, words in guide.wrong_answers(number)
            if check == exercise.check
        ]
        if first:
            time = f"{exercise.minutes} minutes, {in_class(exercise.minutes)} in a class"
            say(first, f"*{time}. Wrong answers, and what the check says:*\n\n" + "\n".join(wrong))


def pace(
    slides: list[Slide],
    parts: dict[int, Part],
    exercises: Sequence[Exercise],
    done: Sequence[Exercise],
) -> None:
    """Share the minutes of a class out over its slides: an exercise's to its first slide.

    Args:
        slides: of a lesson, or of some parts of it.
        parts: those of the guide, by their places.
        exercises: of the lesson.
        done: those of them that are done.
    """
    for place, part in parts.items():
        inside = [slide for slide in slides if slide.part == place]
        inside = inside or [slide for slide in slides if slide.part < place][-1:]
        reading = part.minutes
        for exercise in exercises:
            if exercise.place in part.exercises:
                reading -= exercise.minutes
                own = [slide for slide in inside if slide.exercise == exercise.place]
                if exercise in done and own:
                    own[0].seconds += MINUTE * exercise.minutes
        timed = [slide for slide in inside if not slide.exercise] or inside
        for n, slide in enumerate(timed):
            share = MINUTE * reading
            slide.seconds += share * (n + 1) // len(timed) - share * n // len(timed)


def heading(title: str, words: str, seconds: int = 0) -> Slide:
    """Return a slide that opens what comes: a title, and a line below it."""
    blocks: list[Tag] = parse("<h1></h1><p></p>")
    blocks[0].string, blocks[1].string = title.replace("`", ""), words
    return Slide(title, title, blocks=blocks, seconds=seconds)
