"""The figures: each for the width of a phone, so that text keeps its size everywhere."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import NDArray

from tutelage.regularizers.catalogue import label_of
from tutelage.report.style import FONT, PAGE, Palette, figure, strokes
from tutelage.report.units import metric_axis, parameters
from tutelage.results.comparison import Comparison, Row
from tutelage.results.runs import Run

__all__ = [
    "curve_plot",
    "probe_plot",
    "rho_limits",
    "rho_plot",
    "score_plot",
    "size_plot",
]

MOST_POINTS = 80
MOST_PROBES = 3
LONGEST = 54
BINS = 40
MEAN_ABOVE = 0.13
LABEL_ABOVE = 0.46
HELD_OUT = {"task": "holdout_loss", "accuracy": "holdout_accuracy"}

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def score_plot(comparison: Comparison, *, palette: Palette = PAGE) -> Figure:
    """Every seed's score as a point, a row each, with the mean and one standard error.

    Where one method is compared with standard fine-tuning, the runs of each seed are joined.
    Probes on the teachers are dashed lines. Students and shares of the rows are set apart.
    """
    places = _places(comparison.rows)
    factor = comparison.metric.display_factor
    probes = comparison.probes if len(comparison.probes) <= MOST_PROBES else {}
    drawing, axes = figure(height=56 + 46 * (1 - min(places.values())), palette=palette)
    if len(comparison.transfers) == 1:
        _join_seeds(axes, comparison, places, factor=factor, palette=palette)
    for row in comparison.rows:
        _draw_scores(axes, row, places[row.label], factor=factor, palette=palette)
    for level, (name, value) in enumerate(sorted(probes.items(), key=lambda item: item[1])):
        axes.axvline(factor * value, color=palette.muted, lw=1, dashes=(3, 3))
        axes.annotate(
            clipped(f"probe, {name}", 40),
            (factor * value, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4 + 13 * level),
            textcoords="offset points",
            ha="right",
            color=palette.muted,
            fontsize=FONT - 1,
        )
    axes.set_ylim(min(places.values()) - 0.4, 0.68)
    axes.set_yticks([])
    axes.margins(x=0.06)
    axes.xaxis.set_major_locator(ticks(5))
    axes.set_xlabel(metric_axis(comparison.metric))
    return drawing


def probe_plot(comparison: Comparison, *, note: str, palette: Palette = PAGE) -> Figure | None:
    """A point a row: score, with one standard error, against the linear probe of the row's teachers.

    Standard fine-tuning has no teachers; where it is a single row, it is a dashed line.

    Args:
        comparison: The comparison.
        note: Text below the figure: the correlation.
        palette: Colors.

    Returns:
        None where the probes are too few or too alike for a correlation.
    """
    rows = [row for row in comparison.transfers if row.probe is not None]
    if comparison.correlation is None:
        return None
    factor = comparison.metric.display_factor
    drawing, axes = figure(width=520, height=340, palette=palette)
    for row in rows:
        assert row.score is not None
        axes.errorbar(
            factor * (row.probe or 0),
            factor * row.score.mean,
            yerr=None if row.score.error is None else factor * row.score.error,
            fmt="o",
            color=palette.method(row.method),
            markersize=6.5,
            mec=palette.paper,
            mew=0.8,
            lw=1.2,
            alpha=0.9,
        )
    colors = {label_of(row.method): palette.method(row.method) for row in rows}
    handles = [
        Line2D([], [], marker="o", ls="", color=color, label=clipped(name, 30))
        for name, color in colors.items()
    ]
    baselines = [row for row in comparison.finished if row.is_baseline]
    if len(baselines) == 1 and baselines[0].score is not None:
        line = axes.axhline(
            factor * baselines[0].score.mean,
            color=palette.method(baselines[0].method),
            lw=1.2,
            dashes=(3, 3),
        )
        line.set_label(baselines[0].title)
        handles.append(line)
    axes.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        frameon=False,
        fontsize=FONT - 1,
        labelcolor=palette.ink,
    )
    axes.margins(0.12)
    axes.set_xlabel("linear probe of the teachers" + (", %" if comparison.metric.percent else ""))
    axes.set_ylabel(metric_axis(comparison.metric))
    text = textwrap.fill(note, 84).replace("$", r"\$")
    drawing.supxlabel(text, fontsize=FONT - 2, color=palette.muted)
    return drawing


def curve_plot(comparison: Comparison, key: str, *, scale: float = 1.0) -> Figure | None:
    """One quantity of the training over steps: each seed thin, each method's mean thick.

    Args:
        comparison: Runs with their histories.
        key: ``task``, ``transfer`` or ``accuracy``; the hold-out's are added as points.
        scale: Multiplies the values.

    Returns:
        None where no run has the quantity, or it is 0 all along.
    """
    lines = strokes(comparison.rows)
    drawing, axes = figure(height=210)
    drawn = False
    for row in comparison.rows:
        curves = [curve for run in row.runs if (curve := _curve(run, key)) is not None]
        if not curves:
            continue
        drawn = True
        stroke = lines[row.label]
        color = stroke.color
        if len(curves) > 1:
            for steps, values in curves:
                axes.plot(*_thinned(steps, scale * values), color=color, lw=0.8, alpha=0.3)
        steps, values = _mean_curve(curves)
        (line,) = axes.plot(*_thinned(steps, scale * values), color=color, lw=1.9)
        if stroke.dashes:
            line.set_dashes(stroke.dashes)
        for steps, values in [c for r in row.runs if (c := _curve(r, HELD_OUT.get(key, "")))]:
            axes.plot(steps, scale * values, "o", color=color, mfc=PAGE.paper, markersize=4)
    axes.set_xlabel("step")
    axes.xaxis.set_major_locator(ticks(5, integer=True))
    axes.yaxis.set_major_locator(ticks(5))
    axes.margins(x=0.01)
    return drawing if drawn else None


def rho_plot(weights: Sequence[float], *, limits: tuple[float, float], color: str) -> Figure:
    """How a teacher's columns are weighted: share of the columns in each of forty ranges of rho."""
    drawing, axes = figure(height=180)
    counts, edges = np.histogram(np.asarray(weights), bins=BINS, range=limits)
    axes.stairs(
        100 * counts / max(len(weights), 1), edges, fill=True, color=color, alpha=0.85, lw=0
    )
    axes.set_xlim(*limits)
    axes.set_ylim(bottom=0)
    axes.axvline(0.5, color=PAGE.ink, lw=1.2, dashes=(3, 3))
    axes.annotate(
        "start",
        (0.5, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        color=PAGE.muted,
        fontsize=FONT - 1,
    )
    axes.set_xlabel("weight ρ")
    axes.xaxis.set_major_locator(ticks(5))
    axes.yaxis.set_major_locator(ticks(4))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    return drawing


def size_plot(student: tuple[str, int], teachers: Mapping[str, int]) -> Figure:
    """Parameters on a logarithmic axis: the student first, then the teachers.

    Args:
        student: Its name and parameters.
        teachers: Parameters by name.
    """
    sizes = [student, *teachers.items()]
    drawing, axes = figure(height=40 + 46 * len(sizes))
    counts = [max(size, 1) for _, size in sizes]
    low = 10.0 ** (np.floor(np.log10(min(counts))) - 1)
    rows = list(reversed(range(len(sizes))))
    axes.barh(rows, counts, height=0.36, color=[PAGE.ink] + [PAGE.series[0]] * len(teachers))
    axes.set_xscale("log")
    axes.set_xlim(low, max(counts) * 30)
    axes.set_ylim(-0.4, len(sizes) - 0.3)
    for row, count, (name, _) in zip(rows, counts, sizes, strict=True):
        times = "" if row == rows[0] else f" · {count / counts[0]:.3g}× the student"
        note: dict[str, Any] = {
            "textcoords": "offset points",
            "va": "center",
            "color": PAGE.ink,
            "fontsize": FONT,
        }
        axes.annotate(clipped(name, 48), (low, row + 0.38), xytext=(1, 0), **note)
        axes.annotate(parameters(count) + times, (count, row), xytext=(6, 0), **note)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(lambda value, _: parameters(int(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("parameters, logarithmic")
    return drawing


def rho_limits(weights: Sequence[Sequence[float]]) -> tuple[float, float]:
    """One range of rho for all of a page's histograms: it holds 0.5, where all weights start."""
    every = [0.5, *(w for vector in weights for w in vector)]
    low, high = min(every), max(every)
    return max(0.0, np.floor(20 * low) / 20), min(1.0, np.ceil(20 * high + 1e-9) / 20)


def clipped(text: str, most: int) -> str:
    """A name short enough for a plot, both its ends kept; a dollar sign is not mathematics."""
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"
    return text.replace("$", r"\$")


def _places(rows: Sequence[Row]) -> dict[str, float]:
    """Where each row is drawn, downwards from 0, with space between students and shares of rows."""
    places: dict[str, float] = {}
    place, before = 1.0, None
    for row in rows:
        place -= 1 if before in (None, row.cell) else 1.5
        places[row.label], before = place, row.cell
    return places


def _draw_scores(axes: Axes, row: Row, place: float, *, factor: float, palette: Palette) -> None:
    axes.annotate(
        clipped(row.label if row.score else f"{row.label}: failed", LONGEST),
        (0, place + LABEL_ABOVE),
        xycoords=("axes fraction", "data"),
        va="center",
        color=palette.ink if row.score else palette.muted,
        fontsize=FONT,
        bbox={"facecolor": palette.paper, "edgecolor": "none", "pad": 1.0},
    )
    if row.score is None:
        return
    values, color = [factor * value for value in row.values.values()], palette.method(row.method)
    axes.plot(
        values,
        [place - MEAN_ABOVE if len(values) > 1 else place] * len(values),
        "o",
        color=color,
        markersize=6,
        alpha=0.5 if len(values) > 1 else 1,
        mew=0,
    )
    if row.score.error is not None:
        mean, error, above = factor * row.score.mean, factor * row.score.error, place + MEAN_ABOVE
        axes.plot([mean - error, mean + error], [above, above], color=color, lw=2)
        axes.plot([mean], [above], "o", color=color, markersize=8.5, mec=palette.paper, mew=1.2)


def _join_seeds(
    axes: Axes,
    comparison: Comparison,
    places: Mapping[str, float],
    *,
    factor: float,
    palette: Palette,
) -> None:
    row = comparison.transfers[0]
    baseline = comparison.baseline_of(row)
    if baseline is None:
        return
    ends = [
        places[one.label] - (MEAN_ABOVE if len(one.values) > 1 else 0) for one in (baseline, row)
    ]
    for seed in sorted(row.values.keys() & baseline.values.keys()):
        axes.plot(
            [factor * baseline.values[seed], factor * row.values[seed]],
            ends,
            color=palette.rule,
            lw=1.2,
            zorder=1,
        )


def ticks(most: int, *, integer: bool = False) -> MaxNLocator:
    """Return ticks of an axis at round numbers, at most so many."""
    return MaxNLocator(most, steps=[1, 2, 5, 10], integer=integer)


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
