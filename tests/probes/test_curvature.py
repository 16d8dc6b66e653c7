"""The approximate inverse Hessian against a dense inverse."""

import pytest
import torch

from tutelage.cache.table import SelectedTable, as_table
from tutelage.probes import curvature
from tutelage.probes.curvature import Curvature, parts
from tutelage.probes.standardize import StandardizedRows

ROWS, WIDTH, OUTPUTS = 300, 8, 3


def columns(*, noise: float = 1.0) -> StandardizedRows:
    """Mixtures of three factors, and of as many others as there are columns, times ``noise``."""
    draw = torch.Generator().manual_seed(0)
    mixed = torch.randn(ROWS, 3, generator=draw) @ torch.randn(3, WIDTH, generator=draw)
    mixed += noise * torch.randn(ROWS, WIDTH, generator=draw)
    table = SelectedTable(as_table(mixed), torch.arange(ROWS))
    return StandardizedRows(table, weights=None, device=torch.device("cpu"))


def dense(gradient: torch.Tensor, gram: torch.Tensor, *, c: float) -> torch.Tensor:
    """``(c ZᵀZ + I)⁻¹`` for each output's weights, ``1 / (c rows)`` for its intercept."""
    weight = gradient[: OUTPUTS * WIDTH].view(OUTPUTS, WIDTH).double()
    hessian = c * gram + torch.eye(WIDTH, dtype=torch.float64)
    solved = torch.linalg.solve(hessian, weight.T).T
    return torch.cat([solved.flatten(), gradient[OUTPUTS * WIDTH :].double() / (c * ROWS)])


@pytest.mark.parametrize("c", [1e-4, 1e-1, 10.0])
def test_with_all_directions_it_is_the_inverse(c):
    rows = columns()
    z = torch.cat([block.clone() for block in rows.blocks()]).double()
    gradient = torch.randn(OUTPUTS * (WIDTH + 1), generator=torch.Generator().manual_seed(1))
    found = Curvature(rows).solve(gradient, c=c)
    assert torch.allclose(found.double(), dense(gradient, z.T @ z, c=c), rtol=1e-3, atol=1e-5)


def test_fewer_directions_leave_the_mean_of_the_others(monkeypatch):
    monkeypatch.setattr(curvature, "RANK", 3)
    rows = columns(noise=0.03)
    z = torch.cat([block.clone() for block in rows.blocks()]).double()
    values, vectors = torch.linalg.eigh(z.T @ z)
    values[: WIDTH - 3] = values[: WIDTH - 3].mean()
    gram = vectors @ torch.diag(values) @ vectors.T
    gradient = torch.randn(OUTPUTS * (WIDTH + 1), generator=torch.Generator().manual_seed(1))
    found = Curvature(rows).solve(gradient, c=2.0)
    assert torch.allclose(found.double(), dense(gradient, gram, c=2.0), rtol=1e-2, atol=1e-3)


def test_a_sample_of_the_rows_is_scaled_to_all(monkeypatch):
    monkeypatch.setattr(curvature, "SAMPLE", ROWS // 3)
    rows = columns()
    sample = torch.cat([block.clone() for block in rows.blocks()])[::3].double()
    gradient = torch.randn(OUTPUTS * (WIDTH + 1), generator=torch.Generator().manual_seed(1))
    expected = dense(gradient, 3 * sample.T @ sample, c=0.1)
    found = Curvature(rows).solve(gradient, c=0.1)
    assert torch.allclose(found.double(), expected, rtol=1e-3, atol=1e-5)


def test_it_is_symmetric_and_positive():
    solver = Curvature(columns())
    identity = torch.eye(OUTPUTS * (WIDTH + 1))
    inverse = torch.stack([solver.solve(row, c=0.1) for row in identity])
    assert torch.allclose(inverse, inverse.T, atol=1e-6)
    assert torch.linalg.eigvalsh(inverse).min() > 0


def test_parts_are_views():
    parameters = torch.zeros(OUTPUTS * (WIDTH + 1))
    weight, bias = parts(parameters, width=WIDTH)
    weight[1, 2], bias[0] = 5.0, 7.0
    assert parameters[WIDTH + 2] == 5.0
    assert parameters[OUTPUTS * WIDTH] == 7.0


def test_wide_rows_are_sampled_up_to_a_number_of_numbers(monkeypatch):
    taken = []
    sample = StandardizedRows.sample
    monkeypatch.setattr(
        StandardizedRows, "sample", lambda self, count: taken.append(count) or sample(self, count)
    )
    Curvature(columns())
    monkeypatch.setattr(curvature, "SAMPLE_NUMBERS", 10 * WIDTH)
    Curvature(columns())
    assert taken == [8192, 10]
