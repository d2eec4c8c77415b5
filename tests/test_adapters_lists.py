"""RAN's lists find their pictures whatever way a line names them."""

from pathlib import Path

import pytest
from vtff_lib.datasets.sources.challenge_lists import mark_challenging, read_challenge_list

HASHES = [f"{number:056x}" for number in range(3)]


@pytest.mark.parametrize(
    ("lines", "ids", "expected"),
    [
        (
            ["test_0003_aligned 3 4", "test_0006_aligned 4 3"],
            ["train_00003", "test_0003", "test_0004", "test_0006"],
            [False, True, False, True],
        ),
        (["0/test_0004_aligned.jpg"], ["test_0003", "test_0004"], [False, True]),
        (
            ["1_fer0034656.png 8 0", "7_fer0032220.png 8 3"],
            ["fer0034656.png", "fer0032221.png", "fer0032220.png"],
            [True, False, True],
        ),
        (["0/fer0032226.jpg", ""], ["fer0032226.png", "fer0003222.png"], [True, False]),
        (
            [f"val/0/{HASHES[0]}/", f"3/{HASHES[2]}.jpg"],
            [f"103/{name}.jpg" for name in HASHES],
            [True, False, True],
        ),
    ],
)
def test_each_way_to_name_a_picture_is_joined(
    tmp_path: Path, lines: list[str], ids: list[str], expected: list[bool]
) -> None:
    (tmp_path / "list.txt").write_text("\n".join(lines))
    mask, told = mark_challenging(tmp_path / "list.txt", ids)
    assert mask.tolist() == expected
    assert told.endswith("all of them are in the set.")


def test_repeated_and_absent_pictures_are_told(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("test_2464_aligned 6 2\ntest_2464_aligned 6 2\ntest_0009_aligned 6 2\n")
    assert read_challenge_list(path) == ("test_2464", "test_2464", "test_0009")
    mask, told = mark_challenging(path, ["test_2464"])
    assert mask.tolist() == [True]
    assert told.startswith("list.txt has 3 lines for 2 pictures; 1 of them are not in the set, for")
    assert "test_0009" in told


def test_affectnets_lists_are_not_joined_to_its_newer_release(tmp_path: Path) -> None:
    path = tmp_path / "pose_30_affectnet_list.txt"
    path.write_text(f"0/{HASHES[1]}.jpg\n")
    with pytest.raises(ValueError, match="older release, which cannot be joined to the newer one"):
        mark_challenging(path, ["train_set/1", "val_set/2"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0/fer0032226.jpg\nhappy_face.jpg 3\n", "line 2: 'happy_face.jpg 3' names no picture of"),
        ("0/fer00322261.jpg\n", "line 1: '0/fer00322261.jpg' names no picture"),
        ("\n", "is empty"),
        ("0/fer0032226.jpg\n", "names no picture of this set, for example test_0003; give the lis"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        mark_challenging(tmp_path / "list.txt", ["test_0003"])
    with pytest.raises(FileNotFoundError, match=r"There is no list .*Challenge-condition-FER"):
        mark_challenging(tmp_path / "nothing.txt", ["test_0003"])
