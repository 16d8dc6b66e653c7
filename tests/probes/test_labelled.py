"""Labelled rows are found, and labels that no probe can be fitted to are refused."""

import pytest
import torch

from tutelage.cache.table import as_table
from tutelage.errors import DataError
from tutelage.probes.labelled import labelled_rows
from tutelage.tasks import UNLABELLED, MultiLabel, Regression, SingleLabel

NAN = torch.nan


def rows(count: int):
    return as_table(torch.zeros(count, 2))


def test_rows_with_a_class_are_found():
    labels = torch.tensor([1, UNLABELLED, 0, 2, UNLABELLED])
    found = labelled_rows(rows(5), labels, task=SingleLabel.numbered(3))
    assert found.tolist() == [0, 2, 3]


@pytest.mark.parametrize("task", [MultiLabel.numbered(2), Regression.numbered(2)])
def test_rows_with_any_known_column_are_found(task):
    labels = torch.tensor([[1.0, 0.0], [NAN, NAN], [NAN, 1.0], [0.0, NAN]])
    assert labelled_rows(rows(4), labels, task=task).tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("task", "labels", "message"),
    [
        (SingleLabel.numbered(2), [0, 1, 0], "4 rows of features but 3 labels"),
        (SingleLabel.numbered(2), [[0.0], [1.0], [0.0], [1.0]], "are class numbers; got"),
        (MultiLabel.numbered(2), [0, 1, 0, 1], r"are numbers \[rows, outputs\]; got torch.int64"),
        (SingleLabel.numbered(2), [0, 1, 2, 0], "of 2 classes are 0 to 1, .* got 0 to 2"),
        (SingleLabel.numbered(2), [0, 1, -1, 0], "of 2 classes are 0 to 1, .* got -1 to 1"),
        (SingleLabel.numbered(2), [1, 1, 1, UNLABELLED], "the 3 labelled rows have 1"),
        (SingleLabel.numbered(2), [UNLABELLED] * 4, "the 0 labelled rows have 0"),
        (SingleLabel.numbered(3), [0, 1, 1, 0], "no row of class 2 of 3"),
        (SingleLabel.numbered(5), [0, 1, 1, 0], "no row of class 2 and 2 more of 5"),
        (Regression.numbered(2), [[1.0]] * 4, r"labelled rows of 2 columns; got \[4, 1\]"),
        (Regression.numbered(1), [[NAN]] * 4, r"labelled rows of 1 columns; got \[0, 1\]"),
        (MultiLabel.numbered(1), [[0.0], [0.5], [1.0], [NAN]], "are 0 and 1, or NaN"),
    ],
)
def test_labels_that_no_probe_can_be_fitted_to_are_refused(task, labels, message):
    with pytest.raises(DataError, match=message):
        labelled_rows(rows(4), torch.tensor(labels), task=task)


def test_targets_may_be_any_numbers():
    labels = torch.tensor([[0.5], [-3.0]])
    assert labelled_rows(rows(2), labels, task=Regression.numbered(1)).tolist() == [0, 1]
