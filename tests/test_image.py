"""The image and a hub: no root, PyTorch for the CPU as the project asks for it, no solutions, room.

It is built nowhere in these tests. Each property is shown to find a mistake that is put in.
"""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DEV, PAGE = ".devcontainer/devcontainer.json", "notebooks/where_it_runs.md"
TEXTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("Dockerfile", ".dockerignore", DEV, "hub/values.yaml", PAGE)
}
MEMORY = json.loads((ROOT / "figures" / "memory.json").read_text(encoding="utf-8"))
FOR_A_CLASS = {"pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "vtff_lib"}
CPU = "https://download.pytorch.org/whl/cpu"  # as pytorch.org's own table of commands gives it


@dataclass
class Stage:
    """A stage of a Dockerfile: what it begins with, and its steps."""

    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def values(self, instruction: str) -> list[str]:
        return [value for name, value in self.steps if name == instruction]


def stages(dockerfile: str) -> dict[str, Stage]:
    """Return the stages of a Dockerfile by name, in their order."""
    found: dict[str, Stage] = {}
    text = re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        instruction, _, value = line.partition(" ")
        if instruction == "FROM":
            base, name = value.split(" AS ")
            found[name] = stage = Stage(base)
        elif instruction:
            stage.steps.append((instruction, value))
    return found


def of_json(text: str) -> dict:
    """Return JSON that may have lines of comments."""
    return json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def begins_with_a_python_that_is_supported(texts: dict[str, str]) -> Iterator[str]:
    base = stages(texts["Dockerfile"])["base"].base
    version = re.fullmatch(r"python:(3\.\d+)-slim", base)
    if not version or not SpecifierSet(PROJECT["requires-python"]).contains(version[1]):
        yield f"it begins with {base}"


def installs_what_is_asked_for_from_the_index_for_cpus(texts) -> Iterator[str]:
    asked = {
        requirement.name: requirement.specifier
        for requirement in map(Requirement, PROJECT["dependencies"])
        if requirement.name in ("torch", "torchvision")
    }
    (command,) = [
        run for run in stages(texts["Dockerfile"])["base"].values("RUN") if "torch" in run
    ]
    if f"--index-url {CPU}" not in command:
        yield f"PyTorch is not from {CPU}"
    taken = [Requirement(each) for each in re.findall(r'"(torch\w*[^"]*)"', command)]
    if {requirement.name: requirement.specifier for requirement in taken} != asked:
        yield f"it takes {taken}, and pyproject.toml asks for {asked}"


def ends_without_root(texts: dict[str, str]) -> Iterator[str]:
    for name, stage in stages(texts["Dockerfile"]).items():
        if name != "base" and stage.values("USER")[-1:] != ["${USER}"]:
            yield f"{name} runs as root"


def gives_a_class_no_lesson(texts: dict[str, str]) -> Iterator[str]:
    for value in stages(texts["Dockerfile"])["hub"].values("COPY"):
        *sources, _ = value.split()
        if taken := set(sources) - FOR_A_CLASS:
            yield f"the image of a class has {taken}"


def leaves_out_what_is_not_of_the_project(texts: dict[str, str]) -> Iterator[str]:
    patterns = texts[".dockerignore"].splitlines()
    for unwanted in ("**/.*", "build", "runs", "**/my_vtff.py"):
        if unwanted not in patterns:
            yield f"{unwanted} is copied"


def opens_the_lessons(texts: dict[str, str]) -> Iterator[str]:
    name, last = list(stages(texts["Dockerfile"]).items())[-1]
    if name != "lessons" or not any(
        command.startswith('["make", "lab"') for command in last.values("CMD")
    ):
        yield "without --target it opens no lessons"
    if (
        "RUN" not in [step for step, _ in last.steps]
        or "${VENV}/installed" not in last.values("RUN")[-1]
    ):
        yield "the last stage installs nothing"
    if not re.search(r"^VENV \?= ", MAKEFILE, re.MULTILINE) or "$(VENV)/installed:" not in MAKEFILE:
        yield "make looks for the environment elsewhere"


def fits_the_dev_container(texts: dict[str, str]) -> Iterator[str]:
    settings = of_json(texts[DEV])
    made = stages(texts["Dockerfile"])
    build = settings["build"]
    places = [ROOT / ".devcontainer" / build[key] for key in ("dockerfile", "context")]
    if [place.resolve() for place in places] != [ROOT / "Dockerfile", ROOT]:
        yield "it builds another image"
    if build["target"] not in made:
        yield f"there is no stage {build['target']}"
    base = dict(value.split("=", 1) for value in made["base"].values("ARG"))
    if settings["remoteUser"] != base["NB_USER"]:
        yield f"there is no user {settings['remoteUser']}"
    environments = dict(
        pair.split("=", 1) for value in made["base"].values("ENV") for pair in value.split()
    )
    if settings["postCreateCommand"] != f"make {environments['VENV']}/installed":
        yield f"{settings['postCreateCommand']} makes another environment"


def has_room_on_the_hub(texts: dict[str, str]) -> Iterator[str]:
    memory = yaml.safe_load(texts["hub/values.yaml"])["singleuser"]["memory"]
    guarantee, limit = (float(memory[key].removesuffix("G")) for key in ("guarantee", "limit"))
    second, first = sorted(MEMORY["lessons"].values())[-2:]
    if guarantee < MEMORY["server"] + first:
        yield f"{guarantee} GiB is too little for a lesson"
    if limit < MEMORY["server"] + first + second:
        yield f"{limit} GiB is too little for two lessons"


def fits_the_hub(texts: dict[str, str]) -> Iterator[str]:
    values, made = yaml.safe_load(texts["hub/values.yaml"]), stages(texts["Dockerfile"])
    arguments = dict(value.split("=", 1) for value in made["base"].values("ARG"))
    if arguments != {"NB_USER": "jovyan", "NB_UID": "1000"}:  # what the chart takes, if not told
        yield f"the account of the image is {arguments}"
    environment = " ".join(made["base"].values("ENV"))
    if "VENV=/home" in environment or "VENV=${HOME}" in environment:
        yield "the environment is where the hub lays the student's home folder"
    if not values["singleuser"]["extraEnv"]["VTFF_OWN"].startswith("/home/jovyan/"):
        yield "the parts of one lesson are not found by the next"


def is_told_as_it_is(texts: dict[str, str]) -> Iterator[str]:
    page, dockerfile = texts[PAGE], stages(texts["Dockerfile"])
    largest = f"{max(MEMORY['lessons'].values()):.1f} GB"
    oldest, newest = re.findall(r"3\.\d+", PROJECT["requires-python"])
    newest = f"3.{int(newest.removeprefix('3.')) - 1}"
    for words in (
        CPU,
        f"[up to {largest}]",
        f"Python {oldest} to {newest}",
        "PyTorch 2.11 or newer",
    ):
        if words not in page:
            yield f"it does not say {words!r}"
    for stage in re.findall(r"[Tt]he stage `(\w+)`", page):
        if stage not in dockerfile:
            yield f"there is no stage {stage}"


MISTAKES = [
    (begins_with_a_python_that_is_supported, "Dockerfile", r"python:3\.12", "python:3.10"),
    (installs_what_is_asked_for_from_the_index_for_cpus, "Dockerfile", "whl/cpu", "whl/cu130"),
    (installs_what_is_asked_for_from_the_index_for_cpus, "Dockerfile", r"<0\.30", "<0.31"),
    (installs_what_is_asked_for_from_the_index_for_cpus, "Dockerfile", ' "torchvision.*?"', ""),
    (ends_without_root, "Dockerfile", r"USER \$\{USER\}\n", ""),
    (gives_a_class_no_lesson, "Dockerfile", r"COPY vtff_lib \S+", "COPY . /tmp/vtff"),
    (leaves_out_what_is_not_of_the_project, ".dockerignore", r"\*\*/\.\*", "**/.git"),
    (opens_the_lessons, "Dockerfile", r"FROM base AS lessons(.|\n)*", ""),
    (opens_the_lessons, "Dockerfile", r"RUN make .*\n", ""),
    (fits_the_dev_container, DEV, '"base"', '"none"'),
    (fits_the_dev_container, DEV, '"../Dockerfile"', '"Dockerfile"'),
    (fits_the_dev_container, DEV, "jovyan", "vscode"),
    (fits_the_dev_container, DEV, "/opt/venv/installed", ".venv/installed"),
    (has_room_on_the_hub, "hub/values.yaml", r"guarantee: \d\S*G", "guarantee: 1G"),
    (has_room_on_the_hub, "hub/values.yaml", r"limit: \d\S*G", "limit: 2G"),
    (is_told_as_it_is, PAGE, r"up to \d\.\d GB", "up to 9.9 GB"),
    (is_told_as_it_is, PAGE, "3.14", "3.15"),
    (is_told_as_it_is, PAGE, "stage `hub`", "stage `class`"),
    (is_told_as_it_is, PAGE, "whl/cpu", "whl/cuda"),
    (fits_the_hub, "hub/values.yaml", "/home/jovyan/", ""),
    (fits_the_hub, "Dockerfile", "NB_USER=jovyan", "NB_USER=learner"),
    (fits_the_hub, "Dockerfile", "VENV=/opt/venv", "VENV=${HOME}/venv"),
]
PROPERTIES = list(dict.fromkeys(holds for holds, *_ in MISTAKES))


@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda each: each.__name__)
def test_the_image(holds):
    assert list(holds(TEXTS)) == []


@pytest.mark.parametrize(("holds", "name", "pattern", "wrong"), MISTAKES)
def test_a_mistake_in_an_image_is_found(holds, name, pattern, wrong):
    text, count = re.subn(pattern, lambda _: wrong, TEXTS[name], count=1)
    assert count == 1
    assert list(holds(TEXTS | {name: text})) != []
