"""Temperatures against a search over a grid, and what they change on rows that are held out."""

import pytest
import torch
from torch.nn import functional as F

from tutelage.tasks import UNLABELLED, MultiLabel, Regression, SingleLabel
from tutelage.tasks.temperature import fit_temperature, temperature_by_holdout


def sure_by(factor, rows=400):
    """Logits that are ``factor`` times too large, with labels drawn from their true probabilities."""
    draw = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(rows, 3, generator=draw)
    labels = torch.multinomial(logits.softmax(1), 1, generator=draw)[:, 0]
    return factor * logits, labels


@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_the_least_loss_on_a_grid(factor):
    logits, labels = sure_by(factor)
    fitted = fit_temperature(SingleLabel.numbered(3), logits, labels)
    grid = torch.linspace(0.5, 1.5, 2001, dtype=torch.float64) * fitted
    losses = torch.stack([F.cross_entropy(logits.double() / t, labels) for t in grid])
    assert abs(float(grid[losses.argmin()]) / fitted - 1) < 1e-3
    assert fitted == pytest.approx(factor, rel=0.25)


def test_of_several_labels_those_that_are_known():
    draw = torch.Generator().manual_seed(1)
    logits = torch.randn(500, 2, generator=draw)
    labels = (torch.rand(500, 2, generator=draw) < logits.sigmoid()).float()
    task = MultiLabel.numbered(2)
    whole = fit_temperature(task, 3 * logits, labels)
    assert whole == pytest.approx(3, rel=0.25)
    more = torch.cat([labels, torch.full((9, 2), torch.nan)])
    assert fit_temperature(task, torch.cat([3 * logits, 50 * logits[:9]]), more) == whole


def test_rows_that_do_not_determine_it():
    right = torch.eye(3)
    made = temperature_by_holdout(SingleLabel.numbered(3), right.repeat(3, 1), torch.arange(9) % 3)
    assert not made.is_determined
    assert made.value == 0.02
    wrong = fit_temperature(SingleLabel.numbered(3), right, torch.tensor([1, 2, 0]))
    assert wrong == 50


def test_held_out_rows_gain_where_probabilities_are_too_sure():
    logits, labels = sure_by(4.0)
    labels[:5] = UNLABELLED
    made = temperature_by_holdout(SingleLabel.numbered(3), logits, labels)
    assert made.is_determined
    assert made.loss_after < made.loss_before
    assert made.error_after < made.error_before / 2
    known = labels != UNLABELLED
    assert made.value == fit_temperature(SingleLabel.numbered(3), logits[known], labels[known])


def test_nothing_of_regression_or_of_few_rows():
    assert (
        temperature_by_holdout(Regression.numbered(1), torch.ones(9, 1), torch.ones(9, 1)) is None
    )
    few = SingleLabel.numbered(2), torch.ones(3, 2), torch.tensor([0, 1, 0])
    assert temperature_by_holdout(*few) is None
