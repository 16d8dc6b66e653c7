"""Regression: the loss in plain floats, metrics against scikit-learn, and units."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import nan

from tutelage.errors import ConfigError, DataError
from tutelage.tasks import Regression, SoftLabels, SquaredError, TargetScaling

DRAW = torch.Generator().manual_seed(0)
OUTPUTS = torch.randn(5, 3, generator=DRAW, dtype=torch.float64)
SOFT = torch.randn(5, 3, generator=DRAW, dtype=torch.float64)
PARTIAL = torch.tensor(
    [[110, 0.1, 3], [nan, 0.2, 4], [nan, nan, nan], [90, 0.4, 5], [130, nan, 1]],
    dtype=torch.float32,
)
SCALING = TargetScaling(mean=(100.0, 0.25, 3.0), std=(20.0, 0.5, 2.0))
LOGITS = torch.randn(60, 3, generator=DRAW)
TARGETS = LOGITS * torch.tensor([1.0, 20.0, 0.1]) + torch.randn(60, 3, generator=DRAW)


def scores(outputs, labels) -> dict[str, float]:
    return Regression.numbered(outputs.shape[1]).scores(outputs, labels)


def test_squared_error_is_of_standardized_targets():
    losses = [
        (z - (y - mean) / std) ** 2
        for row, line in zip(PARTIAL.tolist(), OUTPUTS.tolist(), strict=True)
        for y, z, mean, std in zip(row, line, SCALING.mean, SCALING.std, strict=True)
        if not math.isnan(y)
    ]
    loss = SquaredError(SCALING)(OUTPUTS, PARTIAL)
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-6)


def test_gradients_are_exact_and_unknown_targets_have_none():
    outputs = OUTPUTS.clone().requires_grad_()
    loss = SquaredError(SCALING)
    assert torch.autograd.gradcheck(lambda z: loss(z, PARTIAL), (outputs,))
    loss(outputs, PARTIAL).backward()
    assert (outputs.grad[PARTIAL.isnan()] == 0).all()
    assert outputs.grad.isfinite().all()


def test_soft_targets_are_in_the_targets_units():
    task = SoftLabels(mix=1.0, loss=SquaredError(SCALING))
    assert task(OUTPUTS, PARTIAL, SCALING.to_units(OUTPUTS)).item() == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="no temperature"):
        SoftLabels(temperature=2.0, loss=SquaredError(SCALING))(OUTPUTS, PARTIAL, SOFT)


def test_targets():
    outputs = LOGITS * torch.tensor([1.0, 20.0, 0.1])
    found = replace(Regression.numbered(3), names=("a", "b", "c")).scores(outputs, TARGETS)
    assert found["r2"] == pytest.approx(sk.r2_score(TARGETS.numpy(), outputs.numpy()))
    each = [torch.corrcoef(torch.stack([TARGETS[:, j], outputs[:, j]]))[0, 1] for j in range(3)]
    assert found["pearson"] == pytest.approx(float(np.mean(each)), abs=1e-5)
    ranks = [
        torch.corrcoef(torch.stack([x[:, j].argsort().argsort().double() for x in (TARGETS, outputs)]))[0, 1]
        for j in range(3)
    ]  # fmt: skip
    assert found["spearman"] == pytest.approx(float(np.mean(ranks)))
    error = (TARGETS[:, 1] - outputs[:, 1]).square().mean().sqrt().item()
    assert found["rmse/b"] == pytest.approx(error, rel=1e-5)
    alone = scores(outputs[:, :1], TARGETS[:, :1])
    assert alone["mae"] == pytest.approx(
        (TARGETS[:, 0] - outputs[:, 0]).abs().mean().item(), rel=1e-5
    )


def test_a_student_that_says_the_same_of_all_correlates_with_nothing():
    found = scores(torch.full((60, 1), 0.3), TARGETS[:, :1])
    assert found["spearman"] == found["pearson"] == 0
    assert found["r2"] <= 0


def test_targets_that_are_all_the_same_cannot_be_measured():
    with pytest.raises(DataError, match=r"R² is undefined on these rows"):
        Regression.numbered(1).score(torch.rand(5, 1), torch.ones(5, 1))


def test_columns_are_standardized_and_outputs_return_to_units():
    task = Regression.of(("x",), torch.tensor([[1.0], [3.0]]))
    assert task.columns(torch.tensor([[3.0]])).tolist() == [[1.0]]
    assert task.to_units(torch.tensor([[1.0]])).tolist() == [[3.0]]


@pytest.mark.parametrize("settings", [{"label_smoothing": 0.1}, {"class_weights": "balanced"}])
def test_there_are_no_classes_to_weigh_or_smooth(settings):
    labels = torch.tensor([[1.0], [2.0]])
    with pytest.raises(ConfigError, match="leave it out"):
        Regression.of(("height",), labels).loss(labels, **settings)


def test_all_rows_with_a_target_are_alike():
    assert Regression.strata(torch.tensor([[1.0], [nan], [3.0]])).tolist() == [0, -100, 0]
