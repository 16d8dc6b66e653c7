"""Metrics by name, and the standard error of a share."""

import random
import statistics

import pytest

from tutelage.tasks import TASKS, share_error


def test_the_error_of_a_share_is_the_spread_of_drawn_accuracies():
    draw = random.Random(0)
    accuracies = [sum(draw.random() < 0.8 for _ in range(200)) / 200 for _ in range(2000)]
    assert share_error(0.8, 200) == pytest.approx(statistics.stdev(accuracies), rel=0.05)


@pytest.mark.parametrize("rows", [10, 30, 300])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_few_rows_that_are_all_right_leave_an_error(share, rows):
    """Two errors reach about as far as the shares that give such rows in 5 of 100 draws."""
    farthest = 1 - 0.05 ** (1 / rows)
    assert 0.6 * farthest < 2 * share_error(share, rows) < 1.4 * farthest


def test_accuracies_alone_count_rows():
    counting = {
        metric.name
        for task in TASKS.values()
        for metric in task.metrics.values()
        if metric.counts_rows
    }
    assert counting == {"accuracy", "subset_accuracy"}
