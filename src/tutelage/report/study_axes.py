"""Parts of pictures with a line for each row: legends, points, labels of rows and axes."""

from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from tutelage.regularizers.catalogue import label_of
from tutelage.report.plots import clipped
from tutelage.report.style import FONT, Palette
from tutelage.results.statistics import SampleMean
from tutelage.results.studies import NormalizedError, StudyRow

__all__ = [
    "LINE",
    "LONGEST",
    "dashes_of",
    "error_label",
    "factor_of",
    "legend",
    "marker_of",
    "point",
    "row_title",
    "score_label",
    "shades_of",
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


def shades_of(count: int) -> list[float]:
    """Return opacities that tell some sets of teachers apart, in the color of their method."""
    return [0.85 - 0.5 * number / max(count - 1, 1) for number in range(count)]


def legend(
    axes: Axes,
    methods: Mapping[str, str],
    palette: Palette,
    *,
    shades: Mapping[str, float] | None = None,
) -> None:
    """A legend below the axes.

    Args:
        axes: Of a figure.
        methods: Written names with their methods.
        palette: Colors.
        shades: Opacities by written name; 1 by default.
    """
    handles = [
        Line2D(
            [],
            [],
            marker=marker_of(method),
            ls="",
            color=palette.method(method),
            alpha=(shades or {}).get(name),
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
    axes: Axes, score: SampleMean, place: float, palette: Palette, *, factor: float, method: str
) -> None:
    """A score with a standard error to both sides, in a horizontal line, in the method's color."""
    color = palette.method(method)
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


def row_title(axes: Axes, text: str, place: float, palette: Palette, *, bold: bool = False) -> None:
    """The title of a horizontal line, above it."""
    axes.annotate(
        clipped(text, LONGEST),
        (0, place + TITLE_ABOVE),
        xycoords=("axes fraction", "data"),
        va="center",
        color=palette.ink,
        fontsize=FONT,
        fontweight="bold" if bold else "normal",
    )


def score_label(rows: Sequence[StudyRow], *, unit: bool = True) -> str:
    """The name of the metric of all rows, or 'score' where they differ."""
    labels = {row.metric.label for row in rows}
    name = labels.pop() if len(labels) == 1 else "score"
    return name + (unit_of(rows) if unit else "")


def unit_of(rows: Iterable[StudyRow]) -> str:
    """Percent, if all rows have it."""
    return ", %" if all(row.metric.percent for row in rows) else ""


def factor_of(rows: Iterable[StudyRow]) -> float:
    """What scores on one axis are multiplied by: 100 if all are in percent, else 1 for all of them."""
    return 100.0 if all(row.metric.percent for row in rows) else 1.0


def error_label(methods: Iterable[NormalizedError], *, fraction: float = 1.0) -> str:
    """The label of an axis of normalized errors: of which cells and rows they are, if not of all."""
    apart = any(one.common is None and one.own is not None for one in methods)
    share = f" at {fraction:.4g} of the rows" if fraction != 1 else ""
    return f"normalized error{share}" + ", over its own cells where none is common" * apart
