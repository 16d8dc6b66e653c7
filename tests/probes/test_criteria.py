"""Losses that a probe minimizes: their derivative by autograd, and their constant outputs."""

import math

import pytest
import torch
from torch.nn import functional as F

from tutelage.probes.criteria import criterion_of
from tutelage.tasks import MultiLabel, Regression, SingleLabel

ROWS, OUTPUTS = 12, 3
CPU = torch.device("cpu")
CASES = ["single-label", "multi-label", "regression"]


def case(kind: str):
    """The criterion of some labels, and its loss of one output and one label, written plainly."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(ROWS) % OUTPUTS
    if kind == "single-label":
        labels[0] = 2
        return criterion_of(SingleLabel.numbered(OUTPUTS), labels, device=CPU), labels
    if kind == "multi-label":
        columns = torch.randint(0, 2, (ROWS, OUTPUTS), generator=draw).float()
        columns[4, 1] = columns[7, 2] = torch.nan
        return criterion_of(MultiLabel.numbered(OUTPUTS), columns, device=CPU), columns
    columns = 5 * torch.randn(ROWS, OUTPUTS, generator=draw) + 3
    columns[4, 1] = columns[7, 2] = torch.nan
    task = Regression.of(("a", "b", "c"), columns)
    return criterion_of(task, columns, device=CPU), columns


def plain_loss(kind: str, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The sum over known labels; outputs are [rows, outputs]."""
    if kind == "single-label":
        return F.cross_entropy(outputs, labels, reduction="sum")
    known = ~labels.isnan()
    if kind == "multi-label":
        return F.binary_cross_entropy_with_logits(outputs[known], labels[known], reduction="sum")
    total = outputs.new_zeros(())
    for column in range(OUTPUTS):
        there = known[:, column]
        target = labels[there, column]
        target = (target - target.mean()) / target.std(correction=0)
        total = total + (outputs[there, column] - target).square().sum() / 2
    return total


@pytest.mark.parametrize("kind", CASES)
def test_the_derivative_is_autograds(kind):
    criterion, labels = case(kind)
    outputs = torch.randn(ROWS, OUTPUTS, generator=torch.Generator().manual_seed(1))
    outputs.requires_grad_(True)
    expected = plain_loss(kind, outputs, labels)
    (gradient,) = torch.autograd.grad(expected, outputs)
    losses, residuals = [], []
    for rows in (slice(0, 5), slice(5, ROWS)):
        loss, residual = criterion.residual(outputs.detach()[rows].T.contiguous(), rows)
        losses.append(float(loss))
        residuals.append(residual.T)
    assert sum(losses) == pytest.approx(expected.item(), rel=1e-5)
    assert torch.allclose(torch.cat(residuals), gradient, atol=1e-6)


@pytest.mark.parametrize("kind", CASES)
def test_the_constants_are_the_outputs_of_least_loss(kind):
    criterion, labels = case(kind)
    constants = criterion.constants()
    outputs = constants.expand(ROWS, OUTPUTS).clone().requires_grad_(True)
    loss = plain_loss(kind, outputs, labels)
    (gradient,) = torch.autograd.grad(loss, outputs)
    assert torch.allclose(gradient.sum(dim=0), torch.zeros(OUTPUTS), atol=1e-5)
    assert criterion.constant_loss() == pytest.approx(loss.item(), rel=1e-5)


@pytest.mark.parametrize("kind", CASES)
def test_the_curvature_is_the_second_derivative(kind):
    """At equal probabilities; a softmax's is (1/K)(I - 1/K), of which the criterion states 1/K."""
    criterion, labels = case(kind)
    outputs = torch.zeros(ROWS, OUTPUTS)

    def row_loss(row: torch.Tensor) -> torch.Tensor:
        return plain_loss(kind, torch.cat([row[None], outputs[1:]]), labels)

    hessian = torch.autograd.functional.hessian(row_loss, outputs[0])
    expected = criterion.curvature * torch.eye(OUTPUTS)
    if kind == "single-label":
        expected = expected - criterion.curvature / OUTPUTS
    assert torch.allclose(hessian, expected, atol=1e-6)


@pytest.mark.parametrize("kind", CASES)
def test_units_are_undone(kind):
    criterion, _ = case(kind)
    weight, bias = torch.randn(OUTPUTS, 4), torch.randn(OUTPUTS)
    there = criterion.to_units(weight, bias)
    back = criterion.from_units(*there)
    assert torch.allclose(back[0], weight, atol=1e-5)
    assert torch.allclose(back[1], bias, atol=1e-5)
    if kind != "regression":
        assert there == (weight, bias)


def test_a_probe_of_regression_is_in_the_targets_units():
    criterion, labels = case("regression")
    weight, bias = criterion.to_units(torch.zeros(OUTPUTS, 4), criterion.constants())
    assert torch.equal(weight, torch.zeros(OUTPUTS, 4))
    assert torch.allclose(bias, labels.nanmean(dim=0), rtol=1e-5), "constants predict the mean"


def test_a_label_that_all_rows_have_starts_as_if_half_a_row_had_not():
    labels = torch.tensor([[1.0, 0.0]] * 4)
    criterion = criterion_of(MultiLabel.numbered(2), labels, device=CPU)
    share = 1 - 0.5 / 4
    expected = math.log(share / (1 - share))
    assert criterion.constants().tolist() == pytest.approx([expected, -expected])


def test_a_task_without_a_criterion_is_named(unchecked):
    with pytest.raises(TypeError, match="no linear probe is known for str; add its criterion"):
        criterion_of("ranking", torch.zeros(3), device=CPU)
