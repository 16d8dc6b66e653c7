"""Traits of a sample of the pictures are told: transparency, frames, dark gray of 16 bits."""

import datasets
import numpy as np
import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import open_data
from tutelage.data.decoding import Decoding
from tutelage.data.images import ImageColumn, ImageFiles
from tutelage.data.traits import picture_notes


@pytest.fixture
def files(tmp_path):
    def save(*images: Image.Image, ending: str = "png", **options) -> ImageFiles:
        names = [f"{number}.{ending}" for number in range(len(images))]
        for name, image in zip(names, images, strict=True):
            image.save(tmp_path / name, **options)
        return ImageFiles(tmp_path, names)

    return save


PLAIN = Image.new("RGB", (3, 3))


def test_plain_pictures_need_no_word(files):
    assert picture_notes(files(PLAIN, PLAIN.convert("L"), PLAIN.convert("P"))) == ()


def test_transparency_is_told_with_its_color(files):
    rows = files(PLAIN, PLAIN.convert("RGBA"), PLAIN.convert("LA"))
    assert picture_notes(rows) == (
        "2 of 3 pictures looked at have an alpha channel or a transparent color; where they are "
        "transparent, they show white (data.background)",
    )
    (note,) = picture_notes(rows.with_decoding(Decoding(background=(255, 0, 16))))
    assert "they show #ff0010 (data.background)" in note
    assert picture_notes(rows.with_decoding(Decoding(background=None))) == ()


def test_films_are_told(files):
    film = files(
        PLAIN, ending="gif", save_all=True, append_images=[Image.new("RGB", (3, 3), "red")]
    )
    assert picture_notes(film) == (
        "1 of 1 pictures looked at have several frames or pages; the first is read",
    )


def test_dark_gray_of_sixteen_bits_names_the_setting(files):
    scan = Image.fromarray(np.array([[0, 1000, 4010]], dtype=np.uint16))
    rows = files(scan, scan)
    (note,) = picture_notes(rows)
    assert note.startswith("2 of 2 pictures looked at are gray with 16 bits, and the largest value")
    assert "data.white = 4095" in note
    assert picture_notes(rows.with_decoding(Decoding(white=4095.0))) == ()
    bright = Image.fromarray(np.array([[0, 1000, 65535]], dtype=np.uint16))
    assert picture_notes(files(scan, bright)) == ()


def test_settings_that_change_no_picture_are_told(files):
    rows = files(PLAIN, PLAIN, ending="jpg")
    assert picture_notes(rows.with_decoding(Decoding(background=(255, 0, 16), white=4095.0))) == (
        "data.background changes none of 2 pictures looked at: all are opaque",
        "data.white = 4095 changes none of 2 pictures looked at: it is for gray ones of more than 8 bits",
    )


def test_damaged_pictures_are_left_to_decoding(files, tmp_path):
    rows = files(PLAIN.convert("RGBA"), PLAIN)
    (tmp_path / "1.png").write_bytes(b"no picture")
    assert picture_notes(rows)[0].startswith("1 of 1 pictures")


def test_a_column_is_looked_at(files, tmp_path):
    files(PLAIN.convert("RGBA"))
    table = datasets.Dataset.from_list([{"image": (tmp_path / "0.png").read_bytes()}] * 1000)
    assert picture_notes(ImageColumn(table, "image"))[0].startswith("334 of 334 pictures")


def test_rows_without_a_label_are_told_apart(files, tmp_path):
    files(*[PLAIN] * 4)
    for label in "ab":
        (tmp_path / "labelled" / label).mkdir(parents=True)
        for number in range(4):
            PLAIN.save(tmp_path / "labelled" / label / f"{number}.png")
    (tmp_path / "more").mkdir()
    PLAIN.convert("RGBA").save(tmp_path / "more" / "0.png")
    (tmp_path / "more" / "1.heic").touch()
    config = DataConfig(source=f"folder:{tmp_path}/labelled", unlabelled=f"folder:{tmp_path}/more")
    data, _ = open_data(config)
    assert [note.partition(" 1 ")[0] for note in data.notes] == [
        "unlabelled rows: passed over",
        "unlabelled rows:",
    ]
