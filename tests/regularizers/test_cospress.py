"""CosPress against its definition in plain floats, and which term teaches whom."""

import math

import pytest
import torch
from torch import Tensor

from tutelage.regularizers import CosPress


def reference_cosine(a: list[float], b: list[float]) -> float:
    inner = sum(x * y for x, y in zip(a, b, strict=True))
    return inner / (math.hypot(*a) * math.hypot(*b))


def reference_pairs(rows: list[list[float]], temperature: float) -> list[float]:
    """The joint probabilities of pairs, without the diagonal."""
    size = len(rows)
    given = [
        [
            math.exp(reference_cosine(a, b) / temperature) if i != j else 0.0
            for j, b in enumerate(rows)
        ]
        for i, a in enumerate(rows)
    ]
    given = [[p / sum(line) for p in line] for line in given]
    return [
        (given[i][j] + given[j][i]) / (2 * size) for i in range(size) for j in range(size) if i != j
    ]


def reference_value(student: Tensor, teacher: Tensor, compressed: Tensor) -> float:
    """Both terms; shares no code with the library."""
    temperatures = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1]
    divergence = 0.0
    for temperature in temperatures:
        wanted = reference_pairs(teacher.tolist(), temperature)
        found = reference_pairs(compressed.tolist(), temperature)
        divergence += sum(p * math.log(p / q) for p, q in zip(wanted, found, strict=True))
    cosines = [
        reference_cosine(a, b) for a, b in zip(student.tolist(), compressed.tolist(), strict=True)
    ]
    return divergence / len(temperatures) + 1 - sum(cosines) / len(cosines)


@pytest.mark.parametrize("batch", [2, 7])
def test_it_is_its_definition(draw, batch):
    term = CosPress(3, {"a": 4, "b": 2}).double()
    student, teacher = draw(batch, 3), draw(batch, 6)
    expected = reference_value(student, teacher, term.head(teacher).detach())
    assert term(student, teacher).item() == pytest.approx(expected, rel=1e-9)


def test_a_student_whose_squares_no_float_holds(draw):
    student, teacher = draw(5, 3).float().requires_grad_(), draw(5, 4).float()
    term = CosPress(3, [4])
    loss = term(student, teacher)
    (plain,) = torch.autograd.grad(loss, student)
    scaled = student.detach().mul(2.0**70).requires_grad_()
    torch.testing.assert_close(term(scaled, teacher), loss)
    (gradient,) = torch.autograd.grad(term(scaled, teacher), scaled)
    torch.testing.assert_close(2.0**70 * gradient, plain, rtol=1e-4, atol=1e-6)


def test_the_student_learns_from_one_term_and_the_head_from_the_other(draw):
    term = CosPress(3, [5]).double()
    student, teacher = draw(6, 3).requires_grad_(), draw(6, 5)
    term(student, teacher).backward()
    copied = 1 - torch.cosine_similarity(student, term.head(teacher).detach(), dim=1)
    (expected,) = torch.autograd.grad(copied.mean(), student)
    torch.testing.assert_close(student.grad, expected)
    heads = [p.grad.clone() for p in term.head.parameters()]
    term.zero_grad()
    term(draw(6, 3), teacher).backward()
    for before, parameter in zip(heads, term.head.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, before)


def test_the_gradient_of_the_head_is_exact(draw):
    term, teacher = CosPress(3, [4]).double(), draw(5, 4)

    def divergence(*parameters: Tensor) -> Tensor:
        return term(term.head(teacher).detach(), teacher)  # a student without an error

    assert torch.autograd.gradcheck(divergence, tuple(term.parameters()))


def test_the_head_learns_to_keep_cosines(draw):
    term = CosPress(6, [12])
    teacher = draw(40, 4, dtype=torch.float32) @ draw(4, 12, dtype=torch.float32)
    optimizer = torch.optim.Adam(term.parameters(), lr=1e-2)
    values = []
    for _ in range(200):
        optimizer.zero_grad()
        value = term(term.head(teacher).detach(), teacher)  # leaves the divergence alone
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.3 * values[0]


def test_a_batch_of_one_gives_a_number(draw):
    assert CosPress(3, [5])(draw(1, 3).float(), draw(1, 5).float()).isfinite()
