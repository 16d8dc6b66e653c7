"""Learning curves of probes by labelled rows: whether more labels would help."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from tutelage.report.figures import Plot, plot_of
from tutelage.report.plots import ticks
from tutelage.report.style import FONT, PAGE, figure
from tutelage.report.units import metric_axis, metric_capital
from tutelage.results.choice import Choice, ProbeCurve
from tutelage.results.tuning import Tuning
from tutelage.tasks import Metric

__all__ = ["learning_curve"]

NAMES = {"student": "student's own features", "teachers": "teachers' features"}
COLORS = {"student": 1, "teachers": 2}


def learning_curve(search: Tuning | Choice | None) -> Plot | None:
    """Return the curves of a search; None where it has none of two points or more."""
    if not isinstance(search, Choice):
        return None
    curves = [curve for curve in search.curves if len(curve.points) > 1]
    if not curves:
        return None
    caption = (
        f"{metric_capital(search.metric)} of linear probes on held-out rows, by how many labelled rows "
        "they were fitted on, with one standard error over folds."
    )
    return plot_of(_drawn(curves, search.metric), "learning", "Learning curves", caption)


def _drawn(curves: Sequence[ProbeCurve], metric: Metric) -> Figure:
    drawing, axes = figure(height=240)
    factor = metric.display_factor
    for curve in curves:
        color = PAGE.series[COLORS[curve.of]]
        rows = [point.rows for point in curve.points]
        means = [factor * point.score.mean for point in curve.points]
        errors = [factor * (point.score.error or 0.0) for point in curve.points]
        axes.errorbar(rows, means, yerr=errors, fmt="o-", color=color, markersize=5, lw=1.6)
        axes.annotate(
            NAMES[curve.of],
            (rows[-1], means[-1] + errors[-1]),
            xytext=(0, 5),
            textcoords="offset points",
            ha="right",
            color=color,
            fontsize=FONT,
        )
    counts = sorted({round(point.rows) for curve in curves for point in curve.points})
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_locator(ticks(5))
    axes.margins(x=0.06, y=0.2)
    axes.set_xlabel("labelled rows")
    axes.set_ylabel(metric_axis(metric))
    return drawing
