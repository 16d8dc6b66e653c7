"""Parts of pictures with a line for each row: legends, points, labels of rows and axes."""

from collections.abc import Iterable, Mapping

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tutelage.regularizers.catalogue import label_of
from tutelage.report.plots import clipped
from tutelage.report.style import FONT, Palette
from tutelage.results.statistics import SampleMean
from tutelage.results.studies import Study, StudyRow
from tutelage.tasks import Metric

__all__ = [
    "LINE",
    "LONGEST",
    "dashes_of",
    "legend",
    "marker_of",
    "point",
    "row_title",
    "score_label",
    "unit_of",
    "whisker",
    "written_names",
]

LINE = 44
"""Height of a row in CSS pixels."""
LONGEST = 46
TITLE_ABOVE = 0.4


def written_names(rows: Iterable[StudyRow]) -> dict[str, str]:
    """Written names with their methods."""
    return {label_of(row.method): row.method for row in rows}


def marker_of(method: str) -> str:
    """Return a disc, or a square for a variant, whose color may be that of another method."""
    return "s" if "-" in method else "o"


def dashes_of(method: str) -> str:
    """Return a full line, or dashes for a variant, which may lie on the line of its method."""
    return "--" if "-" in method else "-"


def legend(axes: Axes, methods: Mapping[str, str], palette: Palette) -> None:
    """A legend below the axes.

    Args:
        axes: Of a figure.
        methods: Written names with their methods.
        palette: Colors.
    """
    handles = [
        Line2D(
            [],
            [],
            marker=marker_of(method),
            ls="",
            color=palette.method(method),
            label=clipped(name, LONGEST),
        )
        for name, method in methods.items()
    ]
    axes.figure.legend(
        handles=handles,
        loc="outside lower left",
        frameon=False,
        fontsize=FONT - 1,
        labelcolor=palette.ink,
        borderpad=0.8,
        ncols=2 if all(len(name) < 24 for name in methods) else 1,
    )


def point(
    axes: Axes, score: SampleMean, place: float, palette: Palette, *, metric: Metric, method: str
) -> None:
    """A score with a standard error to both sides, in a horizontal line, in the method's color."""
    factor, color = metric.display_factor, palette.method(method)
    mean, error = factor * score.mean, factor * (score.error or 0.0)
    axes.plot([mean - error, mean + error], [place, place], color=color, lw=1.6)
    axes.plot(
        [mean], [place], marker_of(method), color=color, markersize=6, mec=palette.paper, mew=0.8
    )


def whisker(axes: Axes, mean: SampleMean, place: float, *, color: str) -> None:
    """A standard error to both sides of a horizontal bar."""
    if mean.error:
        ends = [mean.mean - mean.error, mean.mean + mean.error]
        axes.plot(ends, [place, place], color=color, lw=1.4)


def row_title(axes: Axes, text: str, place: float, palette: Palette) -> None:
    """The title of a horizontal line, above it."""
    axes.annotate(
        clipped(text, LONGEST),
        (0, place + TITLE_ABOVE),
        xycoords=("axes fraction", "data"),
        va="center",
        color=palette.ink,
        fontsize=FONT,
    )


def score_label(study: Study, *, unit: bool = True) -> str:
    """The name of the metric of all data sets, or 'score' where they differ."""
    labels = {row.metric.label for row in study.rows}
    name = labels.pop() if len(labels) == 1 else "score"
    return name + (unit_of(study.rows) if unit else "")


def unit_of(rows: Iterable[StudyRow]) -> str:
    """Percent, if all rows have it."""
    return ", %" if all(row.metric.percent for row in rows) else ""
