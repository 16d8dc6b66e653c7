"""Labels of other files, as the run numbers them."""

import json

import pytest
import torch

from tutelage.deploy.labelled import labelled_rows
from tutelage.deploy.saved import SavedRun
from tutelage.errors import ConfigError, DataError

BOTH = {"title": "a", "body": "b"}


def rows_of(folder, source, split=None, **changes):
    run = SavedRun.open(folder)
    config = run.config.data.model_copy(update={"params": {}, **changes})
    if source is not None:
        config = config.model_copy(update={"source": source})
    return run, labelled_rows(run, source, config, split=split)


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"table:{path}"


def test_by_default_the_rows_that_the_run_evaluated(review_run):
    run, rows = rows_of(review_run, None)
    assert (rows.own, rows.split.name, len(rows.split)) == (True, "test", 24)
    assert rows.source == run.config.data.source


def test_the_test_rows_of_a_source_unless_another_split_is_named(review_run, reviews):
    _, rows = rows_of(review_run, f"table:{reviews}")
    assert (rows.own, rows.split.name, len(rows.split)) == (False, "test", 24)
    assert "the test rows are measured, not train" in rows.notes[-1]
    _, rows = rows_of(review_run, f"table:{reviews}", split="train")
    assert (rows.split.name, len(rows.split)) == ("train", 60)


def test_classes_are_numbered_as_in_the_run(review_run, tmp_path):
    """Here the first class does not occur, and some rows have none."""
    source = lines(
        tmp_path / "new.jsonl",
        [
            {"text": "dull", "label": "rotten"},
            {"text": "x", "label": None},
            {"text": "y", "label": "rotten"},
        ],
    )
    run, rows = rows_of(review_run, source)
    assert rows.split.labels.tolist() == [run.task.names.index("rotten")] * 2
    assert rows.unlabelled == 1
    assert list(rows.split.ids) == ["0", "2"]


def test_labels_by_name(labels_run, tmp_path):
    row = {"title": "a", "body": "b"}
    source = lines(tmp_path / "new.jsonl", [row | {"tags": ["loud"]}, row | {"tags": []}])
    _, rows = rows_of(labels_run, source, label="tags")
    assert rows.split.labels.tolist() == [[0.0, 1.0], [0.0, 0.0]]  # warm occurs in no row


def test_targets_in_the_order_of_the_run(numbers_run, tmp_path):
    source = lines(tmp_path / "new.jsonl", [{"title": "a", "body": "b", "height": 3.5}])
    _, rows = rows_of(numbers_run, source)
    assert torch.equal(rows.split.labels, torch.tensor([[3.5]], dtype=torch.float64))


@pytest.mark.parametrize(
    ("kind", "row", "changes", "says"),
    [
        ("review_run", {"text": "x", "label": "sour"}, {}, r"'sour'; its 2 classes are fresh, rot"),
        ("review_run", {"text": "x", "label": None}, {}, "has a label, so nothing can be measured"),
        ("review_run", {"text": "x"}, {}, "has no column 'label'"),
        ("labels_run", BOTH | {"tags": ["red", "blue"]}, {"label": "tags"}, "'blue' and 1 more"),
        ("numbers_run", BOTH | {"width": 3}, {"label": "width"}, "does not know: 'width'"),
    ],
)
def test_labels_of_something_else(kind, row, changes, says, tmp_path, request):
    source = lines(tmp_path / "new.jsonl", [row])
    with pytest.raises(DataError, match=says):
        rows_of(request.getfixturevalue(kind), source, **changes)


def test_a_single_row_has_no_label(review_run):
    with pytest.raises(ConfigError, match="is a single row, which has no label"):
        rows_of(review_run, "a fine film")
