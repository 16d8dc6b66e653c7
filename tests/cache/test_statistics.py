"""Mean and deviation against plain loops in exact arithmetic."""

import math
from fractions import Fraction

import pytest
import torch

from tutelage.cache.statistics import RowCounter, RowCounts, RunningMoments


def reference(column: list[float]) -> tuple[float, float]:
    """Mean and population deviation of one column, in fractions."""
    values = [Fraction(value) for value in column]
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    return float(mean), math.sqrt(variance)


@pytest.mark.parametrize("blocks", [[700], [1, 699], [256, 256, 188], [300, 400]])
def test_against_fractions(blocks):
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(700, 3, generator=draw) * torch.tensor([1.0, 1e-3, 30.0])
    rows = (rows + torch.tensor([0.0, 100.0, -5.0])).half()
    moments = RunningMoments(3)
    for block in rows.split(blocks):
        moments.update(block)
    for column in range(3):
        mean, std = reference(rows[:, column].tolist())
        assert moments.mean[column] == pytest.approx(mean, rel=1e-12, abs=1e-12)
        assert moments.std[column] == pytest.approx(std, rel=1e-10)


def test_threads_change_no_bit():
    rows = torch.randn(3000, 40, generator=torch.Generator().manual_seed(1))
    found = []
    before = torch.get_num_threads()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        moments = RunningMoments(40)
        moments.update(rows)
        found.append((moments.mean.tobytes(), moments.std.tobytes()))
    torch.set_num_threads(before)
    assert found[0] == found[1]


def test_one_row_and_constant_columns_deviate_by_nothing():
    moments = RunningMoments(2)
    moments.update(torch.tensor([[3.0, 4.0]]))
    assert moments.std.tolist() == [0.0, 0.0]
    moments.update(torch.tensor([[3.0, 6.0]]))
    assert moments.std.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("blocks", [[7], [1, 6], [3, 2, 2]])
def test_zero_and_repeated_rows_are_counted_over_all_blocks(blocks):
    rows = torch.tensor([[1, 2], [0, 3], [0, 0], [1, 2], [-0.0, 0], [0, 0], [2, 1]]).half()
    counter = RowCounter()
    for block in rows.split(blocks):
        counter.update(block)
    # Row 4 is zero, too, but its bytes are not those of row 2.
    assert counter.counts == RowCounts(zero=3, first_zero=2, repeated=2)


def test_of_sound_rows_there_is_nothing_to_count():
    counter = RowCounter()
    counter.update(torch.randn(500, 3, generator=torch.Generator().manual_seed(0)))
    assert counter.counts == RowCounts(zero=0, first_zero=-1, repeated=0)
