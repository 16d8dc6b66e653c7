"""VkD against its definition in plain floats, and the geometry that its map keeps."""

import math

import pytest
import torch

from tutelage.regularizers import VkD


def reference_value(
    student: list[list[float]], teachers: list[list[list[float]]], weight: list[list[float]]
) -> float:
    """Maps, standardizes and compares number by number; shares no code with the library."""
    errors = []
    for row, example in enumerate(student):
        wanted = []
        for teacher in teachers:
            mean = sum(teacher[row]) / len(teacher[row])
            variance = sum((x - mean) ** 2 for x in teacher[row]) / len(teacher[row])
            wanted += [(x - mean) / math.sqrt(variance + 1e-5) for x in teacher[row]]
        mapped = [sum(x * w for x, w in zip(example, line, strict=True)) for line in weight]
        errors += [abs(x - y) for x, y in zip(mapped, wanted, strict=True)]
    return sum(e * e / 2 if e < 1 else e - 0.5 for e in errors) / len(errors)


@pytest.mark.parametrize(("student", "widths"), [(3, [4, 2]), (6, [6]), (7, [3, 1])])
def test_it_is_its_definition(draw, student, widths):
    term = VkD(student, widths).double()
    features, teachers = draw(5, student), [4 * draw(5, width) + 1 for width in widths]
    expected = reference_value(
        features.tolist(), [t.tolist() for t in teachers], term.map.weight.tolist()
    )
    assert term(features, teachers).item() == pytest.approx(expected, rel=1e-10)


def test_the_map_keeps_inner_products_while_it_learns(draw):
    term = VkD(4, [9]).double()
    student, teacher = draw(20, 4), draw(20, 9)
    optimizer = torch.optim.Adam(term.parameters(), lr=0.1)
    before, values = term.map.weight.detach().clone(), []
    for _ in range(20):
        optimizer.zero_grad()
        value = term(student, teacher)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < values[0]
    assert not torch.allclose(term.map.weight, before)
    mapped = term.map(student)
    torch.testing.assert_close(mapped @ mapped.T, student @ student.T, rtol=1e-4, atol=1e-5)


def test_fewer_teacher_columns_get_orthonormal_rows():
    weight = VkD(9, [4]).map.weight
    torch.testing.assert_close(weight @ weight.T, torch.eye(4), atol=1e-5, rtol=0)


def test_each_teacher_is_standardized_on_its_own(draw):
    term = VkD(3, {"a": 4, "b": 2}).double()
    student, a, b = draw(5, 3), draw(5, 4), draw(5, 2)
    before = term(student, {"a": a, "b": b})
    torch.testing.assert_close(
        term(student, {"a": a, "b": 1000 * b + 7}), before, rtol=1e-2, atol=0
    )
