"""The report's figures, each for the width of a phone, so that text keeps its size everywhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import NDArray

from tutelage.report.svg import ACCENT, INK, MUTED, PAPER, RULE, SERIES
from tutelage.report.units import metric_axis, parameters
from tutelage.results.comparison import Comparison, Method, Run, score_of

__all__ = [
    "clipped",
    "curve_plot",
    "method_colors",
    "rho_limits",
    "rho_plot",
    "score_plot",
    "size_plot",
]

INCH = 72
FONT = 11
MOST_POINTS = 80
BINS = 40
MEAN_ABOVE = 0.24
HELD_OUT = {"task": "holdout_loss", "accuracy": "holdout_accuracy"}

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def method_colors(comparison: Comparison) -> dict[str, str]:
    """Return colours by label: standard fine-tuning grey, the first other method the accent."""
    colors: dict[str, str] = {}
    for method in comparison.methods:
        if method.is_baseline:
            colors[method.label] = SERIES[0]
    for index, method in enumerate(comparison.transfers):
        colors[method.label] = SERIES[1 + index % (len(SERIES) - 1)]
    return colors


def score_plot(comparison: Comparison, *, probes: Mapping[str, float]) -> Figure:
    """Every seed's score as a point, a row a method, with the mean and one standard error.

    Seeds that a method shares with standard fine-tuning are joined by a line. Probes are dashed.
    """
    colors = method_colors(comparison)
    methods, shown = comparison.methods, comparison.metric.display_factor
    figure, axes = _figure(height=58 + 48 * len(methods) + (18 if probes else 0), width=400)
    rows = {method.label: index for index, method in enumerate(reversed(methods))}
    for method in methods:
        if method.baseline is not None and len(comparison.transfers) == 1:
            _join_seeds(axes, method, rows, shown=shown)
    for method in methods:
        values = [shown * score_of(run.result) for run in method.runs]
        row, color = rows[method.label], colors[method.label]
        axes.plot(
            values,
            [row] * len(values),
            "o",
            color=color,
            markersize=6,
            alpha=0.5 if len(values) > 1 else 1,
            mew=0,
        )
        mean, error = shown * method.score.mean, method.score.error
        if error is not None:
            above = row + MEAN_ABOVE
            axes.plot(
                [mean - shown * error, mean + shown * error], [above, above], color=color, lw=2
            )
            axes.plot([mean], [above], "o", color=color, markersize=8.5, mec=PAPER, mew=1.2)
    for name, value in probes.items():
        axes.axvline(shown * value, color=MUTED, lw=1, dashes=(3, 3))
        axes.annotate(
            clipped(f"probe, {name}", 30),
            (shown * value, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="right",
            color=MUTED,
            fontsize=FONT - 1,
        )
    axes.set_ylim(-0.5, len(methods) - 0.4)
    axes.set_yticks(list(rows.values()), [clipped(label, 22) for label in rows], color=INK)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.06)
    axes.xaxis.set_major_locator(_ticks(5))
    axes.set_xlabel(metric_axis(comparison.metric))
    return figure


def curve_plot(comparison: Comparison, key: str, *, scale: float = 1.0) -> Figure | None:
    """One quantity of the training over steps: each seed thin, each method's mean thick.

    Args:
        comparison: Runs with their histories.
        key: ``task``, ``transfer`` or ``accuracy``; the hold-out's are added as points.
        scale: Multiplies the values.

    Returns:
        None where no run has the quantity, or it is 0 all along.
    """
    colors = method_colors(comparison)
    figure, axes = _figure(height=210)
    drawn = False
    for method in comparison.methods:
        curves = [curve for run in method.runs if (curve := _curve(run, key)) is not None]
        if not curves:
            continue
        drawn = True
        color = colors[method.label]
        if len(curves) > 1:
            for steps, values in curves:
                axes.plot(*_thinned(steps, scale * values), color=color, lw=0.8, alpha=0.3)
        steps, values = _mean_curve(curves)
        axes.plot(*_thinned(steps, scale * values), color=color, lw=1.9)
        for steps, values in [c for r in method.runs if (c := _curve(r, HELD_OUT.get(key, "")))]:
            axes.plot(steps, scale * values, "o", color=color, mfc=PAPER, markersize=4)
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(_ticks(5, integer=True))
    axes.yaxis.set_major_locator(_ticks(5))
    axes.margins(x=0.01)
    return figure if drawn else None


def rho_plot(weights: Sequence[float], *, limits: tuple[float, float]) -> Figure:
    """How a teacher's columns are weighted: share of the columns in each of forty ranges of rho."""
    figure, axes = _figure(height=170)
    counts, edges = np.histogram(np.asarray(weights), bins=BINS, range=limits)
    axes.stairs(
        100 * counts / max(len(weights), 1), edges, fill=True, color=ACCENT, alpha=0.85, lw=0
    )
    axes.axvline(0.5, color=MUTED, lw=1, dashes=(3, 3))
    axes.set_xlim(*limits)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("weight ρ")
    axes.xaxis.set_major_locator(_ticks(5))
    axes.yaxis.set_major_locator(_ticks(4))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    return figure


def size_plot(student: tuple[str, int], teachers: Mapping[str, int]) -> Figure:
    """Parameters on a logarithmic axis: the student first, then the teachers.

    Args:
        student: Its name and parameters.
        teachers: Parameters by name.
    """
    sizes = [student, *teachers.items()]
    figure, axes = _figure(height=40 + 46 * len(sizes))
    counts = [max(size, 1) for _, size in sizes]
    low = 10.0 ** (np.floor(np.log10(min(counts))) - 1)
    rows = list(reversed(range(len(sizes))))
    axes.barh(rows, counts, height=0.36, color=[ACCENT] + [SERIES[0]] * len(teachers))
    axes.set_xscale("log")
    axes.set_xlim(low, max(counts) * 30)
    axes.set_ylim(-0.4, len(sizes) - 0.3)
    for row, count, (name, _) in zip(rows, counts, sizes, strict=True):
        times = "" if row == rows[0] else f" · {count / counts[0]:.3g}× the student"
        note: dict[str, Any] = {
            "textcoords": "offset points",
            "va": "center",
            "color": INK,
            "fontsize": FONT,
        }
        axes.annotate(clipped(name, 48), (low, row + 0.38), xytext=(1, 0), **note)
        axes.annotate(parameters(count) + times, (count, row), xytext=(6, 0), **note)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(lambda value, _: parameters(int(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("parameters, logarithmic")
    return figure


def rho_limits(weights: Sequence[Sequence[float]]) -> tuple[float, float]:
    """One range of rho for all of a page's histograms: it holds 0.5, where all weights start."""
    every = [0.5, *(w for vector in weights for w in vector)]
    low, high = min(every), max(every)
    return max(0.0, np.floor(20 * low) / 20), min(1.0, np.ceil(20 * high + 1e-9) / 20)


def _ticks(most: int, *, integer: bool = False) -> MaxNLocator:
    return MaxNLocator(most, steps=[1, 2, 5, 10], integer=integer)


def _figure(*, height: float, width: float = 340) -> tuple[Figure, Axes]:
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)
    figure = Figure(figsize=(width / INCH, height / INCH), layout=layout)
    axes = figure.add_subplot()
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    axes.tick_params(length=0, labelsize=FONT, labelcolor=MUTED, pad=5)
    axes.grid(color=RULE, lw=0.8)
    axes.set_axisbelow(True)
    axes.xaxis.label.set(color=MUTED, fontsize=FONT)
    return figure, axes


def clipped(text: str, most: int) -> str:
    """A name short enough for a plot, both its ends kept; a dollar sign is not mathematics."""
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"
    return text.replace("$", r"\$")


def _join_seeds(axes: Axes, method: Method, rows: Mapping[str, int], *, shown: float) -> None:
    assert method.baseline is not None
    below = {run.result.seed: score_of(run.result) for run in method.baseline.runs}
    for run in method.runs:
        if run.result.seed in below:
            axes.plot(
                [shown * below[run.result.seed], shown * score_of(run.result)],
                [rows[method.baseline.label], rows[method.label]],
                color=RULE,
                lw=1.2,
                zorder=1,
            )


def _curve(run: Run, key: str) -> Curve | None:
    rows = [(row["step"], row[key]) for row in run.history if row.get(key) is not None]
    if not rows or not any(value for _, value in rows):
        return None
    steps, values = np.array(rows, dtype=float).T
    return steps, values


def _mean_curve(curves: Sequence[Curve]) -> Curve:
    """The mean over the steps that every seed has."""
    shared = sorted(set.intersection(*(set(steps.tolist()) for steps, _ in curves)))
    if not shared:
        return curves[0]
    values = [dict(zip(steps.tolist(), values.tolist(), strict=True)) for steps, values in curves]
    return np.array(shared), np.array([np.mean([v[step] for v in values]) for step in shared])


def _thinned(steps: NDArray[np.float64], values: NDArray[np.float64]) -> Curve:
    """At most eighty points, each the mean of equally many rows: long runs stay readable."""
    size = -(-len(steps) // MOST_POINTS)
    starts = range(0, len(steps), size)
    return (
        np.array([steps[s : s + size].mean() for s in starts]),
        np.array([values[s : s + size].mean() for s in starts]),
    )
