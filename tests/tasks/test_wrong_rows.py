"""Rows on which a model is wrong, the worst first, against losses row by row."""

import math

import pytest
import torch
from torch.nn import functional as F

from tutelage.tasks import MultiLabel, Regression, SingleLabel, row_losses, wrong_rows

DRAW = torch.Generator().manual_seed(0)
LOGITS = torch.randn(50, 3, generator=DRAW)


def test_classes():
    labels = torch.randint(3, (50,), generator=DRAW)
    labels[4] = -100
    found = wrong_rows(SingleLabel.numbered(3), LOGITS, labels).tolist()
    wrong = [
        (-float(LOGITS[row].double().log_softmax(dim=0)[label]), row)
        for row, label in enumerate(labels.tolist())
        if label >= 0 and int(LOGITS[row].argmax()) != label
    ]
    assert found == [row for _, row in sorted(wrong, key=lambda pair: -pair[0])]
    assert 4 not in found


def test_a_row_is_wrong_if_one_known_label_is():
    outputs = torch.tensor([[5.0, -5.0], [5.0, 1.0], [-9.0, -9.0], [1.0, -1.0]])
    labels = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, math.nan], [math.nan, math.nan]])
    task = MultiLabel.numbered(2)
    assert wrong_rows(task, outputs, labels).tolist() == [2, 1]
    losses = row_losses(task, outputs, labels)
    assert float(losses[2]) == pytest.approx(math.log1p(math.exp(9.0)))
    assert float(losses[3]) == 0


def test_targets_by_their_error_in_deviations():
    labels = torch.tensor([[1.0, 100.0], [2.0, 300.0], [3.0, math.nan]], dtype=torch.float64)
    task = Regression.of(("a", "b"), labels)
    outputs = labels.nan_to_num() + torch.tensor([[0.0, 50.0], [1.0, 0.0], [0.1, 7.0]])
    assert wrong_rows(task, outputs, labels).tolist() == [1, 0, 2]
    deviations = torch.tensor([[0.0, 50 / 100], [1 / math.sqrt(2 / 3), 0.0]])
    expected = F.mse_loss(deviations, torch.zeros(2, 2), reduction="none").mean(dim=1)
    assert row_losses(task, outputs, labels)[:2].tolist() == pytest.approx(expected.tolist())
