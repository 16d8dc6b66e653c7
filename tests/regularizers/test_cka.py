"""CKA against its definition by centring matrices, in plain floats."""

import math

import pytest
import torch
from torch import Tensor

from tutelage.regularizers import CKA, alignment


def reference_alignment(left: Tensor, right: Tensor) -> float:
    """HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), HSIC(K, L) = tr(KHLH); shares no code."""

    def centered_kernel(rows: list[list[float]]) -> list[list[float]]:
        size = len(rows)
        kernel = [[sum(x * y for x, y in zip(a, b, strict=True)) for b in rows] for a in rows]
        centring = [[(i == j) - 1 / size for j in range(size)] for i in range(size)]
        return [
            [sum(kernel[i][k] * centring[k][j] for k in range(size)) for j in range(size)]
            for i in range(size)
        ]

    def trace(a: list[list[float]], b: list[list[float]]) -> float:
        return sum(a[i][j] * b[j][i] for i in range(len(a)) for j in range(len(a)))

    k, m = centered_kernel(left.tolist()), centered_kernel(right.tolist())
    return trace(k, m) / math.sqrt(trace(k, k) * trace(m, m))


@pytest.mark.parametrize(("batch", "student", "teacher"), [(3, 3, 5), (9, 4, 2), (12, 6, 30)])
def test_it_is_its_definition(draw, batch, student, teacher):
    a, b = draw(batch, student) + 3, 5 * draw(batch, teacher) - 1
    expected = reference_alignment(a, b)
    assert alignment(a, b).item() == pytest.approx(expected, rel=1e-12)
    assert CKA(student, [teacher])(a, b).item() == pytest.approx(1 - expected, abs=1e-12)
    single = alignment(a.float(), b.float()).item()
    assert single == pytest.approx(expected, rel=1e-5)


def test_blind_to_rotation_shift_and_scale(draw):
    student, teacher = draw(9, 6), draw(9, 8)
    rotation = torch.linalg.qr(draw(6, 6))[0]
    before = alignment(student, teacher)
    for changed in (student @ rotation, student + 4, 1e-9 * student):
        torch.testing.assert_close(alignment(changed, teacher), before, rtol=1e-6, atol=0)
    tiny = alignment((1e-15 * student).float(), teacher.float()).item()
    assert tiny == pytest.approx(before.item(), rel=1e-4)
    assert alignment(student, torch.cat([student, student], dim=1)).item() == pytest.approx(1)


@pytest.mark.parametrize("exponent", [-70, 70])
def test_numbers_whose_squares_no_float_holds(draw, exponent):
    student, teacher = draw(6, 4).float().requires_grad_(), draw(6, 5).float()
    (plain,) = torch.autograd.grad(alignment(student, teacher), student)
    scaled = student.detach().mul(2.0**exponent).requires_grad_()
    for other in (teacher, 2.0**exponent * teacher):
        aligned = alignment(scaled, other)
        torch.testing.assert_close(aligned, alignment(student, teacher))
        (gradient,) = torch.autograd.grad(aligned, scaled)
        torch.testing.assert_close(2.0**exponent * gradient, plain, rtol=1e-4, atol=1e-6)


def test_stays_in_its_range(draw):
    for _ in range(20):
        assert 0 <= alignment(draw(5, 2), draw(5, 3)).item() <= 1 + 1e-12
    first, second = (
        torch.eye(4)[:, :1] - torch.eye(4)[:, 1:2],
        torch.eye(4)[:, 2:3] - torch.eye(4)[:, 3:],
    )
    assert alignment(first, second).item() == 0


def test_constant_features_align_with_nothing(draw):
    student = torch.ones(5, 3, requires_grad=True)
    value = CKA(3, [4])(student, draw(5, 4))
    value.backward()
    assert value.item() == 1
    assert torch.equal(student.grad, torch.zeros(5, 3))
