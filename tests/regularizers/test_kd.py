"""KD against its definition in plain floats."""

import pytest
import torch

from tutelage.regularizers import KD


def test_it_is_its_definition(draw):
    term = KD(3, {"a": 4, "b": 2}).double()
    student, teacher = draw(7, 3), draw(7, 6)
    weight, bias = term.map.weight.tolist(), term.map.bias.tolist()
    total = 0.0
    for example, wanted in zip(student.tolist(), teacher.tolist(), strict=True):
        for row, shift, aim in zip(weight, bias, wanted, strict=True):
            total += (sum(x * w for x, w in zip(example, row, strict=True)) + shift - aim) ** 2
    expected = total / (7 * 6)
    assert term(student, teacher).item() == pytest.approx(expected, rel=1e-12)
    given = {"b": teacher[:, 4:], "a": teacher[:, :4]}
    assert term(student, given).item() == pytest.approx(expected, rel=1e-12)


def test_its_map_learns_what_is_linear(draw):
    student = draw(200, 3, dtype=torch.float32)
    teacher = student @ draw(3, 5, dtype=torch.float32) + 2
    term = KD(3, [5])
    optimizer = torch.optim.Adam(term.parameters(), lr=0.05)
    for _ in range(500):
        optimizer.zero_grad()
        value = term(student, teacher)
        value.backward()
        optimizer.step()
    assert value < 1e-4
