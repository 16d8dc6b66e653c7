"""The picture of probes on the teachers' features as they are, and under learned weights."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tutelage.experiment.probe import ProbeResult
from tutelage.report.plots import clipped, ticks
from tutelage.report.style import FONT, PAGE, Palette, figure
from tutelage.report.units import metric_axis

__all__ = ["weighted_plot"]

LINE = 44
LONGEST = 46


def weighted_plot(probes: Sequence[ProbeResult], *, palette: Palette = PAGE) -> Figure:
    """A line for each set of teachers: its probe, and that under learned weights with its error.

    Args:
        probes: Of each set of teachers one as it is, and one under weights.
        palette: Colors.
    """
    sets = list(dict.fromkeys(one.teachers for one in probes))
    drawing, axes = figure(height=100 + LINE * len(sets), palette=palette)
    colors = {False: palette.method("stl"), True: palette.method("aft")}
    for place, names in enumerate(sets):
        axes.annotate(
            clipped(" + ".join(names), LONGEST),
            (0, -place + 0.4),
            xycoords=("axes fraction", "data"),
            va="center",
            color=palette.ink,
            fontsize=FONT,
        )
        for one in (one for one in probes if one.teachers == names):
            factor, level = one.metric.display_factor, -place - 0.14 * one.weighted + 0.08
            mean, color = factor * one.score, colors[one.weighted]
            if one.error is not None and (one.runs > 1 or not one.weighted):
                error = factor * one.error
                axes.plot([mean - error, mean + error], [level, level], color=color, lw=1.6)
            axes.plot([mean], [level], "o", color=color, markersize=6.5, mec=palette.paper, mew=0.8)
    handles = [
        Line2D([], [], marker="o", ls="", color=colors[weighted], label=label)
        for weighted, label in ((False, "features as they are"), (True, "under learned weights ρ"))
    ]
    axes.figure.legend(
        handles=handles,
        loc="outside lower left",
        frameon=False,
        fontsize=FONT - 1,
        labelcolor=palette.ink,
    )
    axes.set_ylim(-len(sets) + 0.6, 0.75)
    axes.set_yticks([])
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(ticks(5))
    axes.set_xlabel(f"linear probe, {metric_axis(probes[0].metric)}")
    return drawing
