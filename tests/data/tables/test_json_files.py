"""JSON tables: lines, lists, objects of columns, and whole numbers of any size."""

import json

import pandas
import pytest

from tutelage.config import DataConfig
from tutelage.data import read_data
from tutelage.errors import DataError

FRAME = pandas.DataFrame({"text": ["a", "b"], "label": ["x", "y"]}, index=[4, 7])


def train_of(path, content, **options):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    data = read_data(DataConfig(source=f"table:{path}", **options))
    return data, data.splits["train"]


@pytest.mark.parametrize("orient", ["columns", "split", "records", "table"])
def test_what_pandas_writes(orient, tmp_path):
    data, train = train_of(tmp_path / "a.json", FRAME.to_json(orient=orient), text="text")
    assert [train.rows[0], train.rows[1]] == [("a",), ("b",)]
    assert data.classes == ("x", "y")
    assert bool(data.notes) == (orient != "records")


@pytest.mark.parametrize(
    "content",
    [
        {"version": 2, "rows": FRAME.to_dict("records")},
        FRAME.to_dict("list"),
        FRAME.to_json(orient="records", lines=True),
        "\n \n" + FRAME.to_json(orient="records", lines=True),
    ],
)
def test_other_forms(content, tmp_path):
    _, train = train_of(tmp_path / "a.json", content)
    assert [train.rows[0], train.rows[1]] == [("a",), ("b",)]


def test_an_object_that_is_no_table(tmp_path):
    with pytest.raises(DataError, match="is one object with 'a', 'b', not rows; write a list"):
        train_of(tmp_path / "a.json", json.dumps({"a": 1, "b": "c"}, indent=1))


@pytest.mark.parametrize("lines", [True, False])
def test_huge_ids_are_exact(lines, tmp_path):
    first = 2**70
    rows = [{"id": first + n, "text": "a", "label": f"{n}"} for n in range(3)]
    content = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows)
    _, train = train_of(tmp_path / "a.json", content)
    assert train.ids == [str(first + n) for n in range(3)]


@pytest.mark.parametrize("lines", [True, False])
def test_texts_that_look_like_times_stay_texts(lines, tmp_path):
    rows = [{"id": f"2020-01-0{n}", "label": f"202{n % 2}-01-01", "text": "a"} for n in range(1, 4)]
    content = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows)
    data, train = train_of(tmp_path / "a.json", content)
    assert train.ids == ["2020-01-01", "2020-01-02", "2020-01-03"]
    assert data.classes == ("2020-01-01", "2021-01-01")


def test_large_fractions_stay_numbers(tmp_path):
    rows = [{"text": "a", "label": 1e20}, {"text": "b", "label": 2.5}]
    content = "\n".join(map(json.dumps, rows))
    _, train = train_of(tmp_path / "a.jsonl", content, task="regression")
    assert train.labels.flatten().tolist() == [pytest.approx(1e20), 2.5]


@pytest.mark.parametrize("indent", [None, 1])
def test_rows_in_several_entries(indent, tmp_path):
    rows = FRAME.to_dict("records")
    content = json.dumps({"version": 1, "train": rows, "test": rows}, indent=indent)
    with pytest.raises(
        DataError, match=r"rows in several entries \('train', 'test'\); save each as a file"
    ):
        train_of(tmp_path / "a.json", content)


def test_a_damaged_line_is_told_once(tmp_path, caplog, capsys):
    with pytest.raises(DataError, match=r"a\.jsonl cannot be read as json: .* in row 1"):
        train_of(tmp_path / "a.jsonl", '{"text": "a", "label": 1}\n{"text": "cut')
    assert not caplog.records
    assert capsys.readouterr().err == ""
