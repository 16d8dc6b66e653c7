"""A comparison's charts, for papers and slides: each file stands alone, in the page's light colours."""

import re
import textwrap
import warnings
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from tutelage.regularizers.catalogue import BASELINE
from tutelage.report.plots import clipped
from tutelage.report.units import metric_axis, score
from tutelage.results.table import ResultTable, Row

__all__ = ["colors", "probe_chart", "save_chart", "score_chart"]

INCH = 72
FONT = 10
ROW = 22
DOTS = 200
SERIES = 7
LONGEST = 48
FIRST_START = 20
"""An axis begins here or at 0: bars that are cut must be long."""
FILE = {"svg.fonttype": "none", "svg.hashsalt": "tutelage", "font.family": ["DejaVu Sans"]}
METADATA = {"svg": {"Date": None}, "png": {"Software": None}}


def score_chart(table: ResultTable) -> Figure:
    """A bar a row, with one standard error; rows of one student and fraction stand together.

    Where all bars are long the axis does not begin at 0, and says so.
    """
    places = _places(table)
    figure, axes = _figure(width=560, height=52 + ROW * (places[-1] + 1))
    ink, muted = colors()["ink"], colors()["muted"]
    start, metric, shown = _axis_start(table), table.metric, table.metric.display_factor
    methods = _method_colors(table)
    for row, where in zip(table.rows, places, strict=True):
        note, end = "failed", start
        if row.score is not None:
            mean, error = shown * row.score.mean, shown * (row.score.error or 0)
            axes.barh(where, mean - start, left=start, height=0.62, color=methods[row.method])
            if row.score.error is not None:
                axes.errorbar(mean, where, xerr=error, color=ink, lw=1.2, capsize=2.5)
            note, end = score(row.score, metric), mean + error
        axes.annotate(
            note,
            (end, where),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=FONT - 1,
            color=ink if row.score is not None else muted,
        )
    axes.set_yticks(places, [_label(row, table) for row in table.rows], color=ink)
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_xlim(left=start)
    axes.margins(x=0.25)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(metric_axis(metric) + (f" (the axis begins at {start:g})" if start else ""))
    return figure


def probe_chart(table: ResultTable, *, note: str) -> Figure | None:
    """A point a row: score, with one standard error, against the linear probe of the row's teachers.

    Standard fine-tuning has no teachers; where it is a single row, it is a dashed line.

    Args:
        table: The comparison.
        note: Stands below: the correlation.

    Returns:
        None where no row has a probe.
    """
    rows = [row for row in table.rows if row.probe is not None and row.score is not None]
    if not rows:
        return None
    shown = table.metric.display_factor
    figure, axes = _figure(width=520, height=340)
    methods = _method_colors(table)
    for row in rows:
        assert row.score is not None
        axes.errorbar(
            shown * (row.probe or 0),
            shown * row.score.mean,
            yerr=None if row.score.error is None else shown * row.score.error,
            fmt="o",
            color=methods[row.method],
            markersize=6.5,
            mec="white",
            mew=0.8,
            lw=1.2,
            alpha=0.9,
        )
    handles = [
        Line2D([], [], marker="o", ls="", color=color, label=clipped(_short(method), 30))
        for method, color in methods.items()
        if any(row.method == method for row in rows)
    ]
    baselines = [row for row in table.rows if row.method == BASELINE and row.score]
    if len(baselines) == 1 and baselines[0].score is not None:
        grey = methods[BASELINE]
        line = axes.axhline(shown * baselines[0].score.mean, color=grey, lw=1.2, dashes=(3, 3))
        line.set_label(BASELINE)
        handles.append(line)
    axes.legend(
        handles=handles,
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        frameon=False,
        fontsize=FONT - 1,
        labelcolor=colors()["ink"],
    )
    axes.margins(0.12)
    axes.set_xlabel("linear probe of the teachers" + (", %" if table.metric.percent else ""))
    axes.set_ylabel(metric_axis(table.metric))
    figure.supxlabel(_wrapped(note), fontsize=FONT - 2, color=colors()["muted"])
    return figure


def save_chart(figure: Figure, path: Path) -> list[Path]:
    """Write the figure as SVG, its text as text, and as PNG beside it; return both paths."""
    written = [path.with_suffix(f".{suffix}") for suffix in METADATA]
    for file, metadata in zip(written, METADATA.values(), strict=True):
        with matplotlib.rc_context(FILE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
            figure.savefig(file, dpi=DOTS, metadata=metadata, facecolor="white")
    return written


@cache
def colors() -> dict[str, str]:
    """The page's light colours by name, as its style sheet has them."""
    text = (files("tutelage.report") / "page.css").read_text(encoding="utf-8")
    light = text.partition("@media")[0]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return found | {"series-1": found["accent"]}


def _figure(*, width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width / INCH, height / INCH), layout=ConstrainedLayoutEngine())
    axes = figure.add_subplot()
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(colors()["rule"])
    axes.tick_params(length=0, labelsize=FONT, labelcolor=colors()["muted"], pad=5)
    axes.grid(color=colors()["rule"], lw=0.8)
    axes.set_axisbelow(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=colors()["muted"], fontsize=FONT)
    return figure, axes


def _places(table: ResultTable) -> list[float]:
    """Where the bars stand: a little space between groups."""
    places = [0.0]
    for before, row in pairwise(table.rows):
        same = (before.student, before.fraction) == (row.student, row.fraction)
        places.append(places[-1] + (1 if same else 1.6))
    return places


def _axis_start(table: ResultTable) -> float:
    """A multiple of ten somewhat below all bars, so that they can be told apart; or 0.

    Of a metric that is no share, and may be below 0, it is always 0.
    """
    lows = [100 * (r.score.mean - (r.score.error or 0)) for r in table.rows if r.score]
    highs = [100 * r.score.mean for r in table.rows if r.score]
    if not lows or not table.metric.percent:
        return 0.0
    room = max(5.0, max(highs) - min(lows))
    start = 10.0 * ((min(lows) - room) // 10)
    return start if start >= FIRST_START else 0.0


def _method_colors(table: ResultTable) -> dict[str, str]:
    """Colours by method: standard fine-tuning grey, the first other method the accent."""
    methods = dict.fromkeys(row.method for row in table.rows)
    others = [method for method in methods if method != BASELINE]
    numbers = {method: 1 + index % (SERIES - 1) for index, method in enumerate(others)}
    return {method: colors()[f"series-{numbers.get(method, 0)}"] for method in methods}


def _label(row: Row, table: ResultTable) -> str:
    """What tells a row from the others."""
    parts = {
        "student": row.student,
        "fraction": f"{row.fraction:g}",
        "method": _short(row.method),
        "teachers": "+".join(row.teachers),
    }
    shown = [text for part, text in parts.items() if part == "method" or _several(table, part)]
    return clipped(" · ".join(filter(None, shown)), LONGEST)


def _several(table: ResultTable, part: str) -> bool:
    """Whether the rows differ in a part, those without it aside."""
    return len({getattr(row, part) for row in table.rows} - {()}) > 1


def _short(method: str) -> str:
    """The class alone of a method of one's own."""
    return method.rpartition(":")[2] if ":" in method else method


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 84).replace("$", r"\$")
