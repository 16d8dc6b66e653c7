"""Folders of ``save_to_disk``, and single Arrow files."""

import datasets
import pandas
import pytest

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.errors import DataError

ROWS = {"text": ["a", "b", "c"], "label": [1, 0, 1]}
NAMES = datasets.Features(
    {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["neg", "pos"])}
)


@pytest.fixture(autouse=True)
def _no_bars():
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def read(path):
    return read_data(DataConfig(source=f"table:{path}"))


def test_splits_and_names_of_classes(tmp_path):
    rows = datasets.Dataset.from_dict(ROWS, features=NAMES)
    splits = datasets.DatasetDict(train=rows.with_format("torch"), test=rows.select([1, 2]))
    splits.save_to_disk(tmp_path / "saved")
    data = read(tmp_path / "saved")
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 3, "test": 2}
    assert data.classes == ("neg", "pos")
    assert data.splits["test"].labels.tolist() == [0, 1]
    assert data.splits["test"].rows[0] == ("b",)


def test_one_split_is_the_training_rows(tmp_path):
    datasets.Dataset.from_dict(ROWS).select([2, 1]).save_to_disk(tmp_path / "saved")
    train = read(tmp_path / "saved").splits["train"]
    assert [train.rows[0], train.rows[1]] == [("c",), ("b",)]


def test_a_damaged_folder(tmp_path):
    datasets.Dataset.from_dict(ROWS).save_to_disk(tmp_path / "saved")
    for file in (tmp_path / "saved").glob("*.arrow"):
        file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(
        DataError, match="saved cannot be read as a folder of datasets' save_to_disk"
    ):
        read(tmp_path / "saved")
    (tmp_path / "saved" / "state.json").write_text("{}")
    with pytest.raises(DataError, match="cannot be read as a folder"):
        read(tmp_path / "saved")


@pytest.mark.parametrize("name", ["a.feather", "a.arrow"])
def test_arrow_files(name, tmp_path):
    path = tmp_path / name
    if name == "a.feather":
        pandas.DataFrame(ROWS).to_feather(path)
    else:
        datasets.Dataset.from_dict(ROWS).data.table.to_pandas().to_feather(path, compression="zstd")
    data = read(path)
    assert data.classes == ("0", "1")
    assert data.splits["train"].rows[2] == ("c",)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=f"{name} cannot be read as arrow"):
        read(path)
