"""Paths of images in tables, as other systems write them, and what is said of those without a file."""

import re
import unicodedata

import pytest

from tutelage.data.tables.image_paths import find_images
from tutelage.data.tables.places import Place
from tutelage.errors import DataError


def find(folder, *paths):
    names, faults = dict(enumerate(paths)), {}
    place = Place(folder, (folder,))
    find_images(names, "image", place=place, where="the rows", faults=faults)
    return list(names.values()), faults


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pics").mkdir()
    for name in ("a.JPG", "b.png", unicodedata.normalize("NFD", "é.png")):
        (tmp_path / "pics" / name).touch()
    return tmp_path


def test_a_path_that_is_there_is_left_alone(folder):
    (folder / " pics\\b.png").touch()
    assert find(folder, "pics/b.png", " pics\\b.png") == (["pics/b.png", " pics\\b.png"], {})


def test_other_forms(folder):
    """paperbanana#240 (files of a zip from macOS), barcode_detection_benchmark#2 (backslashes)."""
    composed = unicodedata.normalize("NFC", "pics/é.png")
    paths, missing = find(folder, " pics/b.png ", "pics\\b.png", composed)
    assert paths == ["pics/b.png", "pics/b.png", unicodedata.normalize("NFD", composed)]
    assert missing == {}


@pytest.mark.parametrize("path", ["pics/a.jpg", "pics/a", "pics/a.png"])
def test_a_file_that_differs_in_case_or_ending_is_named(folder, path):
    """keras-preprocessing#88: names without their ending."""
    paths, missing = find(folder, "pics/b.png", path)
    assert paths == ["pics/b.png", path]
    assert re.search(f"row 1 of the rows: there is no image .*{path}', but 'a.JPG'; p", missing[1])


@pytest.mark.parametrize("path", ["pics/c.png", "nowhere/a.png", "", "a\0b", "a" * 5000])
def test_nothing_similar(folder, path):
    (message,) = find(folder, path)[1].values()
    assert "but" not in message
    assert len(message) < 600


@pytest.mark.parametrize("start", ["http://", "https://", "s3://", "gs://", " file:///"])
def test_urls(folder, start):
    with pytest.raises(
        DataError, match=rf"'image' of the rows holds URLs \({start.strip()}x/0\.jpg\); download"
    ):
        find(folder, "pics/b.png", f"{start}x/0.jpg")


def test_backslashes_do_not_lead_out_of_the_folder(folder):
    (folder / "inner").mkdir()
    with pytest.raises(DataError, match=r"1 of 1 paths .* lead out of the folder"):
        find(folder / "inner", "..\\pics\\b.png")
