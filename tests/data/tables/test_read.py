"""Tables: readers, columns that are found or asked for, labels and ids."""

import json
import os
import pickle
from io import BytesIO
from pathlib import Path

import datasets
import numpy as np
import pandas
import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.errors import ConfigError, DataError
from tutelage.tasks import UNLABELLED

ROWS = [
    {"id": "007", "text": "NA", "label": "bad"},
    {"id": "008", "text": 'fine, "very" fine', "label": "good"},
    {"id": "009", "text": " -", "label": "bad"},
]


def save(path: Path, rows=ROWS) -> Path:
    frame = pandas.DataFrame(rows)
    match path.suffix:
        case ".csv":
            frame.to_csv(path, index=False)
        case ".tsv":
            frame.to_csv(path, index=False, sep="\t")
        case ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case ".json":
            path.write_text(json.dumps(rows))
        case ".parquet":
            frame.to_parquet(path)
    return path


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "json", "parquet"])
def test_values_stay_as_they_stand(ending, tmp_path):
    data = read_data(DataConfig(source=f"table:{save(tmp_path / f'reviews.{ending}')}"))
    train = data.splits["train"]
    assert data.modality == "text"
    assert data.classes == ("bad", "good")
    assert train.labels.tolist() == [0, 1, 0]
    assert [train.rows[i] for i in range(3)] == [("NA",), ('fine, "very" fine',), (" -",)]
    assert train.ids == ["007", "008", "009"]
    part = pickle.loads(pickle.dumps(train.select([2, 1]).select([1])))
    assert part.rows[0] == ('fine, "very" fine',)
    assert part.ids == ["008"]
    assert part.origin.numbers == [1]
    assert part.origin.rows == 3


def test_a_row_is_its_number_where_there_is_no_id(tmp_path):
    rows = [{k: row[k] for k in ("text", "label")} for row in ROWS]
    data = read_data(DataConfig(source=f"table:{save(tmp_path / 'a.csv', rows)}"))
    assert data.splits["train"].ids == ["0", "1", "2"]


def test_a_folder_of_tables(tmp_path):
    save(tmp_path / "train.csv")
    save(tmp_path / "dev.jsonl", ROWS[:2])
    save(tmp_path / "test.parquet", ROWS[1:])
    (tmp_path / "readme.txt").write_text("hello")
    data = read_data(DataConfig(source=f"table:{tmp_path}"))
    assert {role: split.ids for role, split in data.splits.items()} == {
        "train": ["007", "008", "009"],
        "validation": ["007", "008"],
        "test": ["008", "009"],
    }
    assert data.splits["test"].labels.tolist() == [1, 0]
    swapped = read_data(DataConfig(source=f"table:{tmp_path}", test="dev"))
    assert swapped.splits["test"].ids == ["007", "008"]
    assert "validation" not in swapped.splits


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        ([10, 9, 10], ("9", "10"), [1, 0, 1]),
        (["10", "9", ""], ("9", "10"), [1, 0, UNLABELLED]),
        ([1.0, 0.0, None], ("0", "1"), [1, 0, UNLABELLED]),
        ([True, False, True], ("False", "True"), [1, 0, 1]),
        (["b", None, "a"], ("a", "b"), [1, UNLABELLED, 0]),
    ],
)
def test_labels(labels, classes, numbers, tmp_path):
    rows = [{"text": "x", "label": label} for label in labels]
    data = read_data(DataConfig(source=f"table:{save(tmp_path / 'a.jsonl', rows)}"))
    assert data.classes == classes
    assert data.splits["train"].labels.tolist() == numbers


def test_columns_are_found(tmp_path):
    def texts(**row):
        rows = [{**row, "label": i} for i in range(2)]
        return (
            read_data(DataConfig(source=f"table:{save(tmp_path / 'a.jsonl', rows)}"))
            .splits["train"]
            .rows[0]
        )

    assert texts(sentence="a", source="b") == ("a",)
    assert texts(sentence2="a", sentence1="b", idx=3) == ("b", "a")
    assert texts(premise="a", hypothesis="b") == ("a", "b")
    assert texts(snippet="a", score=3) == ("a",)
    rows = [{"t": "a", "u": "b", "label": i} for i in range(2)]
    path = save(tmp_path / "b.jsonl", rows)
    with pytest.raises(
        DataError, match=r"its texts \(t, u\). Columns: t \(text\), .* label \(int64\)"
    ):
        read_data(DataConfig(source=f"table:{path}"))
    assert read_data(DataConfig(source=f"table:{path}", text=["u", "t"])).splits["train"].rows[
        0
    ] == ("b", "a")
    assert read_data(DataConfig(source=f"table:{path}", text="t")).splits["train"].rows[0] == ("a",)


def png(number: int) -> bytes:
    content = BytesIO()
    Image.new("RGB", (5, 4), (number, 0, 0)).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize("kind", ["path", "bytes", "both", "feature"])
def test_images(kind, tmp_path):
    contents = [png(0), png(1)]
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, content in enumerate(contents):
        (folder / f"{number}.png").write_bytes(content)
    match kind:
        case "path":
            values = [f"pictures/{number}.png" for number in range(2)]
        case "bytes":
            values = contents
        case _:
            values = [{"bytes": content, "path": None} for content in contents]
    rows = [{"image": value, "label": i, "note": "x"} for i, value in enumerate(values)]
    path = tmp_path / ("a.csv" if kind == "path" else "a.parquet")
    if kind == "feature":
        table = datasets.Dataset.from_list(rows).cast_column("image", datasets.Image())
        table.to_parquet(path)
    else:
        save(path, rows)
    data = read_data(DataConfig(source=f"table:{path}"))
    assert data.modality == "image"
    images = pickle.loads(pickle.dumps(data.splits["train"].select([1]).rows))
    assert images[0].getpixel((0, 0)) == (1, 0, 0)
    assert images.content(0) == contents[1]
    asked = read_data(DataConfig(source=f"table:{path}", image="image")).splits["train"]
    assert np.array_equal(asked.rows[0], data.splits["train"].rows[0])


def test_class_names_that_a_table_states_are_kept(tmp_path):
    features = datasets.Features(
        {"text": datasets.Value("string"), "kind": datasets.ClassLabel(names=["z", "y", "x"])}
    )
    table = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "kind": [2, 0, -1]}, features)
    table.to_parquet(tmp_path / "a.parquet")
    data = read_data(DataConfig(source=f"table:{tmp_path / 'a.parquet'}"))
    assert data.classes == ("z", "y", "x")
    assert data.splits["train"].labels.tolist() == [2, 0, UNLABELLED]


def test_large_files_are_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr("tutelage.data.tables.read.IN_MEMORY", 10)
    rows = read_data(DataConfig(source=f"table:{save(tmp_path / 'a.csv')}")).splits["train"].rows
    assert rows[1] == ('fine, "very" fine',)


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    home = tmp_path / "home"
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(home))
    monkeypatch.chdir(scratch)
    before = datasets.are_progress_bars_disabled()
    read_data(DataConfig(source=f"table:{save(tmp_path / 'a.csv')}"))
    read_data(DataConfig(source=f"table:{save(tmp_path / 'a.parquet')}"))
    assert not home.exists()
    assert os.listdir(scratch) == []
    assert datasets.are_progress_bars_disabled() == before


def test_mistakes_are_named(tmp_path):
    def refuse(message, rows=ROWS, kind=DataError, name="a.jsonl", **options):
        path = tmp_path / name
        if rows is not None:
            save(path, rows)
        with pytest.raises(kind, match=message):
            read_data(DataConfig(source=f"table:{path}", **options))

    refuse("there is no table", None, name="none.csv")
    save(tmp_path / "reviews.csv")
    refuse("did you mean 'reviews.csv'", None, name="review.csv")
    (tmp_path / "notes.txt").write_text("x")
    refuse("is not a table; known endings are .csv", None, name="notes.txt")
    refuse(r"no column 'labl' for data.label; did you mean 'label'", label="labl")
    refuse(r"no column 'txt' for data.text; did you mean 'text'", text="txt")
    refuse(r"no column 'key' for data.id", id="key")
    refuse(r"no column 'label' for data.label", [{"text": "a"}])
    refuse("the id '7' occurs twice in column 'id'", [{**ROWS[0], "id": 7}, {**ROWS[1], "id": 7}])
    refuse("row 1 of .* has no text in column 'text'", [ROWS[0], {**ROWS[1], "text": None}])
    blank = {**ROWS[1], "text": " \t\u200b\n"}
    refuse("row 1 of the train rows of .* is empty: .* in 'text'; fill it", [ROWS[0], blank])
    refuse("holds 0.5, a fraction", [{**ROWS[0], "label": 0.5}, {**ROWS[1], "label": 1.5}])
    refuse("labels are classes", [{**ROWS[0], "label": [1, 2]}, {**ROWS[1], "label": [1]}])
    refuse("has 1 class", ROWS[:1])
    refuse("not text; name another", [{"text": 3, "label": i} for i in range(2)], text="text")
    refuse("row 0 of .*: there is no image", [{**row, "image": "a.png"} for row in ROWS])
    refuse(r"unknown data.params.sep", kind=ConfigError, params={"sep": ";"})
    (tmp_path / "b.csv").write_text("a,a\n1,2\n")
    refuse("must name each column once", None, name="b.csv")
    (tmp_path / "c.csv").write_bytes("text,label\ncaf\xe9,1\n".encode("latin-1"))
    refuse("UTF-8|utf-8", None, name="c.csv")
    (tmp_path / "d.csv").write_text("")
    refuse("is empty", None, name="d.csv")
    (tmp_path / "g.csv").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
    refuse("g.csv cannot be read: it is a Git LFS pointer; run 'git lfs pull'", None, name="g.csv")
    (tmp_path / "e.jsonl").write_text('{"text": "a", "label"')
    refuse("cannot be read as json", None, name="e.jsonl")
    (tmp_path / "f.parquet").write_text("no parquet")
    refuse("cannot be read as parquet", None, name="f.parquet")


def test_mistakes_in_a_folder_of_tables(tmp_path):
    with pytest.raises(DataError, match="has no tables"):
        read_data(DataConfig(source=f"table:{tmp_path}"))
    save(tmp_path / "train.csv")
    save(tmp_path / "test.csv", [{**ROWS[0], "label": "worse"}])
    with pytest.raises(DataError, match="class 'worse' occurs in the test rows but not"):
        read_data(DataConfig(source=f"table:{tmp_path}"))
    save(tmp_path / "test.csv", [{"text": "a", "class": "bad"}])
    with pytest.raises(DataError, match="no column 'label'"):
        read_data(DataConfig(source=f"table:{tmp_path}"))
    save(tmp_path / "train.jsonl")
    with pytest.raises(DataError, match="both a table of the split 'train'"):
        read_data(DataConfig(source=f"table:{tmp_path}"))


def test_long_texts(tmp_path):
    long = "word " * 40_000  # beyond what Python's csv takes in a field
    path = tmp_path / "t.csv"
    path.write_text(f'text,label\n"{long}",a\nshort,b\n')
    assert read_data(DataConfig(source=f"table:{path}")).splits["train"].rows[0] == (long,)
    path.write_text(f'"{long}",label\nshort,b\n')
    with pytest.raises(DataError, match=r"first line of .* cannot be read as csv: field larger"):
        read_data(DataConfig(source=f"table:{path}"))


def test_another_delimiter(tmp_path):
    (tmp_path / "a.csv").write_text("text;label\na, b;1\nc;0\n")
    data = read_data(DataConfig(source=f"table:{tmp_path / 'a.csv'}", params={"delimiter": ";"}))
    assert data.splits["train"].rows[0] == ("a, b",)


def test_all_faulty_rows_are_counted_and_listed_if_asked(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    lines = [f"{name},{text},{label}" for name, text, label in FAULTY]
    (tmp_path / "rows.csv").write_text("\n".join(["image,text,label", *lines]) + "\n")
    config = DataConfig(source=f"table:{tmp_path / 'rows.csv'}", image="image", text="text")
    with pytest.raises(
        DataError, match=r"there is no image .*b.png'.* \(and 2 more such; 'tutelage check'"
    ):
        read_data(config)
    split = read_data(config, allow_faults=True).splits["train"]
    assert sorted(split.faults) == [1, 2, 4]
    assert split.select([3, 4]).faults == {1: split.faults[4]}


FAULTY = [
    ("a.png", "x", "p"),
    ("b.png", "x", "q"),
    ("a.png", " ", "p"),
    ("a.png", "y", "q"),
    ("", "", "q"),
]


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        (
            "a.parquet",
            {"delimiter": ";"},
            r"params\.delimiter is of csv files, and .*a\.parquet has none",
        ),
        ("a.jsonl", {"quoting": False}, r"params\.quoting is of csv files"),
        ("a.parquet", {"encoding": "cp1252"}, r"params\.encoding is of csv and json files"),
    ],
)
def test_settings_of_other_files_are_refused(name, params, message, tmp_path):
    frame = pandas.DataFrame({"text": ["a", "b"], "label": ["x", "y"]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    with pytest.raises(ConfigError, match=message):
        read_data(DataConfig(source=f"table:{tmp_path / name}", params=params))
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert read_data(
        DataConfig(source=f"table:{tmp_path / 'a.jsonl'}", params={"encoding": "utf-8"})
    )
