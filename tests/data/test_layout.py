"""Folders as people lay them out: split names, wrapping folders, class folders, and what is asked."""

import unicodedata
from io import BytesIO

import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.errors import DataError


def picture() -> bytes:
    content = BytesIO()
    Image.new("RGB", (2, 2)).save(content, "PNG")
    return content.getvalue()


@pytest.fixture
def lay(tmp_path):
    """A function that lays out files in a folder and reads them."""

    def read(*paths: str, **options):
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(picture())
        return read_data(DataConfig(source=f"folder:{tmp_path}", **options))

    return read


def crossed(*levels: tuple[str, ...]) -> list[str]:
    paths = [""]
    for level in levels:
        paths = [f"{path}{name}/" for path in paths for name in level]
    return [f"{path}{number}.png" for path in paths for number in range(2)]


def shape(data) -> dict[str, int]:
    return {role: len(split) for role, split in data.splits.items()}


@pytest.mark.parametrize("names", [("Training", "Testing"), ("Train", "Test"), ("TRAIN", "test ")])
def test_case_and_blanks_of_split_names_do_not_matter(lay, names):
    """fastai#1552, datasets#7880, and the layout of many sets on Kaggle."""
    data = lay(*crossed(names, ("cat", "dog")))
    assert data.classes == ("cat", "dog")
    assert shape(data) == {"train": 4, "test": 4}
    assert data.splits["train"].ids[0] == f"{names[0]}/cat/0.png"
    assert data.notes == (f"splits: train is {names[0]}, test is {names[1]}",)


def test_usual_names_need_no_word(lay):
    assert lay(*crossed(("train", "test"), ("cat", "dog"))).notes == ()


def test_folders_that_hold_one_folder_are_looked_through(lay):
    """Intel's scenes: seg_train/seg_train/<class>."""
    data = lay(
        *crossed(("seg_train",), ("seg_train",), ("forest", "sea")),
        *crossed(("seg_test",), ("seg_test",), ("sea",)),
        *crossed(("seg_pred",), ("seg_pred",)),
    )
    assert data.classes == ("forest", "sea")
    assert shape(data) == {"train": 4, "test": 2}
    assert data.splits["test"].ids[0] == "seg_test/seg_test/sea/0.png"
    assert "passed over 2 pictures in the folder seg_pred, which is no split" in data.notes


def test_an_archive_around_all_is_looked_through(lay):
    data = lay(*crossed(("archive",), ("data",), ("train", "val"), ("cat", "dog")))
    assert data.classes == ("cat", "dog")
    assert shape(data) == {"train": 4, "validation": 4}
    assert data.splits["train"].ids[0] == "archive/data/train/cat/0.png"


def test_a_test_split_of_one_class_is_not_looked_through(lay):
    data = lay(
        *crossed(("train",), ("cat", "dog"), ("left", "up")),
        *crossed(("test",), ("cat",), ("left", "up")),
        params={"class_folder": "first"},
    )
    assert data.classes == ("cat", "dog")
    assert data.splits["test"].labels.tolist() == [0] * 4


def test_a_class_called_train_is_a_class(lay):
    data = lay(*crossed(("car", "plane", "train")))
    assert data.classes == ("car", "plane", "train")
    data = lay(*crossed(("train",), ("steam",)), train=".")
    assert data.classes == ("car", "plane", "train")


def test_classes_named_like_splits_are_asked_about(lay):
    paths = crossed(("test", "train"))
    with pytest.raises(
        DataError, match=r"named like splits \(test, train\).*class_folder = 'first'"
    ):
        lay(*paths)
    assert lay(params={"class_folder": "first"}).classes == ("test", "train")


def test_equal_folders_in_folders_are_asked_about(lay):
    """Office-Home's domains, sites of a study, folds: which level is the class?"""
    paths = crossed(("art", "photo"), ("bed", "desk", "sink"))
    with pytest.raises(DataError, match=r"art, photo of .* same folders .bed, desk, sink") as error:
        lay(*paths)
    assert "data.params.class_folder = 'last'" in str(error.value)
    assert lay(params={"class_folder": "last"}).classes == ("bed", "desk", "sink")
    assert lay(params={"class_folder": "first"}).classes == ("art", "photo")
    data = lay(train="art", test="photo")
    assert data.classes == ("bed", "desk", "sink")
    assert shape(data) == {"train": 6, "test": 6}


def test_folders_in_classes_that_are_not_equal_are_not_asked_about(lay):
    data = lay(*crossed(("cat",), ("tabby", "wild")), *crossed(("dog",), ("pug", "wild")))
    assert data.classes == ("cat", "dog")


def test_a_training_split_without_another_is_asked_about(lay):
    paths = [*crossed(("train_data",), ("cat", "dog")), *crossed(("more",))]
    with pytest.raises(DataError, match=r"Then set data.train = 'train_data'"):
        lay(*paths)
    assert lay(train="train_data").classes == ("cat", "dog")


@pytest.mark.parametrize("role", ["test", "val"])
def test_a_split_without_classes_says_what_to_do(lay, role):
    """Kaggle's layout: the test pictures lie loose, because their labels are secret."""
    paths = [*crossed(("train",), ("cat", "dog")), f"{role}/1.png", f"{role}/2.png"]
    with pytest.raises(DataError, match=f"{role} has 2 pictures and no class folders.* hold-?out"):
        lay(*paths)
    if role == "test":
        assert shape(lay(evaluate="holdout")) == {"train": 4}


def test_pictures_outside_class_folders_are_counted(lay):
    data = lay(*crossed(("train", "test"), ("cat", "dog")), "train/stray.png")
    assert len(data.splits["train"]) == 4
    assert [note for note in data.notes if "outside the class folders" in note]


def test_names_in_two_unicode_forms_are_one_class(lay):
    """As files from macOS meet files from elsewhere."""
    composed, taken_apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    data = lay(*crossed(("train",), (taken_apart, "bar ")), *crossed(("test",), (composed, " bar")))
    assert data.classes == ("bar", composed)
    assert data.splits["test"].labels.tolist() == [0, 0, 1, 1]
    assert data.splits["train"].rows[0].size == (2, 2)


def test_folders_of_one_class_are_told(lay):
    data = lay(*crossed(("cat", "cat ", "dog")))
    assert data.classes == ("cat", "dog")
    assert data.notes == ("2 folders are the class 'cat'",)


def test_classes_that_differ_in_case_are_told(lay):
    data = lay(*crossed(("Cat", "cat", "dog")))
    assert data.classes == ("Cat", "cat", "dog")
    assert data.notes == ("the classes 'Cat' and 'cat' differ only in upper and lower case",)


def test_a_class_whose_pictures_are_passed_over_says_so(lay, tmp_path):
    (tmp_path / "pear").mkdir()
    (tmp_path / "pear" / "1.heic").touch()
    with pytest.raises(DataError, match=r"pear has no images.*1 \.heic; convert \.heic to JPEG"):
        lay(*crossed(("apple", "fig")))


def test_what_is_passed_over_is_counted(lay, tmp_path):
    """PhotoMapAI#364, thumbsup#368: endings that a program does not know."""
    paths = [f"{label}/{i}.{ending}" for label in "ab" for i, ending in enumerate(("jfif", "jpe"))]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.heic").touch()
    (tmp_path / "a" / "notes.txt").touch()
    data = lay(*paths)
    assert shape(data) == {"train": 4}
    assert data.notes == (
        "passed over 2 files that are no pictures: 1 .heic, 1 .txt; convert .heic to JPEG or PNG",
    )
