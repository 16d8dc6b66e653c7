"""Files of predictions: each format holds the same, and nothing is left of what failed."""

import csv
import json

import pyarrow.parquet as pq
import pytest
import torch

from tutelage.deploy import prediction_files
from tutelage.deploy.prediction_files import Layout, writing_predictions
from tutelage.errors import ConfigError, OutputError
from tutelage.tasks import MultiLabel, Regression, SingleLabel

CLASSES = SingleLabel(("a", "b, c", "=1+1"), SingleLabel.metric())
LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 3.0]])


def test_columns_of_classes():
    table = Layout(CLASSES).table(["x", "y"], LOGITS, split="")
    assert table == {
        "id": ["x", "y"],
        "prediction": ["a", "=1+1"],
        "probability": [
            float(LOGITS.double().softmax(1).float()[0, 0]),
            float(LOGITS.double().softmax(1).float()[1, 2]),
        ],
    }
    table = Layout(CLASSES, top=9, every=True, splits=True).table(["x", "y"], LOGITS, split="test")
    assert list(table) == [
        *("split", "id", "prediction", "probability", "prediction_2", "probability_2"),
        *("prediction_3", "probability_3", "p(a)", "p(b, c)", "p(=1+1)"),
    ]
    assert table["prediction_2"] == ["b, c", "b, c"]
    assert table["p(a)"] == LOGITS.double().softmax(1).float()[:, 0].tolist()


def test_of_equal_logits_the_first_is_predicted_as_metrics_do():
    equal = torch.zeros(1, 3)
    assert Layout(CLASSES).table(["x"], equal, split="")["prediction"] == ["a"]
    assert CLASSES.scores(equal, torch.tensor([0]))["accuracy"] == 1
    many = SingleLabel.numbered(40)
    ties = torch.randn(50, 40, generator=torch.Generator().manual_seed(0)).round()
    ids = [""] * 50
    first = Layout(many).table(ids, ties, split="")["prediction"]
    assert Layout(many, top=3).table(ids, ties, split="")["prediction"] == first


def test_columns_of_labels_and_numbers():
    labels = MultiLabel(("warm", "loud"), MultiLabel.metric())
    outputs = torch.tensor([[0.0, -1.0], [-2.0, -3.0]])
    table = Layout(labels).table(["x", "y"], outputs, split="")
    assert table["prediction"] == [["warm"], []]
    assert table["p(loud)"] == outputs.double().sigmoid().float()[:, 1].tolist()
    one, two = (Regression(names, Regression.metric()) for names in (("h",), ("h", "w")))
    assert Layout(one).table(["x"], torch.tensor([[1.5]]), split="") == {
        "id": ["x"],
        "prediction": [1.5],
    }
    assert list(Layout(two).table(["x"], outputs[:1], split="")) == [
        *("id", "prediction(h)", "prediction(w)")
    ]


def written(path):
    labels = MultiLabel(("warm", "loud"), MultiLabel.metric())
    with writing_predictions(path) as write:
        for number, row in enumerate(torch.tensor([[-1.0, -1.0], [0.1, -1.0], [2.0, 3.0]])):
            name = f'={number}, "quoted"\n'
            write(Layout(labels).table([name], row[None], split=""))
    return path


def test_the_same_in_every_format(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_files, "GROUP", 2)
    parquet = pq.read_table(written(tmp_path / "p.parquet"))
    rows = parquet.to_pylist()
    assert pq.ParquetFile(tmp_path / "p.parquet").num_row_groups == 2
    lines = written(tmp_path / "p.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == rows
    with written(tmp_path / "p.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for row, cells in zip(rows, table, strict=True):
        assert cells["id"] == row["id"]
        assert json.loads(cells["prediction"]) == row["prediction"]
        assert torch.tensor(float(cells["p(warm)"])) == torch.tensor(row["p(warm)"])


def fail(path, error):
    with writing_predictions(path) as write:
        write({"id": ["a"]})
        raise error


def test_nothing_is_left_of_what_failed(tmp_path):
    (tmp_path / "p.csv").write_text("before")
    with pytest.raises(ZeroDivisionError):
        fail(tmp_path / "p.csv", ZeroDivisionError())
    assert (tmp_path / "p.csv").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


def test_files_that_cannot_be_written(tmp_path):
    for path, says in (
        ("p.xls", r"cannot tell how to write .*\.csv, \.jsonl, \.parquet"),
        ("no/p.csv", "there is no folder"),
        ("dir.csv", "is a folder; name a file in it"),
    ):
        (tmp_path / "dir.csv").mkdir(exist_ok=True)
        with pytest.raises(ConfigError, match=says), writing_predictions(tmp_path / path):
            pass
    with pytest.raises(OutputError, match=r"choose another file with --out"):
        fail(tmp_path / "p.csv", OSError(28, "No space left on device"))
