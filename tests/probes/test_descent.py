"""The descent on functions whose least point is known."""

import pytest
import torch

from tutelage.probes.descent import minimize


def quadratic(condition: float, width: int = 12):
    """``(x - t)ᵀ H (x - t) / 2 + 1`` with eigenvalues of H from 1 to ``condition``."""
    draw = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(width, width, generator=draw)).Q
    hessian = turn @ torch.diag(torch.logspace(0, torch.tensor(condition).log10(), width)) @ turn.T
    target = torch.randn(width, generator=draw)
    calls = []

    def function(x):
        calls.append(x)
        gradient = hessian @ (x - target)
        return float((x - target) @ gradient) / 2 + 1, gradient

    return function, target, hessian, calls


def test_with_the_true_inverse_hessian_one_step_is_enough():
    function, target, hessian, calls = quadratic(100.0)
    inverse = torch.linalg.inv(hessian)
    found = minimize(
        function, torch.zeros(12), inverse_hessian=lambda g: inverse @ g, tolerance=lambda _: 1e-6
    )
    assert torch.allclose(found, target, atol=1e-4)
    assert len(calls) == 2


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("condition", [1.0, 30.0, 300.0])
def test_it_ends_within_the_tolerance_of_the_least_value(condition, tolerance):
    function, _, _, _ = quadratic(condition)
    found = minimize(
        function, torch.zeros(12), inverse_hessian=lambda g: g, tolerance=lambda _: tolerance
    )
    assert function(found)[0] - 1 <= 2 * tolerance + 1e-6


def test_a_looser_tolerance_ends_sooner_and_sees_the_value():
    counts, seen = [], []
    for share in (1e-1, 1e-6):
        function, _, _, calls = quadratic(100.0)

        def tolerance(value, share=share):
            seen.append(value)
            return share * value

        minimize(function, torch.zeros(12), inverse_hessian=lambda g: g, tolerance=tolerance)
        counts.append(len(calls))
    assert counts[0] < counts[1]
    function, *_ = quadratic(100.0)
    assert seen[0] == function(torch.zeros(12))[0]


def test_a_step_that_is_too_long_is_shortened():
    function, target, _, _ = quadratic(10.0)
    values = []

    def watched(x):
        value, gradient = function(x)
        values.append(value)
        return value, gradient

    found = minimize(
        watched, torch.zeros(12), inverse_hessian=lambda g: 50 * g, tolerance=lambda _: 1e-7
    )
    assert values[1] > values[0], "the first step overshoots"
    assert torch.allclose(found, target, atol=1e-3)


def test_the_least_point_itself_is_kept():
    function, target, _, calls = quadratic(10.0)
    found = minimize(function, target, inverse_hessian=lambda g: g, tolerance=lambda _: 1e-9)
    assert torch.equal(found, target)
    assert len(calls) == 1


def test_a_convex_function_that_is_no_quadratic():
    columns = torch.randn(40, 5, generator=torch.Generator().manual_seed(3)).double()
    signs = torch.where(columns[:, 0] + 0.5 * columns[:, 1] > 0.2, 1.0, -1.0).double()

    def function(x):
        x = x.clone().requires_grad_(True)
        loss = torch.nn.functional.softplus(-signs * (columns @ x)).sum() + x.square().sum() / 2
        return loss.item(), torch.autograd.grad(loss, x)[0]

    found = minimize(
        function,
        torch.zeros(5, dtype=torch.float64),
        inverse_hessian=lambda g: g / 10,
        tolerance=lambda _: 1e-8,
    )
    assert function(found)[1].norm() < 1e-3
