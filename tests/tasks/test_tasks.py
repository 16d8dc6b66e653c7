"""What a task is: its metrics by name, and labels that are there or not."""

import pytest
import torch
from torch import nan

from tutelage.errors import ConfigError
from tutelage.tasks.base import (
    Scale,
    Task,
    as_list,
    complete,
    has_label,
    hidden,
    metric_of,
    without_label,
)

SEVERAL = torch.tensor([[1.0, 0.0], [nan, 1.0], [nan, nan]])


def test_the_first_metric_leads_by_default():
    names = [metric_of(kind).name for kind in ("single-label", "multi-label", "regression")]
    assert names == ["accuracy", "average_precision", "r2"]
    with pytest.raises(ConfigError, match=r"no metric 'sperman' for regression .* 'spearman'"):
        metric_of("regression", "sperman")
    with pytest.raises(ConfigError, match=r"there is no metric 'r2' for single-label"):
        metric_of("single-label", "r2")


def test_f1_is_that_of_two_classes():
    labels = torch.tensor([0, 1, 2])
    assert Task.of("single-label", ("no", "yes"), labels, metric="f1").lead.label == "F1"
    with pytest.raises(ConfigError, match="there are 3; choose macro_f1"):
        Task.of("single-label", ("a", "b", "c"), labels, metric="f1")


def test_labels_that_are_there():
    assert has_label(torch.tensor([2, -100, 0])).tolist() == [True, False, True]
    assert has_label(SEVERAL).tolist() == [True, True, False]
    assert complete(SEVERAL).tolist() == [True, False, False]
    assert as_list(SEVERAL)[1] == [None, 1.0]
    assert not has_label(without_label(3, like=SEVERAL)).any()
    assert without_label(2, like=torch.tensor([1])).tolist() == [-100, -100]
    assert has_label(hidden(SEVERAL, torch.tensor([0]))).tolist() == [False, True, False]


def test_targets_come_back_in_their_units():
    labels = torch.tensor([[100.0, 5.0], [140.0, 5.0], [nan, 5.0]])
    scale = Scale.of(labels)
    assert scale == Scale(
        mean=(120.0, 5.0), std=(20.0, 1.0)
    )  # one that does not vary keeps its unit
    assert torch.equal(scale.raw(scale.standardised(labels))[:2], labels[:2])


def test_columns_of_labels():
    classes = Task.of("single-label", ("a", "b"), torch.tensor([0, 1]))
    assert classes.columns(torch.tensor([1, 0])).tolist() == [[0, 1], [1, 0]]
    targets = Task.of("regression", ("x",), torch.tensor([[1.0], [3.0]]))
    assert targets.columns(torch.tensor([[3.0]])).tolist() == [[1.0]]
    assert targets.raw(torch.tensor([[1.0]])).tolist() == [[3.0]]
