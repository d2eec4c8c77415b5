"""Each adapter maps its codes to our names, keeps the splits clean, and refuses in words."""

import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.adapter_trees import (
    complaint,
    named,
    split_of,
    write_affectnet_folders,
    write_affectnet_tables,
    write_ckplus,
    write_picture,
    write_rafdb,
    write_rafdb_folders,
)
from vtff_lib.datasets.sources.adapters import ADAPTERS
from vtff_lib.datasets.sources.affectnet import catalogue_affectnet
from vtff_lib.datasets.sources.catalogue import Catalogue
from vtff_lib.datasets.sources.ckplus import catalogue_ckplus
from vtff_lib.datasets.sources.rafdb import catalogue_rafdb
from vtff_lib.names import EXPRESSIONS

RAF = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]  # codes 1 to 7
AFFECTNET = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]


def test_the_codes_of_rafdb_mean_what_they_say(tmp_path: Path) -> None:
    write_rafdb(tmp_path)
    faces = catalogue_rafdb(tmp_path)
    assert faces.class_names == EXPRESSIONS[:7]
    assert named(faces) == {
        **{f"train_{number:05}": RAF[number % 7] for number in range(70)},
        **{f"test_{number:04}": RAF[number] for number in range(7)},
    }
    assert named(catalogue_rafdb(tmp_path / "basic")) == named(faces)
    assert faces.load(3).shape == (4, 4, 3)


def test_rafdb_holds_out_a_share_of_each_class_of_train_alone(tmp_path: Path) -> None:
    write_rafdb(tmp_path)
    faces = catalogue_rafdb(tmp_path, valid_share=0.2)
    counts = faces.counts()
    assert set(counts["train"].values()) == {8}
    assert set(counts["valid"].values()) == {2}
    assert all(
        (split == "test") == name.startswith("test") for name, split in split_of(faces).items()
    )
    assert torch.equal(faces.splits, catalogue_rafdb(tmp_path, 0.2).splits)
    assert not torch.equal(faces.splits, catalogue_rafdb(tmp_path, 0.2, seed=1).splits)
    assert "valid" not in catalogue_rafdb(tmp_path, 0).counts()


def test_published_numbers_are_compared_before_anything_is_held_out(tmp_path: Path) -> None:
    write_rafdb(tmp_path)
    remarks = catalogue_rafdb(tmp_path, 0.5).remarks
    assert "train has 10 of surprise, published are 1290." in remarks
    assert "test has 1 of neutral, published are 680." in remarks


@pytest.mark.parametrize("order", [RAF, sorted(RAF)])
def test_the_class_folders_of_rafdb_mean_what_order_says(tmp_path: Path, order: list[str]) -> None:
    write_rafdb_folders(tmp_path)
    faces = catalogue_rafdb(tmp_path, 0.25, order=order)
    assert all(named(faces)[f"test_{code:04}"] == order[code - 1] for code in range(1, 8))
    assert all(named(faces)[f"train_{code * 10:05}"] == order[code - 1] for code in range(1, 8))
    assert set(faces.counts()["train"].values()) == {3}


def test_rafdb_class_folders_without_their_order_are_refused(tmp_path: Path) -> None:
    write_rafdb_folders(tmp_path)
    with pytest.raises(
        ValueError, match=r"1 to 7, which sources number differently; .* give order="
    ):
        catalogue_rafdb(tmp_path)
    with pytest.raises(ValueError, match=r"order=.* will not do; give each of neutral, .* once"):
        catalogue_rafdb(tmp_path, order=RAF[:6])
    (tmp_path / "test" / "0").mkdir()
    with pytest.raises(ValueError, match=r"test has the folders 0, 1, .*; 1 to 7 are expected"):
        catalogue_rafdb(tmp_path, order=RAF)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train_00007.jpg", "line 2: 'train_00007.jpg' stands where a line such as"),
        (
            "train_00007.jpg 8",
            "line 2: the code 8 is unknown; the codes are 1 surprise, 2 fear, .*",
        ),
        ("train_00007.jpg 0", "line 2: the code 0 is unknown"),
        ("train_00007.jpg five", "line 2: 'five' stands where a whole number is expected"),
        ("photo_00007.jpg 5", "line 2: 'photo_00007.jpg 5' stands where"),
        ("train_00000.jpg 5", "RAF-DB lists 'train_00000' twice"),
    ],
)
def test_a_line_of_rafdb_that_does_not_fit_is_left_out_and_named(
    tmp_path: Path, line: str, message: str
) -> None:
    labels = write_rafdb(tmp_path)
    lines = labels.read_text().splitlines()
    labels.write_text("\n".join([lines[0], line, *lines[2:]]))
    if "twice" not in message:
        assert re.search(message, complaint(catalogue_rafdb, tmp_path))
        return
    with pytest.raises(ValueError, match=message):
        catalogue_rafdb(tmp_path)


def test_both_releases_of_affectnet_mean_the_same_codes(tmp_path: Path) -> None:
    write_affectnet_tables(tmp_path / "old")
    write_affectnet_folders(tmp_path / "new")
    old, new = catalogue_affectnet(tmp_path / "old"), catalogue_affectnet(tmp_path / "new")
    assert old.class_names == new.class_names == EXPRESSIONS
    expected = {f"{prefix}/{code}.jpg": AFFECTNET[code] for code in range(8) for prefix in "ab"}
    assert named(old) == expected
    expected = {
        f"{inner}/{code + 100}": AFFECTNET[code]
        for code in range(8)
        for inner in ("train_set", "val_set")
    }
    assert named(new) == expected
    for faces in (old, new):
        tested = [name for name, split in split_of(faces).items() if split == "test"]
        assert tested == [name for name in faces.ids if name.startswith(("b/", "val_set/"))]
        assert any("official validation pictures are the split test" in t for t in faces.remarks)


def test_seven_classes_of_affectnet_are_all_but_contempt(tmp_path: Path) -> None:
    write_affectnet_tables(tmp_path)
    faces = catalogue_affectnet(tmp_path, classes=7, valid_share=0)
    assert faces.class_names == EXPRESSIONS[:7]
    assert faces.counts()["test"] == dict.fromkeys(EXPRESSIONS[:7], 1)
    assert "test has 1 of fear, published are 500." in faces.remarks
    assert not any("contempt" in told for told in faces.remarks)


def test_a_face_of_the_older_affectnet_is_cut_out_by_its_box(tmp_path: Path) -> None:
    write_affectnet_tables(tmp_path)
    photo = np.arange(7 * 9, dtype=np.uint8).reshape(7, 9)
    picture = tmp_path / "Manually_Annotated_Images" / "a" / "0.jpg"
    Image.fromarray(photo).save(picture, format="PNG")
    np.testing.assert_array_equal(catalogue_affectnet(tmp_path).load(0)[..., 0], photo[1:5, 2:5])
    table = tmp_path / "training.csv"
    table.write_text(table.read_text().replace("a/0.jpg,2,1,3,4", "a/0.jpg,-2,5,4,40"))
    np.testing.assert_array_equal(catalogue_affectnet(tmp_path).load(0)[..., 0], photo[5:, :2])
    table.write_text(table.read_text().replace("a/0.jpg,-2,5,4,40", "a/0.jpg,9,0,4,4"))
    with pytest.raises(
        ValueError, match=r"0\.jpg is 9×7 pixels, and the box \(9, 0, 4, 4\) .*outs"
    ):
        catalogue_affectnet(tmp_path).load(0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("face_width,face_height", "width,height", "csv has no column face_width, face_height"),
        ("1;2,1,", "1;2,11,", "training.csv, line 3: the code 11 is unknown; the codes are 0 neut"),
        ("1;2,1,", "1;2,happy,", "training.csv, line 3: 'happy' stands where a whole number"),
        ("a/1.jpg,2", "a/1.jpg,left", "training.csv, line 3: 'left' stands where"),
        ("a/1.jpg,2,1,3", "a/1.jpg,2,1,0", "training.csv, line 3: the face is 0×4 pixels"),
        ("a/1.jpg,2,1,3,4", "a/1.jpg,2,1,3", "line 3: 8 values stand under 9 columns"),
        ("a/1.jpg", "a/0.jpg", "AffectNet lists 'a/0.jpg' twice"),
    ],
)
def test_a_table_of_affectnet_that_does_not_fit_is_told(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    write_affectnet_tables(tmp_path)
    table = tmp_path / "training.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))
    if "line 3" in message:  # alone it is left out, and more often than not it is another file
        assert re.search(message, complaint(catalogue_affectnet, tmp_path))
        for code in (2, 3, 4, 5, 6, 7):
            table.write_text(table.read_text().replace(f"1;2,{code},", "1;2,?,"))
        other = tmp_path / "validation.csv"
        other.write_text(other.read_text().replace("1;2,", "1;2,?"))
        message = r" cannot be used\.\)"
    with pytest.raises(ValueError, match=message):
        catalogue_affectnet(tmp_path)


def npy(shape: str, dtype: str = "|u1") -> bytes:
    """Return the beginning of an array's file."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header


class Trap:
    """Whoever unpickles it is caught."""

    def __reduce__(self) -> tuple:
        return pytest.fail, ("something was unpickled",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.array([1, 2]), "100_exp.npy does not hold one number"),
        (np.array(1.5), "100_exp.npy: '1.5' stands where a whole number is expected"),
        (np.array(11), "100_exp.npy: the code 11 is unknown"),
        (pickle.dumps(Trap()), "100_exp.npy is no plain NumPy array .*pickle"),
        (np.array([Trap()], dtype=object), "100_exp.npy is no plain NumPy array .*Python objects"),
        (b"", "100_exp.npy is no plain NumPy array"),
        (npy("(1000000000000,)"), "100_exp.npy is no plain NumPy array"),
        (npy("(" * 3000), "100_exp.npy is no plain NumPy array"),
        (npy("()", "<U1") + b"\xff" * 4, "100_exp.npy is no plain NumPy array"),
    ],
    ids=["two", "fraction", "unknown", "pickle", "object", "empty", "huge", "deep", "no letter"],
)
def test_an_annotation_that_is_no_code_is_left_out_and_never_unpickled(
    tmp_path: Path, content: bytes | np.ndarray, message: str
) -> None:
    write_affectnet_folders(tmp_path)
    path = tmp_path / "train_set" / "annotations" / "100_exp.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)
    assert re.search(message, complaint(catalogue_affectnet, tmp_path))


@pytest.mark.parametrize("name", ADAPTERS)
def test_who_has_not_got_a_set_is_told_where_it_comes_from(tmp_path: Path, name: str) -> None:
    adapter = ADAPTERS[name]
    with pytest.raises(FileNotFoundError) as missing:
        adapter.catalogue(tmp_path / "nowhere")
    (tmp_path / "letter.txt").write_text("Dear reader")
    with pytest.raises(ValueError, match="none of the layouts") as other:
        adapter.catalogue(tmp_path)
    for error in (missing, other):
        assert str(error.value).endswith(adapter.how_to_get)
    assert "letter.txt" in str(other.value)


WRITERS: dict[str, tuple[Callable, Callable]] = {
    "rafdb": (write_rafdb, catalogue_rafdb),
    "affectnet, older": (write_affectnet_tables, catalogue_affectnet),
    "affectnet, newer": (write_affectnet_folders, catalogue_affectnet),
    "ckplus": (write_ckplus, catalogue_ckplus),
}


@pytest.mark.parametrize("layout", WRITERS)
def test_missing_pictures_are_counted_and_left_out_and_all_missing_refused(
    tmp_path: Path, layout: str
) -> None:
    write, catalogue = WRITERS[layout]
    write(tmp_path)
    whole = catalogue(tmp_path)
    pictures = sorted([*tmp_path.rglob("*.jpg"), *tmp_path.rglob("S*_001_*.png")])
    gone = pictures[: 6 if layout == "ckplus" else 1]  # a whole sequence
    for picture in gone:
        picture.unlink()
    faces = catalogue(tmp_path)
    assert len(faces) == len(whole) - (4 if layout == "ckplus" else 1)
    assert named(faces).items() <= named(whole).items()
    assert any(told.startswith("1 of the ") for told in faces.remarks)
    faces.load(0)
    for picture in pictures[len(gone) :]:
        picture.unlink()
    with pytest.raises(FileNotFoundError, match="None of the"):
        catalogue(tmp_path)


def test_settings_out_of_range_are_refused(tmp_path: Path) -> None:
    write_affectnet_tables(tmp_path)
    write_ckplus(tmp_path, 3)
    write_rafdb(tmp_path)
    with pytest.raises(ValueError, match="classes=6 will not do; give 8, or 7"):
        catalogue_affectnet(tmp_path, classes=6)
    with pytest.raises(ValueError, match=r"valid_share=1 will not do; give .*0 to below 1"):
        catalogue_affectnet(tmp_path, valid_share=1)
    with pytest.raises(ValueError, match="last=0 will not do; give a whole number"):
        catalogue_ckplus(tmp_path, last=0)
    with pytest.raises(ValueError, match=r"test_share=-0\.1 will not do"):
        catalogue_ckplus(tmp_path, test_share=-0.1)
    with pytest.raises(ValueError, match=r"order=.* is for class folders; "):
        catalogue_rafdb(tmp_path, order=RAF)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("labels", [0, 1, 1]),
        ("labels", [0, 2]),
        ("splits", [0, 3]),
        ("splits", [-1, 0]),
        ("votes", [[1.0, 0.0]]),
        ("people", [0, 1, 2]),
    ],
)
def test_a_column_that_does_not_fit_the_pictures_is_refused(column: str, values: list) -> None:
    columns = {name: torch.tensor([0, 1]) for name in ("labels", "splits", "people")}
    columns["votes"] = torch.eye(2)
    about = ("A set", "all", ("sad", "happy"), ("1.png", "2.png"))
    assert len(Catalogue(*about, **columns, load=np.zeros, terms="")) == 2
    columns[column] = torch.tensor(values)
    with pytest.raises(ValueError, match=f"{column} of A set do not fit its 2 pictures"):
        Catalogue(*about, **columns, load=np.zeros, terms="")


def test_blank_lines_in_the_list_of_rafdb_name_no_picture(tmp_path: Path) -> None:
    labels = write_rafdb(tmp_path)
    whole = named(catalogue_rafdb(tmp_path))
    labels.write_text(labels.read_text().replace("\n", "\n \n"))
    assert named(catalogue_rafdb(tmp_path)) == whole
    labels.write_text("\n")
    with pytest.raises(ValueError, match=r"RAF-DB \(basic\) has no picture; check the folder"):
        catalogue_rafdb(tmp_path)


@pytest.mark.parametrize("spoilt", ["x" * 200_000, '"{}', '{},"', "{},,"])
def test_a_line_that_is_no_csv_takes_no_other_along(tmp_path: Path, spoilt: str) -> None:
    """A quote that nothing ends would make one value of all lines up to the next."""
    write_affectnet_tables(tmp_path)
    whole = catalogue_affectnet(tmp_path)
    table = tmp_path / "training.csv"
    header, first, *others = table.read_text().splitlines()
    table.write_text("\n".join([header, first, spoilt.format(first), *others, ""]))
    faces = catalogue_affectnet(tmp_path)
    assert faces.ids == whole.ids
    assert faces.left_out[0].startswith("training.csv, line 3: ")


@pytest.mark.parametrize("way", ["link", "dangling", "folder"])
@pytest.mark.parametrize("layout", ["affectnet", "ckplus"])
def test_a_label_file_that_cannot_be_read_is_left_out_and_tells_no_path(
    tmp_path: Path, layout: str, way: str
) -> None:
    folder, secret = tmp_path / "set", tmp_path / "secret.txt"
    secret.write_text("the secret")
    {"affectnet": write_affectnet_folders, "ckplus": lambda f: write_ckplus(f, 4)}[layout](folder)
    kind = {"affectnet": "*_exp.npy", "ckplus": "*_emotion.txt"}[layout]
    label = min(folder.rglob(kind))
    label.unlink()
    if way == "folder":
        label.mkdir()
    else:
        label.symlink_to(secret if way == "link" else tmp_path / "nowhere")
    catalogue = {"affectnet": catalogue_affectnet, "ckplus": catalogue_ckplus}[layout](folder)
    (told,) = catalogue.left_out
    assert label.name in told
    assert str(tmp_path) not in told
    assert "secret" not in told


@pytest.mark.parametrize("way", ["../secret.jpg", "absolute", "link"])
def test_no_path_of_a_list_leads_out_of_the_folder(tmp_path: Path, way: str) -> None:
    folder, secret = tmp_path / "set", tmp_path / "secret.jpg"
    write_affectnet_tables(folder)
    write_picture(secret, (9, 7))
    if way == "link":
        (folder / "Manually_Annotated_Images" / "a" / "1.jpg").unlink()
        (folder / "Manually_Annotated_Images" / "a" / "1.jpg").symlink_to(secret)
    else:
        name = "../../secret.jpg" if way != "absolute" else str(secret)
        table = folder / "training.csv"
        table.write_text(table.read_text().replace("a/1.jpg", name))
    faces = catalogue_affectnet(folder)
    with pytest.raises(ValueError, match="leads out of the folder of the data set, and is not re"):
        faces.load(1)
    faces.load(0)
