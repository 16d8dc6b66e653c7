"""What a task is: its metrics by name, and labels that are there or not."""

import pytest
import torch
from torch import nan

from tutelage.errors import ConfigError
from tutelage.tasks import (
    TASKS,
    Regression,
    SingleLabel,
    TargetScaling,
    as_list,
    fully_labelled,
    has_label,
    mask_labels,
    without_label,
)

SEVERAL = torch.tensor([[1.0, 0.0], [nan, 1.0], [nan, nan]])


def test_the_first_metric_leads_by_default():
    names = [TASKS[kind].metric().name for kind in ("single-label", "multi-label", "regression")]
    assert names == ["accuracy", "average_precision", "r2"]
    with pytest.raises(ConfigError, match=r"no metric 'sperman' for regression .* 'spearman'"):
        Regression.metric("sperman")
    with pytest.raises(ConfigError, match=r"there is no metric 'r2' for single-label"):
        SingleLabel.metric("r2")


def test_f1_is_that_of_two_classes():
    labels = torch.tensor([0, 1, 2])
    assert SingleLabel.of(("no", "yes"), labels, metric="f1").lead.label == "F1"
    with pytest.raises(ConfigError, match="there are 3; choose macro_f1"):
        SingleLabel.of(("a", "b", "c"), labels, metric="f1")


def test_labels_that_are_there():
    assert has_label(torch.tensor([2, -100, 0])).tolist() == [True, False, True]
    assert has_label(SEVERAL).tolist() == [True, True, False]
    assert fully_labelled(SEVERAL).tolist() == [True, False, False]
    assert as_list(SEVERAL)[1] == [None, 1.0]
    assert not has_label(without_label(3, like=SEVERAL)).any()
    assert without_label(2, like=torch.tensor([1])).tolist() == [-100, -100]
    assert has_label(mask_labels(SEVERAL, torch.tensor([0]))).tolist() == [False, True, False]


def test_targets_come_back_in_their_units():
    labels = torch.tensor([[100.0, 5.0], [140.0, 5.0], [nan, 5.0]])
    scale = TargetScaling.of(labels)
    assert scale == TargetScaling(
        mean=(120.0, 5.0), std=(20.0, 1.0)
    )  # one that does not vary keeps its unit
    assert torch.equal(scale.to_units(scale.standardize(labels))[:2], labels[:2])


def test_columns_of_labels():
    classes = SingleLabel.of(("a", "b"), torch.tensor([0, 1]))
    assert classes.columns(torch.tensor([1, 0])).tolist() == [[0, 1], [1, 0]]
    targets = Regression.of(("x",), torch.tensor([[1.0], [3.0]]))
    assert targets.columns(torch.tensor([[3.0]])).tolist() == [[1.0]]
    assert targets.to_units(torch.tensor([[1.0]])).tolist() == [[3.0]]
