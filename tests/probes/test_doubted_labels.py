"""Labels in doubt for every kind of task, against ``label_errors`` and against planted mistakes."""

import math

import torch

from tutelage.probes.doubted_labels import doubted_labels
from tutelage.probes.label_errors import label_errors
from tutelage.tasks import UNLABELLED, MultiLabel, Regression, SingleLabel

DRAW = torch.Generator().manual_seed(0)


def test_of_classes_they_are_those_of_confident_learning():
    labels = torch.randint(3, (80,), generator=DRAW)
    logits = torch.randn(80, 3, generator=DRAW) + torch.nn.functional.one_hot(labels, 3)
    hidden = labels.clone()
    hidden[::4] = UNLABELLED
    known = (hidden != UNLABELLED).nonzero().flatten()
    found = doubted_labels(logits, hidden, task=SingleLabel.numbered(3))
    expected = label_errors(logits[known], labels[known])
    assert expected
    assert [(one.row, one.outputs) for one in found] == [
        (int(known[error.row]), (error.label, error.likelier)) for error in expected
    ]


def test_rows_without_a_label_are_in_no_doubt():
    none = torch.full((4,), UNLABELLED)
    assert doubted_labels(torch.randn(4, 3), none, task=SingleLabel.numbered(3)) == []


def test_each_label_is_compared_by_itself():
    labels = (torch.rand(60, 2, generator=DRAW) < 0.5).float()
    logits = 8 * labels - 4 + 0.1 * torch.randn(60, 2, generator=DRAW)
    logits[[7, 9]] *= 2  # a probe that is surer of these than of rows of the same label
    labels[7, 1] = 1 - labels[7, 1]
    labels[9] = 1 - labels[9]
    labels[3, 0] = math.nan
    found = doubted_labels(logits, labels, task=MultiLabel.numbered(2))
    assert {one.row: set(one.outputs) for one in found} == {7: {1}, 9: {0, 1}}


def test_targets_far_from_the_probe():
    labels = torch.randn(90, 2, generator=DRAW, dtype=torch.float64)
    predicted = labels.float() + 0.1 * torch.randn(90, 2, generator=DRAW)
    labels[5, 1] += 3
    labels[6, 1] = math.nan
    found = doubted_labels(predicted, labels, task=Regression.of(("a", "b"), labels))
    assert (found[0].row, found[0].outputs) == (5, (1,))
    assert found[0].margin > 20
    assert all(one.margin > 4 for one in found)
    exact = doubted_labels(labels.float(), labels, task=Regression.of(("a", "b"), labels))
    assert all(one.margin > 4 for one in exact)
