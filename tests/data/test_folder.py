"""Folders of images: splits, ids, what is passed over and what is refused."""

import os
import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.data.decoding import Decoding
from tutelage.errors import ConfigError, DataError


def save(path, color=(200, 10, 10), size=(6, 4), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path, **options)


@pytest.fixture
def flowers(tmp_path):
    for label in ("rose", "tulip"):
        for number in range(3):
            save(tmp_path / label / f"{number}.png")
    return tmp_path


def test_class_folders(flowers):
    save(flowers / "rose" / "deep" / "er" / "4.JPG")
    (flowers / "rose" / ".hidden.png").write_text("no image")
    (flowers / "rose" / "notes.txt").write_text("no image")
    (flowers / ".cache").mkdir()
    (flowers / "readme.md").write_text("hello")
    data = read_data(DataConfig(source=f"folder:{flowers}"))
    assert data.classes == ("rose", "tulip")
    assert data.modality == "image"
    train = data.splits["train"]
    assert list(data.splits) == ["train"]
    assert train.ids == [
        *(f"rose/{i}.png" for i in range(3)),
        "rose/deep/er/4.JPG",
        *(f"tulip/{i}.png" for i in range(3)),
    ]
    assert train.labels.tolist() == [0] * 4 + [1] * 3
    assert train.rows[0].size == (6, 4)
    assert train.rows.content(0) == (flowers / "rose" / "0.png").read_bytes()
    again = pickle.loads(pickle.dumps(train.select([5, 0])))
    assert again.ids == ["tulip/1.png", "rose/0.png"]
    assert again.labels.tolist() == [1, 0]
    assert np.array_equal(again.rows[1], train.rows[0])


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev"])
def test_splits(flowers, tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("splits")
    for split in ("train", "test", name):
        shutil.copytree(flowers, folder / split)
    shutil.rmtree(folder / "test" / "tulip")  # a test without some class is possible
    data = read_data(DataConfig(source=f"folder:{folder}/"))
    assert {role: len(split) for role, split in data.splits.items()} == {
        "train": 6,
        "test": 3,
        "validation": 6,
    }
    assert data.splits["validation"].ids[0] == f"{name}/rose/0.png"
    assert data.splits["test"].name == "test"


def test_splits_of_other_names(flowers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("splits")
    for split in ("learn", "exam"):
        shutil.copytree(flowers, folder / split)
    data = read_data(DataConfig(source=f"folder:{folder}", train="learn", test="exam"))
    assert data.splits["train"].ids[0] == "learn/rose/0.png"
    with pytest.raises(DataError, match=r"no split 'exan' for data.test; did you mean 'exam'"):
        read_data(DataConfig(source=f"folder:{folder}", train="learn", test="exan"))


def test_numbers_as_classes_are_in_the_order_of_numbers(tmp_path):
    for label in ("10", "9", "1"):
        save(tmp_path / label / "a.png")
    assert read_data(DataConfig(source=f"folder:{tmp_path}")).classes == ("1", "9", "10")


def test_images_become_upright_rgb(tmp_path):
    save(tmp_path / "a" / "turned.jpg", exif=exif_of(6))
    Image.fromarray(np.full((4, 6), 40000, dtype=np.uint16)).save(tmp_path / "a" / "sixteen.png")
    Image.new("L", (6, 4), 7).save(tmp_path / "a" / "grey.png")
    Image.new("RGBA", (6, 4), (1, 2, 3, 0)).save(tmp_path / "a" / "clear.png")
    save(tmp_path / "b" / "x.png")
    rows = read_data(DataConfig(source=f"folder:{tmp_path}")).splits["train"].rows
    clear, grey, sixteen, turned = (rows[i] for i in range(4))
    assert [image.mode for image in (clear, grey, sixteen, turned)] == ["RGB"] * 4
    assert turned.size == (4, 6)
    assert sixteen.getpixel((0, 0)) == (156, 156, 156)
    assert grey.getpixel((0, 0)) == (7, 7, 7)
    assert clear.getpixel((0, 0)) == (255, 255, 255)


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def test_an_image_that_cannot_be_decoded_is_named(flowers):
    (flowers / "rose" / "0.png").write_bytes(b"\1not an image")
    whole = (flowers / "rose" / "1.png").read_bytes()
    (flowers / "rose" / "1.png").write_bytes(whole[: len(whole) // 2])
    (flowers / "rose" / "2.png").write_bytes(b"")
    rows = read_data(DataConfig(source=f"folder:{flowers}")).splits["train"].rows
    (flowers / "tulip" / "0.png").unlink()
    for index, message in [
        (0, r"rose/0.png cannot be decoded .*; repair or remove it\n.'tutelage check' lists all"),
        (1, r"rose/1.png cannot be decoded"),
        (2, r"rose/2.png is empty"),
        (3, r"tulip/0.png cannot be read: No such file"),
    ]:
        with pytest.raises(DataError, match=message):
            rows[index]
    with pytest.raises(DataError, match="image x has 32 bits a pixel"):
        Decoding().decode(tiff_of_floats(flowers / "f.tif"), name="x")


def tiff_of_floats(path) -> bytes:
    Image.fromarray(np.ones((3, 3), dtype=np.float32)).save(path)
    return path.read_bytes()


def test_links_are_followed_but_not_in_circles(flowers, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    save(elsewhere / "more" / "9.png")
    (elsewhere / "more" / "round").symlink_to(elsewhere / "more")
    (elsewhere / "back").symlink_to(flowers / "rose")
    (flowers / "rose" / "linked").symlink_to(elsewhere)
    (flowers / "rose" / "self").symlink_to("self")
    (flowers / "rose" / "up").symlink_to("..")
    (flowers / "all").symlink_to(".")
    data = read_data(DataConfig(source=f"folder:{flowers}"))
    assert data.splits["train"].ids == [
        *(f"rose/{i}.png" for i in range(3)),
        "rose/linked/more/9.png",
        *(f"tulip/{i}.png" for i in range(3)),
    ]


def test_a_pipe_is_named_and_not_waited_for(flowers):
    os.mkfifo(flowers / "rose" / "pipe.png")
    rows = read_data(DataConfig(source=f"folder:{flowers}")).splits["train"].rows
    index = [name.endswith("pipe.png") for name in rows.names].index(True)
    for read in (rows.__getitem__, rows.content):
        with pytest.raises(
            DataError, match=r"rose/pipe\.png cannot be read: it is no regular file"
        ):
            read(index)


def test_names_are_utf_8(flowers):
    (flowers / "rose" / "0.png").rename(flowers / "rose" / os.fsdecode(b"\xff.png"))
    with pytest.raises(DataError, match=r"rose/\\xff.png.*is not UTF-8; rename it"):
        read_data(DataConfig(source=f"folder:{flowers}"))


def test_mistakes_are_named(flowers, tmp_path_factory):
    def refuse(message, folder, kind=DataError, **options):
        with pytest.raises(kind, match=message):
            read_data(DataConfig(source=f"folder:{folder}", **options))

    refuse("does not exist", flowers / "none")
    refuse("is a file; tables are table:FILE", flowers / "rose" / "0.png")
    refuse("has no class folders, but 3 images", flowers / "rose")
    refuse("has no columns", flowers, ConfigError, text="text")
    refuse(r"unknown data.params.x", flowers, ConfigError, params={"x": 1})
    (flowers / "lily").mkdir()
    refuse(r"class folder .*lily has no images", flowers)
    empty = tmp_path_factory.mktemp("empty")
    refuse("has no class folders;", empty)
    (empty / "a").mkdir()
    refuse("no images in the folders", empty)
    save(empty / "a" / "a.png")
    refuse("has 1 class", empty)
    splits = tmp_path_factory.mktemp("splits")
    for split, labels in {"train": ("a", "b"), "test": ("a", "c")}.items():
        for label in labels:
            save(splits / split / label / "x.png")
    refuse("class 'c' occurs in the test rows but not in the training rows", splits)
