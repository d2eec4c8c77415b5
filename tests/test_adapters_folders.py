"""People of CK+ stay in one split, and the folders of a reader become classes."""

import errno
import re
from pathlib import Path

import pytest
import torch

from tests.adapter_trees import complaint, named, split_of, write_ckplus, write_picture
from vtff_lib.datasets.sources.ckplus import catalogue_ckplus
from vtff_lib.datasets.sources.folders import catalogue_folders
from vtff_lib.datasets.sources.source_folders import LeftOut
from vtff_lib.names import EXPRESSIONS

CK = ["neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"]


def test_ckplus_is_neutral_first_and_its_label_last(tmp_path: Path) -> None:
    write_ckplus(tmp_path)
    faces = catalogue_ckplus(tmp_path)
    expected = {}
    for person in range(20):
        expected[f"S{person:03}_001_00000001"] = "neutral"
        for frame in (4, 5, 6):
            expected[f"S{person:03}_001_{frame:08}"] = CK[person % 7 + 1]
    assert faces.class_names == EXPRESSIONS
    assert named(faces) == expected
    assert [faces.load(row)[0, 0, 0] for row in range(4)] == [1, 4, 5, 6]
    assert len(catalogue_ckplus(tmp_path, last=99)) == 20 * 6
    assert set(named(catalogue_ckplus(tmp_path, last=99)).values()) == set(CK)
    assert "the set of sequences has 3 of anger, published are 45." in faces.remarks


def test_nobody_of_ckplus_is_in_two_splits_and_the_deal_is_the_same_again(tmp_path: Path) -> None:
    write_ckplus(tmp_path)
    faces = catalogue_ckplus(tmp_path, valid_share=0.25, test_share=0.2)
    assert faces.people is not None
    people = [set(faces.people[faces.splits == split].tolist()) for split in range(3)]
    assert list(map(len, people)) == [11, 5, 4]
    assert set.union(*people) == set(range(20))
    assert faces.people.tolist() == [int(name[1:4]) for name in faces.ids]
    assert torch.equal(faces.splits, catalogue_ckplus(tmp_path, 3, 0.25, 0.2).splits)
    assert not torch.equal(faces.splits, catalogue_ckplus(tmp_path, 3, 0.25, 0.2, seed=1).splits)


@pytest.mark.parametrize(
    ("text", "message"),
    [("8.0", "line 1: the code 8 is unknown"), ("", "line 1: '' stands"), ("x", "line 1: 'x' st")],
)
def test_a_label_of_ckplus_that_is_no_code_is_left_out_and_named(
    tmp_path: Path, text: str, message: str
) -> None:
    write_ckplus(tmp_path, 3)
    label = tmp_path / "Emotion" / "S001" / "001" / "S001_001_00000006_emotion.txt"
    label.write_text(text)
    told = complaint(catalogue_ckplus, tmp_path)
    assert re.search(f"S001/001/S001_001_00000006_emotion.txt, {message}", told)
    label.write_text("1")
    label.with_name("S001_001_00000005_emotion.txt").write_text("2")
    told = complaint(catalogue_ckplus, tmp_path)
    assert "S001/001 has two label files; keep the one" in told
    for sound in (tmp_path / "Emotion").glob("S00[02]/*/*.txt"):
        sound.write_text("8")
    with pytest.raises(ValueError, match=r"the code 8 is unknown.* \(3 of 3 cannot be used\.\)"):
        catalogue_ckplus(tmp_path)


SPELLED = ["Happy", "sad", "ANGRY", "fearful", "surprised", "disgusted", "contemptuous", "neutral"]
MEANT = ["happiness", "sadness", "anger", "fear", "surprise", "disgust", "contempt", "neutral"]


def test_class_folders_with_names_of_expressions_are_these_in_our_order(tmp_path: Path) -> None:
    for folder in SPELLED:
        write_picture(tmp_path / folder / "0.jpg")
    faces = catalogue_folders(tmp_path, 0, 0)
    assert faces.class_names == EXPRESSIONS
    pairs = zip(SPELLED, MEANT, strict=True)
    assert named(faces) == {f"{folder}/0.jpg": name for folder, name in pairs}


def test_class_folders_with_any_other_name_are_the_classes_sorted(tmp_path: Path) -> None:
    for folder in ("yawning", "happy", "blinking"):
        write_picture(tmp_path / folder / "0.jpg")
    faces = catalogue_folders(tmp_path, 0, 0)
    assert faces.class_names == ("blinking", "happy", "yawning")
    assert all(name.startswith(label) for name, label in named(faces).items())


def test_shares_of_each_class_are_split_off_and_given_splits_are_kept(tmp_path: Path) -> None:
    for name in ("sad", "happy"):
        for number in range(20):
            write_picture(tmp_path / "plain" / name / f"{number}.jpg")
            for split in ("train", "val"):
                write_picture(tmp_path / "given" / split / name / f"{number}.jpg")
    counts = catalogue_folders(tmp_path / "plain", valid_share=0.25, test_share=0.5).counts()
    assert counts == {
        split: {"happiness": number, "sadness": number}
        for split, number in (("train", 5), ("valid", 5), ("test", 10))
    }
    faces = catalogue_folders(tmp_path / "given", valid_share=0.25, test_share=0.5)
    assert [of["sadness"] for of in faces.counts().values()] == [10, 20, 10]
    assert all(
        (split == "valid") == name.startswith("val/") for name, split in split_of(faces).items()
    )


def test_class_folders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    write_picture(tmp_path / "happy" / "0.jpg")
    with pytest.raises(ValueError, match=r"it holds happy\. Make a folder for each of two classes"):
        catalogue_folders(tmp_path)
    write_picture(tmp_path / "joy" / "0.jpg")
    write_picture(tmp_path / "sad" / "0.jpg")
    with pytest.raises(ValueError, match=r"happy and joy in .* are both for happiness; put"):
        catalogue_folders(tmp_path)
    (tmp_path / "joy" / "0.jpg").rename(tmp_path / "joy" / "0.heic")
    (tmp_path / "joy").rename(tmp_path / "calm")
    write_picture(tmp_path / "calm" / "1.jpg")
    assert "1 files or folders" in catalogue_folders(tmp_path).remarks[0]
    with pytest.raises(ValueError, match=r"valid_share \+ test_share=1.* will not do"):
        catalogue_folders(tmp_path, 0.5, 0.5)
    write_picture(tmp_path / "train" / "happy" / "0.jpg")
    with pytest.raises(ValueError, match="has none of the layouts of a folder of pictures"):
        catalogue_folders(tmp_path)


def test_expressions_among_other_classes_are_classes_like_them(tmp_path: Path) -> None:
    for folder in ("neutral", "fear", "bored"):
        write_picture(tmp_path / folder / "0.jpg")
    assert catalogue_folders(tmp_path, 0, 0).class_names == ("bored", "fear", "neutral")


def test_an_empty_class_folder_is_told_whatever_its_name(tmp_path: Path) -> None:
    for folder in ("calm", "happy"):
        write_picture(tmp_path / folder / "0.jpg")
    (tmp_path / "neutral").mkdir()
    faces = catalogue_folders(tmp_path, 0, 0)
    assert faces.class_names == ("neutral", "happiness")
    assert f"{tmp_path.name}/neutral has no picture and is left out." in faces.remarks


@pytest.mark.parametrize(("name", "other"), [("cat", "Cat"), ("é", "e\u0301"), ("cat", "cat ")])
def test_classes_whose_names_look_alike_are_refused(tmp_path: Path, name: str, other: str) -> None:
    for place in (f"train/{name}", "train/dog", f"test/{other}"):
        write_picture(tmp_path / place / "0.jpg")
    with pytest.raises(ValueError, match=r" and .* in .* are both for"):
        catalogue_folders(tmp_path)
    (tmp_path / "test" / other).rename(tmp_path / "test" / name)
    assert set(catalogue_folders(tmp_path).class_names) == {name, "dog"}


@pytest.mark.parametrize("name", ["lost+found", "System Volume Information", "__pycache__"])
def test_a_folder_of_the_systems_beside_the_splits_is_none_of_them(
    tmp_path: Path, name: str
) -> None:
    for place in ("train/sad", "train/happy", f"{name}/0"):
        write_picture(tmp_path / place / "0.jpg")
    assert len(catalogue_folders(tmp_path)) == 2


def test_a_disk_that_fails_without_naming_a_file_is_told_too() -> None:
    left_out = LeftOut()
    with left_out.named():
        raise OSError(errno.EIO, "Input/output error")
    assert left_out == ["A file cannot be read (Input/output error)."]
