"""Image paths of tables stay in the table's folder unless they are allowed to leave."""

import json
import os
from pathlib import Path

import datasets
import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.data.tables import Place
from tutelage.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture, beside another folder with a picture that is nobody's business."""
    for name in ("table", "private", "table-of-another"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (4, 4), "red").save(tmp_path / name / "a.png")
    return tmp_path / "table"


def read(folder: Path, *names: str, source: str = "table", **params: object):
    rows = [{"image": name, "label": str(n % 2)} for n, name in enumerate(names)]
    (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_data(DataConfig(source=f"{source}:{folder / 't.jsonl'}", params=params))


def leaving(folder: Path, kind: str) -> str:
    match kind:
        case "absolute":
            return str(folder.parent / "private" / "a.png")
        case "dots":
            return "../private/a.png"
        case "blank":
            return f" {folder.parent / 'private' / 'a.png'}"
        case "neighbour":
            return "../table-of-another/a.png"
        case "linked file":
            os.symlink(folder.parent / "private" / "a.png", folder / "link.png")
            return "link.png"
        case _:
            os.symlink(folder.parent / "private", folder / "linked")
            return "linked/a.png"


@pytest.mark.parametrize(
    "kind", ["absolute", "dots", "blank", "neighbour", "linked file", "linked folder"]
)
def test_paths_that_leave_are_refused_unless_allowed(folder, kind):
    name = leaving(folder, kind)
    with pytest.raises(DataError, match=r"1 of 2 paths.*row 1.*data.params.outside_paths = true"):
        read(folder, "a.png", name)
    images = read(folder, "a.png", name, outside_paths=True).splits["train"].rows
    assert images[1].getpixel((0, 0)) == (255, 0, 0)


def test_paths_inside_may_be_written_in_any_way(folder):
    (folder / "b").mkdir()
    Image.new("RGB", (4, 4), "red").save(folder / "b" / "a..png")
    os.symlink(folder / "b", folder / "c")
    names = ["a.png", "./a.png", "b/../a.png", str(folder / "a.png"), "b/a..png", "c/a..png"]
    images = read(folder, *names).splits["train"].rows
    assert [images[n].size for n in range(6)] == [(4, 4)] * 6
    moved = folder.parent / "moved"
    os.symlink(folder, moved)  # a folder that is itself reached through a link
    assert len(read(moved, "a.png", str(folder / "a.png")).splits["train"]) == 2


def parquet(folder: Path, *images: object) -> DataConfig:
    table = datasets.Dataset.from_dict({"image": list(images), "label": ["0", "1"]})
    table.to_parquet(folder / "t.parquet")
    return DataConfig(source=f"table:{folder / 't.parquet'}")


def test_paths_beside_bytes_follow_the_same_rule(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    content = (folder / "a.png").read_bytes()
    inside = {"bytes": None, "path": "a.png"}
    named = {"bytes": content, "path": "/home/someone/who/made/it.png"}  # never read
    config = parquet(folder, inside, named)
    assert [read_data(config).splits["train"].rows[n].size for n in (0, 1)] == [(4, 4)] * 2
    outside = {"bytes": None, "path": "../private/a.png"}
    config = parquet(folder, inside, outside)
    with pytest.raises(DataError, match=r"1 of 2 paths.*outside_paths"):
        read_data(config)
    allowed = config.model_copy(update={"params": {"outside_paths": True}})
    assert read_data(allowed).splits["train"].rows[1].size == (4, 4)
    with pytest.raises(DataError, match=r"there is no image.*nowhere.png"):
        read_data(parquet(folder, inside, {"bytes": None, "path": "nowhere.png"}))


def test_paths_beside_bytes_may_have_backslashes(folder):
    (folder / "b").mkdir()
    Image.new("RGB", (3, 3), "red").save(folder / "b" / "c.png")
    config = parquet(folder, {"bytes": None, "path": " b\\c.png"}, {"bytes": None, "path": "a.png"})
    rows = read_data(config).splits["train"].rows
    assert [rows[n].size for n in (0, 1)] == [(3, 3), (4, 4)]
    assert rows.select([1, 0])[1].size == (3, 3)


def test_data_sets_of_the_hub_stay_in_their_folder(folder):
    def save(name: str) -> None:
        rows = [{"image": name, "label": "0"}, {"image": name, "label": "1"}]
        (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    config = DataConfig(source=f"hub:{folder}", image="image")
    save(str(folder.parent / "private" / "a.png"))
    with pytest.raises(DataError, match=r"2 of 2 paths.*outside_paths"):
        read_data(config)
    save(str(folder / "a.png"))
    assert read_data(config).splits["train"].rows[0].size == (4, 4)


def test_a_place_without_bounds_holds_everything():
    assert Place(Path("/data"), None).holds("/etc/passwd")
    assert Place(Path("/"), (Path("/"),)).holds("/etc/passwd")
    assert not Place(Path("/data"), (Path("/data"),)).holds("..")
    assert Place(Path("/data"), (Path("/data"),)).holds("a\0b")  # no file; the reader says so
