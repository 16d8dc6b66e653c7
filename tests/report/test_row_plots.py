"""Figures of single rows hold the rows."""

import math

import pytest
import torch
from matplotlib.collections import PathCollection

from tutelage.report.row_plots import MOST_POINTS, reliability_plot, scatter_plot
from tutelage.tasks import SingleLabel, calibration


def test_a_point_for_each_range():
    outputs = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    found = calibration(SingleLabel.numbered(3), outputs, torch.arange(300) % 3)
    parts = reliability_plot(found).axes[0].collections
    (points,) = [part.get_offsets() for part in parts if isinstance(part, PathCollection)]
    assert points[:, 0].tolist() == pytest.approx([100 * one.confidence for one in found.bins])
    assert points[:, 1].tolist() == pytest.approx([100 * one.frequency for one in found.bins])


@pytest.mark.parametrize("rows", [7, 3 * MOST_POINTS])
def test_the_points_are_rows_with_the_target(rows):
    targets = torch.randn(rows, dtype=torch.float64)
    targets[0] = math.nan
    drawing, shown, known = scatter_plot(targets, targets + 1)
    assert (shown, known) == (min(rows - 1, MOST_POINTS), rows - 1)
    true, given = drawing.axes[0].lines[-1].get_data()
    assert len(true) == shown
    assert (given - true).tolist() == pytest.approx([1.0] * shown)


def test_a_target_that_no_row_has_is_not_drawn():
    assert scatter_plot(torch.full((3,), math.nan), torch.zeros(3)) == (None, 0, 0)
