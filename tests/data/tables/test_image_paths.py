"""Paths of images in tables, as other systems write them, and what is said of those without a file."""

import os
import re
import time
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


def test_many_paths_take_little_longer_than_a_look_at_each_file(folder):
    """20,000 took 1.6 seconds."""
    names = [f"pics/{number}.png" for number in range(2000)]
    for name in names:
        (folder / name).touch()

    def seconds(work):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return min(times)

    looks = seconds(lambda: [os.lstat(os.path.join(folder, name)) for name in names])
    assert seconds(lambda: find(folder, *names)) < 15 * looks


def test_a_folder_that_is_a_link_leads_out(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "a.png").touch()
    (folder / "link").symlink_to(outside)
    with pytest.raises(DataError, match=r"1 of 2 paths.*link/a\.png"):
        find(folder, "pics/b.png", "link/a.png")


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
