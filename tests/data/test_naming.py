"""What ids are, by source: declared, paths, or row numbers; and what splits may be called."""

import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import read_data, read_unlabelled
from tutelage.data.naming import split_names
from tutelage.errors import DataError


def table(path, rows, *, ids=None):
    head = "text,label" if ids is None else "id,text,label"
    lines = [f"text {row},{'ab'[row % 2]}" for row in range(rows)]
    if ids is not None:
        lines = [f"{name},{line}" for name, line in zip(ids, lines, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *lines]) + "\n")


def test_rows_of_a_table_without_ids_are_numbered(tmp_path):
    table(tmp_path / "x/train.csv", 4)
    table(tmp_path / "x/test.csv", 2)
    table(tmp_path / "more.csv", 3)
    options = DataConfig(source=f"table:{tmp_path}/x", unlabelled=f"table:{tmp_path}/more.csv")
    data = read_data(options)
    train, test = data.splits["train"], data.splits["test"]
    assert train.naming.kind == test.naming.kind == "number"
    assert (train.split_names, test.split_names) == (("train",), ("test",))
    more = read_unlabelled(options, like=data)
    # The source calls it "more", which says nothing; a folder's table may even be called "train".
    assert (more.naming.kind, more.split_names) == ("number", ("unlabelled",))
    part = train.select([3, 1]).select([1], name="holdout")
    assert part.naming == train.naming
    assert part.split_names == ("train",)
    assert part.origin.ids == ["0", "1", "2", "3"]


def test_a_column_of_ids_and_files_named_by_their_path(tmp_path):
    table(tmp_path / "x.csv", 2, ids=["p", "q"])
    train = read_data(DataConfig(source=f"table:{tmp_path}/x.csv")).splits["train"]
    assert (train.naming.kind, train.split_names) == ("column", ("train", "x"))
    for name in ("training/a/1.png", "training/b/2.png"):
        (tmp_path / "f" / name).parent.mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(tmp_path / "f" / name)
    pictures = read_data(DataConfig(source=f"folder:{tmp_path}/f")).splits["train"]
    assert pictures.ids == ["training/a/1.png", "training/b/2.png"]
    assert pictures.naming.kind == "path"
    assert pictures.naming.folder == "training"
    assert pictures.split_names == ("train", "training")


def test_a_row_without_an_id_is_refused(tmp_path):
    (tmp_path / "x.jsonl").write_text(
        '{"id": "p", "text": "a", "label": "u"}\n{"id": null, "text": "b", "label": "v"}\n'
    )
    with pytest.raises(DataError, match=r"row 1 of the train rows of .* has no id in column 'id'"):
        read_data(DataConfig(source=f"table:{tmp_path}/x.jsonl"))


def test_a_role_that_names_another_split_is_no_name():
    present = ["train", "validation", "test"]
    assert split_names("test", "validation", present=present) == ("validation",)
    assert split_names("test", "test", present=present) == ("test",)
    assert split_names("validation", "dev", present=["train", "dev"]) == ("validation", "dev")
