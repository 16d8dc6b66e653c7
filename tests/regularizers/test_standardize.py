"""Standardization of the teachers' columns before any method."""

import pytest
import torch

from tutelage import AFTLoss, Standardized

WIDTHS = {"dino": 3, "clip": 2}


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(0)
    dino = torch.randn(50, 3, generator=generator) * torch.tensor([1.0, 100.0, 0.0]) + 7
    return {"dino": dino, "clip": torch.randn(50, 2, generator=generator) * 1e-3}


@pytest.fixture
def wrapped(rows):
    return Standardized(
        AFTLoss(4, WIDTHS),
        {name: table.mean(dim=0) for name, table in rows.items()},
        std={name: table.std(dim=0, correction=0) for name, table in rows.items()},
    )


def test_columns_have_mean_zero_and_deviation_one(wrapped, rows):
    columns = torch.cat(list(wrapped.standardized(rows).values()), dim=1)
    assert columns.mean(dim=0).abs().max() < 1e-4
    constant = torch.tensor([False, False, True, False, False])
    assert torch.equal(columns[:, constant], torch.zeros(50, 1))
    assert torch.allclose(columns[:, ~constant].std(dim=0, correction=0), torch.ones(4), atol=1e-4)


def test_units_of_a_column_do_not_matter(wrapped, rows):
    student = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    factor, shift = torch.tensor([1000.0, 0.01]), torch.tensor([5.0, -3.0])
    other = {**rows, "clip": rows["clip"] * factor + shift}
    again = Standardized(
        AFTLoss(4, WIDTHS),
        {name: table.mean(dim=0) for name, table in other.items()},
        std={name: table.std(dim=0, correction=0) for name, table in other.items()},
    )
    again.load_state_dict(wrapped.state_dict() | dict(again.named_buffers()))
    assert again(student, other).item() == pytest.approx(wrapped(student, rows).item(), rel=1e-3)


def test_statistics_of_other_teachers_are_refused():
    zeros, ones = torch.zeros(3), torch.ones(3)
    with pytest.raises(ValueError, match=r"expected a std of teachers \['dino'\], got \['clip'\]"):
        Standardized(AFTLoss(4, {"dino": 3}), {"dino": zeros}, std={"clip": ones})


def test_features_come_by_name(wrapped, rows):
    with pytest.raises(ValueError, match="by name"):
        wrapped(torch.randn(50, 4), list(rows.values()))
    with pytest.raises(ValueError, match=r"expected teachers \['dino', 'clip'\]"):
        wrapped.standardized({"dino": rows["dino"]})


def test_a_single_column_is_not_repeated_for_all(wrapped, rows):
    student = torch.zeros(50, 4)
    with pytest.raises(ValueError, match=r"'dino' of shape \[batch, 3\], got \(50, 1\)"):
        wrapped(student, rows | {"dino": rows["dino"][:, :1]})
