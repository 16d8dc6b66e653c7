"""Orders of files are those of the programs themselves."""

import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.data.orders import listed

NAMES = (
    "cat/1.png", "cat/10.png", "cat/2.png", "cat-big/1.png", "cat big/3.png", "Cow/img9.PNG",
    "Cow/img10.png", "cat/in/7.png", "cat/in-side/8.png", "cat/in/deep/9.png", "dog2/a.png", "dog10/a.png",
)  # fmt: skip


@pytest.fixture(params=["", "train"])
def folder(request, tmp_path):
    for name in NAMES:
        path = tmp_path / request.param / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(path, format="PNG")
    return tmp_path, request.param


def rows(folder):
    return read_data(DataConfig(source=f"folder:{folder[0]}")).splits["train"]


def relative(paths, folder):
    return [str(path).removeprefix(f"{folder[0]}/") for path in paths]


def in_order(split, order):
    return [split.ids[n] for n in listed(split.ids, order, folder=split.naming.folder)]


def test_imagefolder(folder):
    from torchvision.datasets import ImageFolder

    theirs = relative([path for path, _ in ImageFolder(folder[0] / folder[1]).samples], folder)
    assert in_order(rows(folder), "imagefolder") == theirs
    assert theirs != rows(folder).ids


def test_timm(folder):
    from timm.data.readers.reader_image_folder import find_images_and_targets

    found, _ = find_images_and_targets(str(folder[0] / folder[1]))
    theirs = relative([path for path, _ in found], folder)
    assert in_order(rows(folder), "timm") == theirs
    assert theirs != rows(folder).ids


def test_rows_are_sorted_by_path(folder):
    assert in_order(rows(folder), "rows") == rows(folder).ids == sorted(rows(folder).ids)
