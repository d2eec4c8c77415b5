"""The learner's own VTFF: parts are kept, found again, put together, and a wrong one is named."""

import ast
import linecache
import os
import subprocess
import sys
import warnings
from itertools import count

import pytest
import torch
from torch import nn

from tests.lessons import NUMBERS, defines, stored, tags
from vtff_lib import checks, load_pretrained, own
from vtff_lib.own import PARTS, first_difference, like, part, parts, parts_file
from vtff_lib.own.sources import NotKept, source_of
from vtff_lib.vtff import VTFF

CELLS = count()
IMAGES = torch.randint(0, 256, (2, 3, 112, 112), generator=torch.Generator().manual_seed(0)).byte()
IMPORTS = """import math
import torch
import torch.nn.functional as F
from torch import nn
from vtff_lib.encoder import resize_position_embedding
from vtff_lib.inputs import Normalise
from vtff_lib.own import part
from vtff_lib.vtff import VTFFOutput
"""


@pytest.fixture(autouse=True)
def a_learner_who_begins(tmp_path, monkeypatch):
    monkeypatch.setenv("VTFF_OWN", str(tmp_path / "my_vtff.py"))
    monkeypatch.setenv("VTFF_PROGRESS", os.devnull)


@pytest.fixture(scope="module")
def solutions() -> dict[str, tuple[str, str]]:
    """The check and the solution of each part, as the lessons have them."""
    found = {}
    for number in NUMBERS:
        for each in stored(number).exercises():
            for name in PARTS:
                if f"def {name}(" in each.stub or f"class {name}(" in each.stub:
                    found[name] = (each.name, each.solution)
    return found


class Notebook:
    """Cells that are run one after another, as in a kernel that was just started."""

    def __init__(self):
        self.names = {"__name__": "__main__"}
        self.run(IMPORTS)

    def run(self, cell: str) -> "Notebook":
        name = f"<cell {next(CELLS)}>"
        linecache.cache[name] = (len(cell), None, cell.splitlines(keepends=True), name)
        exec(compile(cell, name, "exec"), self.names)
        return self

    def solve(self, name: str, solutions: dict[str, tuple[str, str]], *change: str):
        """Write a part, have it checked, and return the verdict."""
        check, source = solutions[name]
        self.run(source.replace(*change) if change else source)
        return getattr(checks, check)(self.names[name])


def what_is_given(lesson: str) -> str:
    """Return the definitions that stand in the cells of a lesson, as they are written."""
    return "\n\n".join(
        ast.get_source_segment(cell.source, node)
        for cell in stored(lesson).cells
        if cell.cell_type == "code" and "exercise" not in tags(cell)
        for node in ast.parse(cell.source).body
        if defines(node)
    )


def solved_up_to_06(solutions, skipped=(), changes=None) -> Notebook:
    """Go through the lessons, a notebook for each; return that of lesson 06."""
    lesson = ""
    for name, each in PARTS.items():
        if each.lesson != lesson:
            notebook, lesson = Notebook(), each.lesson
            notebook.run(what_is_given(lesson))
        taken = [other for other in PARTS if other not in notebook.names and other != name]
        notebook.run("\n".join(f'{other} = part("{other}")' for other in taken))
        if name not in skipped:
            verdict = notebook.solve(name, solutions, *(changes or {}).get(name, ()))
            assert verdict, verdict
    return notebook


def test_every_part_is_the_solution_of_an_exercise(solutions):
    assert solutions.keys() == PARTS.keys()


@pytest.mark.slow
def test_who_solves_everything_has_a_model_that_answers_as_the_librarys(solutions):
    solved_up_to_06(solutions)
    assert parts().caption == "all 9 parts are yours"
    shipped = load_pretrained("tiny")
    mine = like(shipped)
    assert type(mine).__name__ == "MyVTFF"
    assert not isinstance(mine, VTFF)
    inside = {type(each).__module__ for each in mine.modules()} - {"vtff_lib.inputs"}
    assert not [module for module in inside if module.startswith("vtff_lib")]
    assert (mine(IMAGES).logits - shipped(IMAGES).logits).abs().max() < 1e-5
    assert first_difference(mine, shipped, IMAGES) is None


@pytest.mark.slow
def test_with_two_parts_missing_the_librarys_stand_in(solutions):
    solved_up_to_06(solutions, skipped=("MyTrunk", "MyAttention"))
    assert parts().caption == "7 of 9 parts are yours, the other 2 are the library's"
    shipped = load_pretrained("tiny")
    mine = like(shipped)
    inside = {type(each).__name__ for each in mine.modules()}
    assert {"MyFusion", "MyEncoderBlock", "ResNetTrunk", "MultiHeadSelfAttention"} <= inside
    assert (mine(IMAGES).logits - shipped(IMAGES).logits).abs().max() < 1e-5


WRONG = {  # in the file, after all checks have passed: part, what is changed, where it shows
    "MyTrunk": ("stride=2, padding=1)", "stride=2, padding=0)", "backbones.rgb"),
    "MyFusion": ("(1 - gate)", "(0.9 - gate)", "fusion"),
    "my_tokens": ("dim=1) + positions", "dim=1) - positions", "encoder.blocks.0"),
    "MyEncoderBlock": ("tokens + attended", "tokens - attended", "encoder.blocks.0"),
}


@pytest.mark.slow
def test_a_part_that_was_made_wrong_by_hand_is_found_and_named(solutions):
    solved_up_to_06(solutions)
    whole, shipped = parts_file().read_text(), load_pretrained("tiny")
    for name, (old, new, station) in WRONG.items():
        assert whole.count(old) == 1, (name, whole)
        parts_file().write_text(whole.replace(old, new))
        found = first_difference(like(shipped), shipped, IMAGES)
        assert found.name == station, (name, found)
        assert name in found.words


BLOCK = '''
def conv(before, after, stride):
    return nn.Conv2d(before, after, SIDE, stride, padding=1, bias=False)


class MyBlock(nn.Module):
    """Mine."""

    def __init__(self, before, after, stride=1):
        super().__init__()
        self.conv1, self.bn1 = conv(before, after, stride), nn.BatchNorm2d(after)
        self.conv2, self.bn2 = conv(after, after, 1), nn.BatchNorm2d(after)
        self.downsample = nn.Identity()
        if stride != 1 or before != after:
            first = nn.Conv2d(before, after, 1, stride, bias=False)
            self.downsample = nn.Sequential(first, nn.BatchNorm2d(after))

    def forward(self, x):
        change = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(self.downsample(x) + change)
'''


def checked(block: str, before: str = "SIDE = 3"):
    notebook = Notebook().run(before).run(block)
    return checks.residual_block(notebook.names["MyBlock"])


def test_a_part_is_kept_with_its_helpers_and_constants_and_can_be_read():
    verdict = checked(BLOCK)
    assert verdict
    assert "Kept as `MyBlock` in `my_vtff.py`: 1 of 9 parts is yours" in verdict.words
    text = parts_file().read_text()
    assert BLOCK.strip() in text
    assert "SIDE = 3" in text
    assert "from vtff_lib.backbone import ResNetTrunk as MyTrunk" in text
    assert part("MyBlock") is part("MyBlock")
    assert part("MyBlock").__doc__ == "Mine."
    assert part("MyTrunk") is PARTS["MyTrunk"].library


def test_another_kernel_finds_it():
    checked(BLOCK)
    told = "from vtff_lib.own import part, parts; print(part('MyBlock').__doc__, parts().mine)"
    answer = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True)
    assert answer.stdout.strip() == "Mine. ('MyBlock',)", answer


def test_what_is_better_takes_the_place_of_what_was_there():
    checked(BLOCK)
    checked(BLOCK.replace("Mine.", "Better."))
    assert part("MyBlock").__doc__ == "Better."
    assert parts_file().read_text().count("class MyBlock") == 1


def test_what_the_learner_writes_between_stays():
    checked(BLOCK)
    path = parts_file()
    text = path.read_text().replace("import torch\n", "import torch\n\nMY_NOTE = 'remember'\n", 1)
    path.write_text(text.replace("Mine.", "Edited."))
    own.keep("my_lbp", Notebook().run("def my_lbp(x): return x").names["my_lbp"], lambda it: True)
    assert "MY_NOTE = 'remember'" in path.read_text()
    assert part("MyBlock").__doc__ == "Edited."


def test_what_needs_a_tensor_of_its_notebook_is_right_and_not_kept():
    verdict = checked(BLOCK.replace("x) + c", "x) + ONE * c"), "SIDE, ONE = 3, torch.ones(())")
    assert verdict
    assert "`MyBlock` needs `ONE`, which your notebook has made" in verdict.words
    assert not parts_file().exists()


def test_what_stands_on_another_cell_by_chance_is_not_kept():
    block = BLOCK.replace("SIDE, stride", "globals()['SIDE'], stride")
    verdict = checked(block)
    assert verdict
    assert "On its own" in verdict.words
    assert not parts_file().exists()


def test_two_helpers_of_one_name_are_not_mixed_up():
    checked(BLOCK)
    notebook = Notebook().run("def conv(x): return x").run("def my_lbp(x): return conv(x)")
    words = own.keep("my_lbp", notebook.names["my_lbp"], lambda it: True)
    assert "`conv` is defined for MyBlock already" in words
    assert parts().mine == ("MyBlock",)


def test_one_helper_serves_two_parts():
    notebook = Notebook().run("def twice(x): return 2 * x").run("def my_lbp(x): return twice(x)")
    notebook.run("def my_tokens(x): return twice(x) + 1")
    for name in ("my_lbp", "my_tokens"):
        own.keep(name, notebook.names[name], lambda it: True)
    assert parts().mine == ("my_lbp", "my_tokens")
    assert (part("my_lbp")(2), part("my_tokens")(2)) == (4, 5)


def test_what_has_another_name_is_told_so():
    notebook = Notebook().run("class Base(nn.Module): pass").run("class MyBlock(Base): pass")
    assert "call it `MyTrunk`" in own.keep("MyTrunk", notebook.names["Base"], lambda it: True)
    words = own.keep("MyBlock", notebook.names["MyBlock"], lambda it: True)
    assert "write the class in full" in words
    assert parts().mine == ()


def test_a_heading_that_was_deleted_makes_no_part_ones_own():
    checked(BLOCK)
    text = parts_file().read_text()
    parts_file().write_text(text.replace("# ---- MyBlock, lesson 02\n", ""))
    assert parts().mine == ()
    own.keep("my_tokens", Notebook().run("def my_tokens(x): return x").names["my_tokens"], bool)
    assert BLOCK.strip() in parts_file().read_text()


def test_what_is_of_no_notebook_is_not_kept():
    assert own.keep("MyBlock", PARTS["MyBlock"].library, lambda it: True) == ""
    assert not parts_file().exists()


def test_keeping_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("VTFF_OWN", os.devnull)
    assert "Kept" not in checked(BLOCK).words
    assert part("MyBlock") is PARTS["MyBlock"].library
    own.erase_parts()


def test_wrong_answers_are_not_kept():
    assert not checked(BLOCK.replace("self.downsample(x) + change", "change"))
    assert not parts_file().exists()


DAMAGE = {
    "no Python": lambda text: text.replace("from vtff_lib.backbone import ResN", "class (ResN"),
    "stops": lambda text: text + "\n1 / 0\n",
    "not UTF-8": lambda text: text.encode() + b"\xff\xfe",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_told_in_a_sentence_and_the_library_stands_in(damage):
    checked(BLOCK)
    damaged = damage(parts_file().read_text())
    parts_file().write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
    with pytest.warns(UserWarning, match=r"(?s)my_vtff.py cannot be used .*erase_parts\(\)"):
        assert part("MyBlock") is PARTS["MyBlock"].library
    assert parts().mine == ()
    assert "my_vtff.py cannot be used (" in repr(parts())
    before = parts_file().read_bytes()
    assert "could not be kept" in checked(BLOCK).words
    assert parts_file().read_bytes() == before  # nothing of the learner's is lost
    assert own.erase_parts() == "Your parts are deleted; the library's stand in for them."
    assert not parts_file().exists()


def test_a_model_that_cannot_be_made_is_told_and_the_library_stands_in():
    notebook = Notebook().run("class MyVTFF(nn.Module):\n    def __init__(self, c): 1 / 0")
    own.keep("MyVTFF", notebook.names["MyVTFF"], lambda it: True)
    shipped = load_pretrained("tiny")
    with pytest.warns(UserWarning, match="MyVTFF cannot be used .* stands in"):
        assert like(shipped) is shipped


def test_a_model_without_a_place_for_the_weights_is_told_in_a_line():
    notebook = Notebook().run(
        "class MyVTFF(nn.Module):\n    def __init__(self, c): super().__init__()"
    )
    own.keep("MyVTFF", notebook.names["MyVTFF"], lambda it: True)
    with pytest.warns(UserWarning, match="MyVTFF cannot be used") as told:
        like(load_pretrained("tiny"))
    assert len(str(told[0].message)) < 400


def test_who_has_nothing_gets_the_librarys_without_a_word():
    shipped = load_pretrained("tiny")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert like(shipped) is shipped
        assert [part(name) for name in PARTS] == [each.library for each in PARTS.values()]
    assert "All 9 parts are the library's" in repr(parts())
    with pytest.raises(ValueError, match="name='MyHead' is unknown"):
        part("MyHead")


def test_a_table_names_every_part_and_whose_it_is():
    checked(BLOCK)
    shown = parts()._repr_mimebundle_()["text/html"]
    for name, each in PARTS.items():
        assert f"<code>{name}</code>" in shown
        assert f"{each.what} ({each.lesson})" in shown
    assert shown.count("✓ yours") == 1
    assert shown.count("library's</td>") == len(PARTS) - 1


@pytest.mark.parametrize("thing", [len, nn.Identity(), lambda x: x, 3, print])
def test_what_has_no_source_of_its_own_is_refused(thing):
    with pytest.raises(NotKept):
        source_of(thing)
