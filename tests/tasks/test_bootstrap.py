"""Bootstrap intervals against the binomial distribution, and what they leave out."""

import math

import pytest
import torch

from tutelage.tasks import UNLABELLED, MultiLabel, Regression, SingleLabel
from tutelage.tasks.bootstrap import Interval, bootstrap_scores


def answers(right, rows):
    outputs = torch.zeros(rows, 2)
    outputs[:, 0] = 1.0
    labels = torch.tensor([0] * right + [1] * (rows - right))
    return outputs, labels


def test_the_interval_of_an_accuracy_is_that_of_its_standard_error():
    outputs, labels = answers(160, 200)
    task = SingleLabel.numbered(2)
    found = bootstrap_scores(task, outputs, labels, draws=120)["accuracy"]
    half = 1.96 * math.sqrt(0.8 * 0.2 / 200)
    assert found.value == 0.8
    assert found.low == pytest.approx(0.8 - half, abs=0.025)
    assert found.high == pytest.approx(0.8 + half, abs=0.025)


@pytest.mark.parametrize("right", [0, 52])
def test_answers_that_all_are_right_or_wrong_leave_something_open(right):
    """Every draw of them is alike, which says nothing of other rows."""
    outputs, labels = answers(right, 52)
    found = bootstrap_scores(SingleLabel.numbered(2), outputs, labels, draws=20)
    bound = 1.959964**2 / (52 + 1.959964**2)
    edge = found["accuracy"]
    assert edge.high - edge.low == pytest.approx(bound)
    assert edge.value in (edge.low, edge.high)
    assert found["macro_f1"] == Interval(float(right == 52))


def test_rows_without_a_label_do_not_count_and_draws_are_repeatable():
    outputs, labels = answers(8, 12)
    task, seen = SingleLabel.numbered(2), []
    first = bootstrap_scores(task, outputs, labels, draws=20, update=seen.append)
    more = torch.cat([outputs, outputs])
    unknown = torch.cat([labels, torch.full((12,), UNLABELLED)])
    assert bootstrap_scores(task, more, unknown, draws=20) == first
    assert seen == list(range(1, 21))
    assert set(first) == set(task.scores(outputs, labels))


def test_what_is_undefined_in_a_draw_is_left_out_of_it():
    """With two rows, many draws have one of them twice, of which R² is undefined."""
    task = Regression.numbered(1)
    found = bootstrap_scores(
        task, torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [2.5]]), draws=50
    )
    assert found["r2"].low is None
    assert found["mae"].low == 0


def test_rows_of_which_some_labels_are_not_known_are_not_counted_as_right_or_wrong():
    labels = torch.tensor([[1.0, 0.0]] * 10 + [[1.0, math.nan]] * 90)
    outputs = torch.where(labels == 1, 1.0, -1.0)
    task = MultiLabel(("a", "b"), MultiLabel.metrics["subset_accuracy"])
    few = bootstrap_scores(task, outputs[:10], labels[:10], draws=5)["subset_accuracy"]
    assert bootstrap_scores(task, outputs, labels, draws=5)["subset_accuracy"] == few
