"""Kernels against their formulas in float64 loops."""

import math

import pytest
import torch

from tutelage.regularizers.kernels import (
    centered,
    check_kernel,
    cosine_distance,
    gram_matrix,
    kernel_of,
    root_mean_square,
)


def test_centering_is_exact_in_the_wider_dtype():
    features = torch.tensor([[1000.0, 1.0], [1001.0, 3.0]], dtype=torch.float16)
    result = centered(features)
    assert result.dtype == torch.float32
    assert result.tolist() == [[-0.5, -1.0], [0.5, 1.0]]
    assert centered(features.double()).dtype == torch.float64


def test_a_gram_matrix_has_the_gradients_of_the_product_by_one_product(draw):
    rows = draw(5, 3).requires_grad_()
    assert torch.equal(gram_matrix(rows), rows @ rows.T)
    assert torch.autograd.gradcheck(gram_matrix, rows)
    assert torch.autograd.gradgradcheck(gram_matrix, rows)
    weights = draw(5, 5)  # not symmetric, as a loss of some of the pairs
    (by_one,) = torch.autograd.grad((gram_matrix(rows) * weights).sum(), rows)
    (by_two,) = torch.autograd.grad(((rows @ rows.T) * weights).sum(), rows)
    torch.testing.assert_close(by_one, by_two)
    per_set = torch.func.vmap(gram_matrix)(rows.detach().expand(2, 5, 3))
    assert torch.equal(per_set[1], gram_matrix(rows.detach()))


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_each_entry_is_that_of_unit_rows(kernel):
    rows = torch.randn(5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    unit = [[x / math.sqrt(sum(y * y for y in row)) for x in row] for row in rows.tolist()]
    result = kernel_of(rows @ rows.T, kernel)
    for i, one in enumerate(unit):
        for j, other in enumerate(unit):
            expected = (
                sum(a * b for a, b in zip(one, other, strict=True))
                if kernel == "linear"
                else math.exp(-sum((a - b) ** 2 for a, b in zip(one, other, strict=True)))
            )
            assert result[i, j].item() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_a_row_of_zeros_has_a_kernel_and_a_gradient(kernel):
    rows = torch.tensor([[1.0, 2.0], [0.0, 0.0], [2.0, 1.0]], requires_grad=True)
    result = kernel_of(rows @ rows.T, kernel)
    result.sum().backward()
    assert result.isfinite().all()
    assert rows.grad.isfinite().all()


def test_one_example_has_no_kernel():
    with pytest.raises(ValueError, match="at least two examples"):
        kernel_of(torch.ones(1, 1), "linear")


def test_the_root_has_a_gradient_at_zero():
    difference = torch.zeros(3, 3, requires_grad=True)
    root_mean_square(difference).backward()
    assert torch.equal(difference.grad, torch.zeros(3, 3))
    assert root_mean_square(torch.full((2, 2), 3.0)).item() == pytest.approx(3.0)


def test_an_unknown_kernel_is_refused():
    check_kernel("rbf")
    with pytest.raises(ValueError, match="one of linear, rbf, not 'cosine'"):
        check_kernel("cosine")


def by_parts(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """The distance as its formula, with the gradient that autograd gives it."""
    kernels = [kernel_of(rows @ rows.T, "linear") for rows in (centered(student), teacher)]
    return root_mean_square(kernels[0] - kernels[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_gradient_that_is_written_out_is_that_of_the_formula(draw, dtype, scale):
    student, teacher = (scale * draw(7, width, dtype=dtype) for width in (4, 9))
    student[2] = 0
    found = []
    for distance in (by_parts, cosine_distance):
        given = [features.clone().requires_grad_() for features in (student, teacher)]
        value = distance(*given)
        found.append([value.detach(), *torch.autograd.grad(3 * value, given)])
    tolerance = {torch.float32: 1e-5, torch.float64: 1e-12}[dtype]
    for ours, formula in zip(*found, strict=True):
        largest = formula.abs().max().item()
        torch.testing.assert_close(ours, formula, rtol=0, atol=tolerance * largest)


def test_the_written_gradient_has_gradients_of_its_own(draw):
    given = (draw(5, 3).requires_grad_(), draw(5, 4).requires_grad_())
    assert torch.autograd.gradcheck(cosine_distance, given)
    assert torch.autograd.gradgradcheck(cosine_distance, given)
    teacher = draw(5, 4)  # that needs none
    assert torch.autograd.gradgradcheck(
        lambda features: cosine_distance(features, teacher), given[:1]
    )
    jacobian = torch.func.grad(cosine_distance)(given[0].detach(), teacher)
    (expected,) = torch.autograd.grad(cosine_distance(given[0], teacher), given[0])
    torch.testing.assert_close(jacobian, expected)
    each = torch.func.vmap(cosine_distance)(torch.stack([given[0]] * 2), torch.stack([teacher] * 2))
    torch.testing.assert_close(each, cosine_distance(given[0], teacher).expand(2))


def test_equal_kernels_are_at_the_floor_with_next_to_no_gradient(draw):
    rows = draw(5, 3).requires_grad_()
    distance = cosine_distance(rows, 2 * centered(rows.detach()))
    assert distance.item() == pytest.approx(1e-4, rel=1e-6)
    distance.backward()
    assert rows.grad.abs().max() < 1e-5  # lengths have a floor of 1e-8, which is no scale


def test_one_example_has_no_pairs():
    with pytest.raises(ValueError, match="at least two examples"):
        cosine_distance(torch.ones(1, 3), torch.ones(1, 2))
