"""The picture of probes on the teachers' features as they are, and under learned weights."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from tutelage.experiment.probe import ProbeResult
from tutelage.regularizers.catalogue import BASELINE
from tutelage.report.plots import ticks
from tutelage.report.study_axes import LINE, legend, point, row_title
from tutelage.report.style import PAGE, Palette, figure
from tutelage.report.units import metric_axis
from tutelage.results.statistics import SampleMean

__all__ = ["weighted_plot"]

METHODS = {False: BASELINE, True: "aft"}
"""Methods whose colors stand for features as they are, and under weights."""


def weighted_plot(probes: Sequence[ProbeResult], *, palette: Palette = PAGE) -> Figure:
    """A line for each set of teachers: its probe, and the mean over runs of that under their weights.

    Lines to both sides are the standard error over runs.

    Args:
        probes: Of each set of teachers one as it is, and one under weights.
        palette: Colors.
    """
    sets = list(dict.fromkeys(one.teachers for one in probes))
    drawing, axes = figure(height=100 + LINE * len(sets), palette=palette)
    for place, names in enumerate(sets):
        row_title(axes, " + ".join(names), -place, palette)
        for one in (one for one in probes if one.teachers == names):
            over_runs = one.error if one.runs > 1 else None
            point(
                axes,
                SampleMean(one.score, over_runs, one.runs),
                -place - 0.14 * one.weighted + 0.08,
                palette,
                factor=one.metric.display_factor,
                method=METHODS[one.weighted],
            )
    runs = max(one.runs for one in probes)
    several = f", mean of {runs} runs" if runs > 1 else ""
    legend(
        axes,
        {
            "features as they are": METHODS[False],
            f"under learned weights ρ{several}": METHODS[True],
        },
        palette,
    )
    axes.set_ylim(-len(sets) + 0.6, 0.75)
    axes.set_yticks([])
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(ticks(5))
    axes.set_xlabel(f"linear probe, {metric_axis(probes[0].metric)}")
    return drawing
