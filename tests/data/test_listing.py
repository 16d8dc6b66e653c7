"""Pictures are listed at any depth; other files are counted."""

import pytest
from PIL import Image

from tutelage.data.listing import has_pictures, list_pictures, passed_over, subfolders


@pytest.fixture
def root(tmp_path):
    for name in ("a/1.png", "a/deep/2.JPG", "b/3.jfif", "b/4.heic", "b/5.txt", "b/noending"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("__MACOSX/a/._1.png", "@eaDir/x.jpg", ".git/y.png", "a/.z.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_pictures_and_others(root):
    listing = list_pictures(root, root=root)
    assert sorted(listing.pictures) == ["a/1.png", "a/deep/2.JPG", "b/3.jfif"]
    assert listing.others == {".heic": 1, ".txt": 1, "": 1}
    assert sorted(list_pictures(root / "a", root=root).pictures) == ["a/1.png", "a/deep/2.JPG"]


def test_folders(root):
    assert subfolders(root) == ["a", "b"]
    assert has_pictures(root / "a")
    assert not has_pictures(root)


@pytest.mark.parametrize("ending", ["jfif", "jpe", "avif", "jp2", "tga", "ico", "webp", "qoi"])
def test_endings_of_what_pillow_decodes_are_known(tmp_path, ending):
    (tmp_path / f"x.{ending}").touch()
    known = f".{ending}" in Image.registered_extensions()
    assert len(list_pictures(tmp_path, root=tmp_path).pictures) == known


@pytest.mark.parametrize("ending", ["eps", "pdf", "h5", "mpg", "wmf", "txt", "csv", "npy", "heic"])
def test_endings_of_what_is_no_picture(tmp_path, ending):
    (tmp_path / f"x.{ending}").touch()
    assert list_pictures(tmp_path, root=tmp_path).others == {f".{ending}": 1}


def test_words():
    assert passed_over({}) == ()
    assert passed_over({".csv": 1}) == ("passed over 1 file that is no picture: 1 .csv",)
    many = passed_over({f".{number:02}": 1 for number in range(20)})
    assert many[0].startswith("passed over 20 files that are no pictures: 1 .00, ")
    assert many[0].endswith("1 .07, …")
