"""Files of a table source: shards, compressed files, and what lies beside them."""

from pathlib import Path

import pandas
import pytest

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.data.tables.files import find_files, table_kind
from tutelage.errors import DataError


def folder_of(tmp_path: Path, *names: str) -> Path:
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("x")
    return tmp_path


def names_of(folder: Path) -> dict[str, list[str]]:
    return {s: [f.name for f in files] for s, files in find_files(folder).splits.items()}


def test_kinds():
    assert table_kind(Path("a.b.csv")) == ("csv", "a.b")
    assert table_kind(Path("A.TSV.GZ")) == ("tsv", "A")
    assert table_kind(Path("a.parquet.gz")) is None
    assert table_kind(Path("a.txt")) is None


def test_shards_are_one_split(tmp_path):
    folder = folder_of(
        tmp_path,
        "train-00001-of-00002.parquet",
        "train-00000-of-00002.parquet",
        "test-00000-of-00001-8f3c1d2e3a4b5c6d.parquet",
        "extra-000000000000.csv",
        "extra-000000000001.csv",
        "a-2019.csv",
    )
    assert names_of(folder) == {
        "a-2019": ["a-2019.csv"],
        "extra": ["extra-000000000000.csv", "extra-000000000001.csv"],
        "test": ["test-00000-of-00001-8f3c1d2e3a4b5c6d.parquet"],
        "train": ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"],
    }
    assert find_files(folder).notes == ("extra: 2 shards", "train: 2 shards")


def test_folders_of_parts(tmp_path):
    folder = folder_of(
        tmp_path,
        "train.parquet/part-00001-x.snappy.parquet",
        "train.parquet/part-00000-x.snappy.parquet",
        "train.parquet/_SUCCESS",
        "train.parquet/.part-00000-x.snappy.parquet.crc",
        "test.csv.gz",
        "images/metadata.csv",
    )
    assert names_of(folder) == {
        "test": ["test.csv.gz"],
        "train": ["part-00000-x.snappy.parquet", "part-00001-x.snappy.parquet"],
    }
    parts = names_of(tmp_path / "train.parquet")
    assert parts == {"part": ["part-00000-x.snappy.parquet", "part-00001-x.snappy.parquet"]}


def test_what_is_not_read_is_named(tmp_path):
    files = find_files(folder_of(tmp_path, "train.csv", "test.xlsx", "readme.txt"))
    assert list(files.splits) == ["train"]
    assert files.notes == ("test.xlsx is not read: its ending is no known table's",)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train.csv", "train.jsonl"], "are both a table of the split 'train'; remove one"),
        (["train.csv", "train.csv.gz"], "are both a table of the split 'train'"),
        (["train.csv", "train-00000-of-00001.csv"], "are both a table of the split 'train'"),
        (["train-00000-of-00001.csv", "train-00000-of-00001.parquet"], "are both a table"),
        (
            ["train-00001-of-00002.csv"],
            "has 1 of 2 shards of the split 'train': shard 0 is missing",
        ),
        (["t-00000-of-00002.csv", "t-00001-of-00003.csv"], "their counts differ"),
        (["train.csv/a.txt"], "is a folder, not a table"),
        (["a.xlsx"], r"has no tables; .*; there is a\.xlsx; save it as csv or parquet"),
    ],
)
def test_mistakes(names, message, tmp_path):
    with pytest.raises(DataError, match=message):
        find_files(folder_of(tmp_path, *names))


def test_one_file_of_an_unknown_kind(tmp_path):
    folder_of(tmp_path, "a.xlsx")
    with pytest.raises(DataError, match=r"is not a table; .*; save it as csv or parquet"):
        find_files(tmp_path / "a.xlsx")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_of_shards(kind, tmp_path, monkeypatch):
    def save(name, **columns):
        frame = pandas.DataFrame(columns)
        path = tmp_path / f"{name}.{kind}"
        frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)

    save("train-00000-of-00002", text=["a", "b"], label=["x", "y"])
    save("train-00001-of-00002", label=["x"], text=["c"])
    for in_memory in (2**28, 0):
        monkeypatch.setattr("tutelage.data.tables.read.IN_MEMORY", in_memory)
        train = read_data(DataConfig(source=f"table:{tmp_path}")).splits["train"]
        assert [train.rows[n] for n in range(3)] == [("a",), ("b",), ("c",)]
        assert train.labels.tolist() == [0, 1, 0]
        assert train.ids == ["0", "1", "2"]
    save("train-00001-of-00002", text=["c"], kind=["x"])
    with pytest.raises(DataError, match="shards of a split must have the same"):
        read_data(DataConfig(source=f"table:{tmp_path}"))
