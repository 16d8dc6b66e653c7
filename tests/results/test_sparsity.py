"""Sparsity of weights, against plain floats."""

import math

import pytest
import torch

from tutelage.results.sparsity import sparsity


@pytest.mark.parametrize("columns", [1, 7, 10, 11, 95])
def test_against_plain_floats(columns):
    rho = torch.rand(columns, generator=torch.Generator().manual_seed(columns))
    energies = sorted((float(value) ** 2 for value in rho), reverse=True)
    found = sparsity(rho)
    top = sum(energies[: math.ceil(columns / 10)]) / sum(energies)
    assert found.top == pytest.approx(top)
    ratio = sum(energies) ** 2 / sum(energy**2 for energy in energies)
    assert found.effective == pytest.approx(ratio)
    assert found.columns == columns


def test_the_ends():
    equal = sparsity(torch.full((200,), 0.3))
    assert (equal.top, equal.effective) == (pytest.approx(0.1), pytest.approx(200))
    single = sparsity(torch.eye(200)[3])
    assert (single.top, single.effective) == (1.0, 1.0)
    assert sparsity(torch.zeros(5)) is None


def test_noise_beside_a_teacher_shows_in_the_whole():
    """Half of the columns nearly off: the number of effective columns is near the other half's."""
    rho = torch.cat([torch.full((100,), 0.85), torch.full((100,), 0.05)])
    assert sparsity(rho).effective == pytest.approx(100, rel=0.01)
