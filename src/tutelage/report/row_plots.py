"""Figures of single rows: calibration, and predicted against true targets."""

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from tutelage.report.plots import ticks
from tutelage.report.style import PAGE, figure
from tutelage.tasks import Calibration

__all__ = ["reliability_plot", "scatter_plot"]

MOST_POINTS = 500
HEIGHT = 260


def reliability_plot(found: Calibration) -> Figure:
    """How often answers are right by their probability; areas of points are numbers of answers."""
    drawing, axes = figure(height=HEIGHT)
    axes.plot([0, 100], [0, 100], color=PAGE.muted, lw=1, dashes=(3, 3))
    confidence = [100 * one.confidence for one in found.bins]
    frequency = [100 * one.frequency for one in found.bins]
    largest = max(one.count for one in found.bins)
    sizes = [12 + 110 * one.count / largest for one in found.bins]
    axes.vlines(confidence, confidence, frequency, color=PAGE.series[2], lw=1.2)
    axes.plot(confidence, frequency, color=PAGE.series[1], lw=1.2)
    axes.scatter(
        confidence, frequency, s=sizes, color=PAGE.series[1], ec=PAGE.paper, lw=0.8, zorder=3
    )
    for limits in (axes.set_xlim, axes.set_ylim):
        limits(-3, 103)
    axes.set_xlabel("probability, %")
    axes.set_ylabel("right, %")
    axes.xaxis.set_major_locator(ticks(6))
    axes.yaxis.set_major_locator(ticks(6))
    return drawing


def scatter_plot(
    targets: Float[Tensor, " rows"], predicted: Float[Tensor, " rows"]
) -> tuple[Figure | None, int, int]:
    """Predicted against true values, and how many rows are drawn of how many with a target.

    Of more than 500 rows a draw is shown; None where no row has the target.
    """
    known = (~targets.isnan()).nonzero().flatten().numpy()
    if not len(known):
        return None, 0, 0
    drawn = np.random.default_rng(0).permutation(known)[:MOST_POINTS]
    true, given = targets.numpy()[drawn], predicted.numpy()[drawn]
    drawing, axes = figure(height=HEIGHT)
    low, high = min(true.min(), given.min()), max(true.max(), given.max())
    axes.plot([low, high], [low, high], color=PAGE.muted, lw=1, dashes=(3, 3))
    axes.plot(true, given, "o", color=PAGE.series[1], markersize=4, alpha=0.55, mew=0)
    axes.margins(0.04)
    axes.set_xlabel("true")
    axes.set_ylabel("predicted")
    axes.xaxis.set_major_locator(ticks(6))
    axes.yaxis.set_major_locator(ticks(6))
    return drawing, len(drawn), len(known)
