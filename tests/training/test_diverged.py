"""Students that training made worse than answers that ignore the row."""

import math

import torch

from tutelage.tasks import UNLABELLED, Regression, SingleLabel
from tutelage.training.diverged import words_if_diverged


def test_a_loss_above_twice_that_of_equal_outputs_is_named():
    task, labels = SingleLabel.numbered(3), torch.tensor([0, 1, 2, UNLABELLED])
    chance = math.log(3)
    assert words_if_diverged(2.1 * chance, task, labels, probed=True) == (
        "training diverged: on training rows the loss is 2.31, and 1.1 where all outputs are equal; "
        "lower train.lr, or begin with student.head = 'random'"
    )
    assert words_if_diverged(2.1 * chance, task, labels, probed=False).endswith("lower train.lr")
    assert words_if_diverged(1.9 * chance, task, labels, probed=True) is None
    assert words_if_diverged(None, task, labels, probed=True) is None


def test_targets_are_judged_in_their_deviations():
    labels = torch.tensor([[1000.0], [3000.0], [2000.0], [float("nan")]])
    task = Regression.of(["mass"], labels)
    assert words_if_diverged(1.5, task, labels, probed=False) is None
    assert "and 1 where" in words_if_diverged(2.5, task, labels, probed=False)
