"""Labels that are there or not, masked, and in JSON."""

import torch
from torch import nan

from tutelage.tasks import (
    as_list,
    fully_labelled,
    has_label,
    mask_labels,
    right_rows,
    without_label,
)

SEVERAL = torch.tensor([[1.0, 0.0], [nan, 1.0], [nan, nan]])


def test_labels_that_are_there():
    assert has_label(torch.tensor([2, -100, 0])).tolist() == [True, False, True]
    assert has_label(SEVERAL).tolist() == [True, True, False]
    assert fully_labelled(SEVERAL).tolist() == [True, False, False]
    assert as_list(SEVERAL)[1] == [None, 1.0]
    assert not has_label(without_label(3, like=SEVERAL)).any()
    assert without_label(2, like=torch.tensor([1])).tolist() == [-100, -100]
    assert has_label(mask_labels(SEVERAL, torch.tensor([0]))).tolist() == [False, True, False]


def test_right_rows_are_those_of_the_greatest_logit():
    outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.0], [0.5, 0.0]])
    assert right_rows(outputs, torch.tensor([0, 1, 1, -100])) == 2
    assert right_rows(outputs, torch.zeros(4, 2)) == 0
