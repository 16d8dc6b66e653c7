"""Data of the hub (from a folder laid out like it) and of one's own function."""

import sys

import datasets
import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.errors import ConfigError, DataError

ROWS = [{"text": f"text {i}", "label": i % 2} for i in range(6)]


def test_a_folder_laid_out_like_the_hub(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "snippets"
    for split, rows in {"train": ROWS, "test": ROWS[:2]}.items():
        datasets.Dataset.from_list(rows).to_parquet(folder / f"{split}.parquet")
    data = read_data(DataConfig(source=f"hub:{folder}"))
    assert data.classes == ("0", "1")
    assert data.splits["train"].rows[5] == ("text 5",)
    assert len(data.splits["test"]) == 2


@pytest.mark.parametrize("name", ["nobody/nothing", "nothing", "nobody/nothing/config"])
def test_missing_while_offline(name, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DataError, match=rf"there is no data set '{name}'.*HF_HUB_OFFLINE"):
        read_data(DataConfig(source=f"hub:{name}"))


CODE = """
import datasets
from PIL import Image
from tutelage.config import DataConfig
from tutelage.data import read_data

def lists(rows=4):
    return {"train": [{"text": f"t{i}", "label": i % 2} for i in range(rows)]}

def tables():
    rows = [{"picture": Image.new("RGB", (4, 3), (i, 0, 0)), "label": i % 2} for i in range(4)]
    return datasets.DatasetDict({"train": datasets.Dataset.from_list(rows)})

def whole(path): return read_data(DataConfig(source=path))
def nothing(): return None
def empty(): return {"train": []}
def mixed(): return {"train": [{"text": "a", "label": 0}, {"text": ["b"], "label": 1}]}
def no_splits(): return {}
def late():
    rows = [{"text": f"t{i}", "id": f"r{i}", "label": i % 2} for i in range(1, 4)]
    return {"train": [{"text": "t0", "id": "r0"}, *rows]}
"""


@pytest.fixture(autouse=True)
def own_module(tmp_path, monkeypatch):
    (tmp_path / "own_data.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("own_data", None)


def test_own_functions():
    data = read_data(DataConfig(source="python:own_data:lists", params={"rows": 6}))
    assert len(data.splits["train"]) == 6
    assert data.splits["train"].rows[3] == ("t3",)
    pictures = read_data(DataConfig(source="python:own_data:tables"))
    assert pictures.modality == "image"
    assert pictures.splits["train"].rows[2].getpixel((0, 0)) == (2, 0, 0)
    assert isinstance(pictures.splits["train"].rows[2], Image.Image)
    whole = read_data(
        DataConfig(source="python:own_data:whole", params={"path": "python:own_data:lists"})
    )
    assert len(whole.splits["train"]) == 4


def test_columns_that_the_first_row_lacks():
    train = read_data(DataConfig(source="python:own_data:late")).splits["train"]
    assert train.labels.tolist() == [-100, 1, 0, 1]
    assert train.ids == ["r0", "r1", "r2", "r3"]


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="did you mean 'lists'"):
        read_data(DataConfig(source="python:own_data:list"))
    with pytest.raises(ConfigError, match=r"unknown data.params.row; did you mean 'rows'"):
        read_data(DataConfig(source="python:own_data:lists", params={"row": 6}))
    with pytest.raises(DataError, match="returned NoneType; it must return a mapping"):
        read_data(DataConfig(source="python:own_data:nothing"))
    with pytest.raises(DataError, match="at least one row"):
        read_data(DataConfig(source="python:own_data:empty"))
    with pytest.raises(DataError, match="are no table"):
        read_data(DataConfig(source="python:own_data:mixed"))
    with pytest.raises(DataError, match="has no splits"):
        read_data(DataConfig(source="python:own_data:no_splits"))
    with pytest.raises(ConfigError, match="unknown scheme 'foldr'; did you mean 'folder'"):
        read_data(DataConfig(source="foldr:x"))
