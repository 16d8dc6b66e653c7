"""Labels of each task from tables: several columns, lists, texts with a separator, and mistakes."""

import json
import math
import sys
from decimal import Decimal
from pathlib import Path

import datasets
import pandas
import pytest
import torch

from tutelage.config import DataConfig, load_config
from tutelage.data import Data, Split, choose_splits, open_data, read_data, read_unlabelled
from tutelage.errors import ConfigError, DataError
from tutelage.tasks import MultiLabel, Regression

NAN = math.nan


def save(path: Path, labels: list[object], name: str = "label") -> str:
    rows = [{"text": f"row {n}", name: label} for n, label in enumerate(labels)]
    if path.suffix == ".csv":
        lines = [f"text,{name}", *(f"row {n},{label}" for n, label in enumerate(labels))]
        path.write_text("\n".join(lines) + "\n")
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"table:{path}"


def labels_of(data: Data, split: str = "train") -> list[list[float | None]]:
    return [
        [None if math.isnan(x) else x for x in row] for row in data.splits[split].labels.tolist()
    ]


def test_lists_of_names(tmp_path):
    source = save(tmp_path / "a.jsonl", [["cat", "dog"], [], None, ["dog"]])
    data = read_data(DataConfig(source=source, task="multi-label"))
    assert data.classes == ("cat", "dog")
    assert data.task == "multi-label"
    assert data.splits["train"].labels.dtype == torch.float32
    assert labels_of(data) == [[1, 1], [0, 0], [None, None], [0, 1]]


def test_names_in_one_text(tmp_path):
    source = save(tmp_path / "a.csv", ["cat; dog", "", "dog"])
    data = read_data(DataConfig(source=source, task="multi-label", label_separator=";"))
    assert labels_of(data) == [[1, 1], [0, 0], [0, 1]]
    with pytest.raises(DataError, match=r"row 0 of the train rows .* set data.label_separator"):
        read_data(DataConfig(source=source, task="multi-label"))


def test_a_separator_of_lists_is_refused(tmp_path):
    source = save(tmp_path / "a.jsonl", [["cat;dog"], ["dog"]])
    with pytest.raises(DataError, match=r"holds lists, of which data.label_separator = ';' sep"):
        read_data(DataConfig(source=source, task="multi-label", label_separator=";"))


def test_lists_that_pandas_wrote_as_texts(tmp_path):
    texts = ["\"['cat', 'dog']\"", "[]", "", "['dog']"]
    data = read_data(DataConfig(source=save(tmp_path / "a.csv", texts), task="multi-label"))
    assert data.classes == ("cat", "dog")
    assert labels_of(data) == [[1, 1], [0, 0], [None, None], [0, 1]]


def test_booleans_as_texts(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,wet,cold\na,True,FALSE\nb,false,true\nc,,1.0\n")
    data = read_data(DataConfig(source=f"table:{path}", task="multi-label", label=["wet", "cold"]))
    assert labels_of(data) == [[1, 0], [0, 1], [None, 1]]


def test_one_class_whatever_its_number_is_written_like(tmp_path):
    (tmp_path / "train.csv").write_text("text,label\na,1.0\nb,0.0\nc,\n")
    (tmp_path / "test.csv").write_text("text,label\na,1\nb, 0\n")
    data = read_data(DataConfig(source=f"table:{tmp_path}"))
    assert data.classes == ("0", "1")
    assert data.splits["train"].labels.tolist() == [1, 0, -100]
    assert data.splits["test"].labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([Decimal("0.00"), Decimal("1.00")], ("0", "1")),
        ([b"neg", b"pos"], ("neg", "pos")),
        (pandas.array([0, None], dtype="Int64"), ("0",)),
    ],
)
def test_labels_of_other_types(labels, classes, tmp_path):
    frame = pandas.DataFrame({"text": ["a", "b"], "label": labels})
    frame.to_parquet(tmp_path / "train.parquet")
    if len(classes) == 1:
        with pytest.raises(DataError, match=r"has 1 class \(0\)"):
            read_data(DataConfig(source=f"table:{tmp_path}"))
        return
    assert read_data(DataConfig(source=f"table:{tmp_path}")).classes == classes


def declared(kind, labels: list[object]) -> datasets.Dataset:
    features = datasets.Features({"text": datasets.Value("string"), "label": kind})
    texts = [f"row {number}" for number in range(len(labels))]
    return datasets.Dataset.from_dict({"text": texts, "label": labels}, features=features)


@pytest.fixture
def give(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own_marks.py").write_text("tables = {}\ndef give(): return tables\n")
    monkeypatch.delitem(sys.modules, "own_marks", raising=False)
    import own_marks

    def read(task: str, **tables) -> Data:
        own_marks.tables |= tables
        return read_data(DataConfig(source="python:own_marks:give", task=task))

    return read


def test_numbers_that_the_table_names(give):
    kind = datasets.List(datasets.ClassLabel(names=["cat", "dog", "eel"]))
    data = give("multi-label", train=declared(kind, [[2], [0, 1], []]))
    assert data.classes == ("cat", "dog", "eel")
    assert labels_of(data) == [[0, 0, 1], [1, 1, 0], [0, 0, 0]]
    for stray in (-1, None):
        with pytest.raises(DataError, match=f"row 1 .* holds the class number {stray}, but the"):
            give("multi-label", train=declared(kind, [[2], [0, stray]]))


def test_names_of_a_table_that_are_whole_numbers(give):
    kind = datasets.ClassLabel(names=["1.0", "2.0"])
    plain = datasets.Dataset.from_dict({"text": ["a", "b"], "label": ["2", "1.0"]})
    data = give("single-label", train=declared(kind, [0, 1, 0, -1]), test=plain)
    assert data.classes == ("1", "2")
    assert data.splits["train"].labels.tolist() == [0, 1, 0, -100]
    assert data.splits["test"].labels.tolist() == [1, 0]


def test_columns_of_0_and_1_and_of_numbers(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,wet,cold\na,1,0\nb,0,1\nc,,1\nd,,\n")
    data = read_data(DataConfig(source=f"table:{path}", task="multi-label", label=["wet", "cold"]))
    assert data.classes == ("wet", "cold")
    assert labels_of(data) == [[1, 0], [0, 1], [None, 1], [None, None]]
    splits = choose_splits(data, DataConfig(source="", evaluate="holdout", holdout=0.4))
    assert len(splits.unlabelled[0]) == 1
    path.write_text("text,height,mass\na,1.5,20\nb,-3,1e3\nc,,7\n")
    data = read_data(
        DataConfig(source=f"table:{path}", task="regression", label=["height", "mass"])
    )
    assert labels_of(data) == [[1.5, 20], [-3, 1000], [None, 7]]
    one = read_data(
        DataConfig(source=f"table:{path}", task="regression", label="mass", text="text")
    )
    assert labels_of(one) == [[20], [1000], [7]]
    more = read_unlabelled(DataConfig(source="", unlabelled=f"table:{path}", text="text"), like=one)
    assert more.labels.isnan().all()
    assert more.labels.shape == (3, 1)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([0.5, 1.5], {}, r"a fraction; .* set data.task = 'regression'"),
        ([["a"], ["b"]], {}, r"a list; .* set data.task = 'multi-label'"),
        ([1, "tall"], {"task": "regression"}, r"row 1 of the train rows .* 'tall', which is no number"),
        ([1, "nan"], {"task": "regression"}, r"'nan'; targets are finite numbers: leave it empty"),
        ([1, "inf"], {"task": "regression"}, r"'inf'; targets are finite numbers"),
        ([2, 2, 2], {"task": "regression"}, r"the target 'label' is 2 in all training rows"),
        ([None, None], {"task": "regression"}, r"no training row .* has a value of 'label'"),
        ([["a"], ["a"]], {"task": "multi-label"}, r"every training row .* has the label 'a'"),
        ([[], []], {"task": "multi-label"}, r"no training row .* has a label"),
        ([3, 4], {"task": "multi-label"}, r"a multi-label column holds lists of names"),
        ([0, 0], {"task": "multi-label", "label": ["label"]}, r"no training row .* the label 'label'"),
        (["\"['a', 'b']\"", "['b']"], {}, r"holds lists \(\['a', 'b'\]\); .* set data.task = 'multi-label'"),
        (["\"['a', 'b']\"", "['b']"], {"task": "multi-label", "label_separator": ","}, r"leave data.label_sep"),
        (["['a' 'b']", "['b']"], {"task": "multi-label"}, r"row 0 .* looks like an array that was written as a text"),
        (["1_000", "2"], {"task": "regression"}, r"row 0 .* holds '1_000', which is no number"),
        (["\"1,5\"", "2"], {"task": "regression"}, r"'1,5', which is no number; .* with a decimal point"),
        ([0, 2], {"task": "multi-label", "label": ["label"]}, r"holds '?2'?; labels in columns are 0 or 1"),
        ([0, 1], {"task": "multi-label", "label": ["labl"]}, r"no column 'labl' .* 'label'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path, labels, options, message):
    mixed = any(isinstance(label, str) for label in labels)
    source = save(tmp_path / ("a.csv" if mixed else "a.jsonl"), labels)
    with pytest.raises(DataError, match=message):
        read_data(DataConfig(source=source, **options))


def test_a_name_that_only_test_rows_have(tmp_path):
    save(tmp_path / "train.jsonl", [["a"], ["b"]])
    save(tmp_path / "test.jsonl", [["a", "c"]])
    with pytest.raises(
        DataError, match=r"class 'c' occurs in the test rows but not in the training"
    ):
        read_data(DataConfig(source=f"table:{tmp_path}", task="multi-label"))


def test_a_folders_images_have_one_class(digits):
    with pytest.raises(ConfigError, match=r"the one class whose folder .* task 'regression'"):
        read_data(DataConfig(source=f"folder:{digits}", task="regression"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"data": {"metric": "acuracy"}}, r"no metric 'acuracy' for single-label .*'accuracy'"),
        ({"data": {"label": ["a", "b"]}}, r"several label columns .* set task = 'regression'"),
        ({"data": {"label_separator": ";"}}, r"label_separator takes one column of names apart"),
        ({"data": {"task": "multilabel"}}, r"data.task = 'multilabel'"),
        ({"data": {"task": "regression"}, "train": {"label_smoothing": 0.1}}, "leave it out"),
        ({"data": {"task": "multi-label"}, "train": {"label_smoothing": 0.1}}, "leave it out"),
        ({"data": {"task": "regression"}, "train": {"class_weights": "balanced"}}, "leave it out"),
        ({"data": {"task": "regression"}, "transfer": {"temperature": 2}}, "divide logits"),
    ],
)
def test_settings_that_do_not_fit_the_task(settings, message):
    base = {"data": {"source": "table:a.csv"}, "transfer": {"method": "stl"}}
    with pytest.raises(ConfigError, match=message):
        load_config([base, settings])


def test_rare_labels_lie_on_both_sides_of_a_draw():
    labels = torch.zeros(60, 3)
    labels[:40, 0] = 1
    labels[:4, 1] = 1  # rare, and always with the first
    labels[50, 2] = 1  # a single row of it
    found = MultiLabel.strata(labels)
    assert found[:4].tolist() == [1] * 4
    assert found[50] == 3  # among those without any
    split = Split("train", _Texts(60), [str(n) for n in range(60)], labels)
    data = Data({"train": split}, ("a", "b", "c"), "text", task="multi-label")
    splits = choose_splits(data, DataConfig(source="", evaluate="holdout", holdout=0.25))
    for part in (splits.training, splits.evaluated):
        assert part.labels[:, 1].sum() >= 1
    assert Regression.strata(torch.tensor([[1.0], [NAN]])).tolist() == [0, -100]


class _Texts:
    modality = "text"

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> tuple[str]:
        return (str(index),)

    def content(self, index: int) -> bytes:
        return str(index).encode()

    def select(self, indices) -> "_Texts":
        return _Texts(len(indices))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_vectors_of_0_and_1_are_no_names(name, tmp_path):
    vectors = [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    if name == "a.csv":
        vectors = [f'"{vector}"' for vector in vectors]
    data = read_data(
        DataConfig(source=save(tmp_path / name, [*vectors, vectors[2]]), task="multi-label")
    )
    assert data.classes == ("0", "1", "2")
    assert labels_of(data) == [[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 1, 0]]


def test_vectors_of_truth_values_are_no_names(tmp_path):
    vectors = [[True, False], [False, True], None, [False, False]]
    data = read_data(DataConfig(source=save(tmp_path / "a.jsonl", vectors), task="multi-label"))
    assert data.classes == ("0", "1")
    assert labels_of(data) == [[1, 0], [0, 1], [None, None], [0, 0]]


def test_labels_that_are_called_0_and_1(tmp_path):
    source = save(tmp_path / "a.jsonl", [[0, 1], [1], [0], []])
    assert labels_of(read_data(DataConfig(source=source, task="multi-label"))) == [
        [1, 1],
        [0, 1],
        [1, 0],
        [0, 0],
    ]
    source = save(tmp_path / "b.jsonl", [[0, 1], [1, 0]])
    with pytest.raises(DataError, match="every training row"):
        read_data(DataConfig(source=source, task="multi-label"))


def test_large_whole_numbers_stay_what_they_are(tmp_path):
    """As float32 neighbors become one (apache/mxnet#8405, open-mmlab/mmdetection3d#296)."""
    stamps = [1550083467346370 + 1000 * i for i in range(20)]
    rows = pandas.DataFrame({"text": [f"word {i}" for i in range(20)], "seen": stamps})
    rows.to_csv(tmp_path / "train.csv", index=False)
    rows.to_csv(tmp_path / "test.csv", index=False)
    read = read_data(DataConfig(source=f"table:{tmp_path}", label="seen", task="regression"))
    labels = read.splits["train"].labels
    assert [int(label) for label in labels[:, 0]] == stamps
    learned = Regression.of(("seen",), labels).standardized(labels)
    exact = (torch.arange(20.0) - 9.5) / torch.arange(20.0).std(correction=0)
    torch.testing.assert_close(learned[:, 0], exact, rtol=0, atol=1e-4)


def test_a_first_whole_number_makes_no_whole_numbers_of_the_others(tmp_path):
    """Elsewhere all targets became integers (deepset-ai/FARM#395, amaiya/ktrain#129)."""
    marks = ["0", "1", "1"] + [f"0.{i:03}" for i in range(1, 300)]
    rows = pandas.DataFrame({"text": [f"word {i}" for i in range(len(marks))], "mark": marks})
    rows.to_csv(tmp_path / "train.csv", index=False)
    rows.to_csv(tmp_path / "test.csv", index=False)
    read = read_data(DataConfig(source=f"table:{tmp_path}", label="mark", task="regression"))
    assert read.splits["train"].labels[:, 0].tolist() == [float(mark) for mark in marks]


@pytest.mark.parametrize("scale", [1e305, 1e200, 1e35, 1e-36, 1e-200, 1e-310])
def test_targets_beyond_float32_are_refused(tmp_path, scale):
    rows = pandas.DataFrame({"text": list("abcd"), "mass": [i * scale for i in range(4)]})
    rows.to_csv(tmp_path / "train.csv", index=False)
    rows.to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match=r"'mass' lies between 0 and .* write it in another unit"):
        read_data(DataConfig(source=f"table:{tmp_path}", label="mass", task="regression"))


def test_decimal_numbers_are_no_classes_where_one_is_in_a_single_row(tmp_path):
    marks = [f"{i % 5}.{i % 7}" for i in range(20)]
    rows = pandas.DataFrame({"text": [f"word {i}" for i in range(20)], "mark": marks})
    rows.to_csv(tmp_path / "train.csv", index=False)
    config = DataConfig(source=f"table:{tmp_path}", label="mark")
    hint = "for numbers to predict set data.task = 'regression'"
    with pytest.raises(DataError, match=rf"20 different decimal numbers, 20 of them .*; {hint}"):
        open_data(config)
    rows.assign(mark="9.5").to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match=rf"class '9.5' occurs in the test rows but .*; {hint}"):
        open_data(config)
    for split in ("train", "test"):
        rows.assign(mark=["1.5", "2"] * 10).to_csv(tmp_path / f"{split}.csv", index=False)
    assert open_data(config)[0].classes == ("1.5", "2")
