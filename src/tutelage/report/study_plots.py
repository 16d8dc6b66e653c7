"""Pictures of a study: normalized errors, scores by data set, scores against the teachers' probe."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from tutelage.config.study import Figure as Kind
from tutelage.regularizers.catalogue import label_of
from tutelage.report.plots import clipped, ticks
from tutelage.report.study_tables import cell_title, method_title
from tutelage.report.style import FONT, PAGE, Palette, figure
from tutelage.results.statistics import SampleMean, sample_mean
from tutelage.results.studies import Cell, Study, StudyRow

__all__ = ["FIGURES", "study_plot"]

LONGEST = 46
LINE = 44
"""Height of a row in CSS pixels."""
TITLE_ABOVE = 0.4


def study_plot(study: Study, *, palette: Palette = PAGE) -> Figure | None:
    """Return the study's picture; None where the study has no numbers for it."""
    return FIGURES[study.figure](study, palette)


def _normalized_errors(study: Study, palette: Palette) -> Figure | None:
    """A bar for each method, set of teachers and share of the rows; standard fine-tuning is 1."""
    known = [(one, one.common or one.own) for one in study.methods]
    bars = [(one, mean) for one, mean in known if mean is not None]
    if not bars:
        return None
    drawing, axes = figure(height=52 + LINE * len(bars), palette=palette)
    for place, (one, mean) in enumerate(bars):
        color = palette.method(one.method)
        axes.barh(-place, mean.mean, height=0.34, color=color, alpha=0.85)
        _error(axes, mean, -place, color=palette.ink)
        _title(axes, method_title(one), -place, palette)
    axes.axvline(1, color=palette.muted, lw=1, dashes=(3, 3))
    axes.set_ylim(-len(bars) + 0.6, 0.75)
    axes.set_yticks([])
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(ticks(5))
    axes.set_xlabel("normalized error")
    return drawing


def _scores(study: Study, palette: Palette) -> Figure | None:
    """A line for each data set and student, a point with one standard error for each row."""
    cells = dict.fromkeys(row.place for row in study.rows if row.score is not None)
    if not cells:
        return None
    methods = _methods(study.rows)
    drawing, axes = figure(height=84 + LINE * len(cells) + 15 * len(methods), palette=palette)
    for place, cell in enumerate(cells):
        _title(axes, cell_title(cell), -place, palette)
        rows = [row for row in study.rows if row.place == cell and row.score is not None]
        for level, row in enumerate(rows):
            shift = 0.16 - 0.36 * level / max(len(rows) - 1, 1)
            _point(axes, row, -place + shift, palette)
    _legend(axes, methods, palette)
    axes.set_ylim(-len(cells) + 0.6, 0.75)
    axes.set_yticks([])
    axes.margins(x=0.06)
    axes.xaxis.set_major_locator(ticks(5))
    axes.set_xlabel(_score_label(study))
    return drawing


def _against_probe(study: Study, palette: Palette) -> Figure | None:
    """A point a row: score against probe; of several data sets both without the mean of their cell."""
    rows = [row for row in study.rows if row.probe is not None and row.score is not None]
    if len({row.probe for row in rows}) < 2:
        return None
    cells: dict[Cell, list[StudyRow]] = {}
    for row in rows:
        cells.setdefault(row.place, []).append(row)
    drawing, axes = figure(height=330, palette=palette)
    for group in cells.values():
        factor = group[0].metric.display_factor
        middle = _middle(group) if len(cells) > 1 else (0.0, 0.0)
        for row in group:
            assert row.score is not None
            axes.errorbar(
                factor * ((row.probe or 0) - middle[0]),
                factor * (row.score.mean - middle[1]),
                yerr=None if row.score.error is None else factor * row.score.error,
                fmt="o",
                color=palette.method(row.method),
                markersize=6.5,
                mec=palette.paper,
                mew=0.8,
                lw=1.2,
            )
    _legend(axes, _methods(rows), palette)
    than = ", above its mean" if len(cells) > 1 else ""
    axes.margins(0.1)
    axes.xaxis.set_major_locator(ticks(5))
    axes.yaxis.set_major_locator(ticks(5))
    axes.set_xlabel(f"probe of the teachers{than}{_unit(rows)}")
    axes.set_ylabel(f"{_score_label(study, unit=False)}{than}{_unit(rows)}")
    return drawing


def _by_fraction(study: Study, palette: Palette) -> Figure | None:
    """A line for each method and set of teachers: the normalized error by the share of the rows."""
    lines: dict[tuple[str, tuple[str, ...]], list[tuple[float, SampleMean]]] = {}
    for one in study.methods:
        mean = one.common or one.own
        if mean is not None:
            lines.setdefault((one.method, one.teachers), []).append((one.fraction, mean))
    if not lines:
        return None
    drawing, axes = figure(height=300 + 15 * len(lines), palette=palette)
    for (method, _), points in lines.items():
        shares, means = zip(*sorted(points, key=lambda point: point[0]), strict=True)
        axes.errorbar(
            [100 * share for share in shares],
            [mean.mean for mean in means],
            yerr=[mean.error or 0.0 for mean in means],
            fmt="o-",
            color=palette.method(method),
            markersize=5,
            lw=1.5,
        )
    names = {_line_title(method, teachers, lines): method for method, teachers in lines}
    _legend(axes, names, palette)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(sorted({100 * one.fraction for one in study.methods}))
    axes.yaxis.set_major_locator(ticks(5))
    axes.margins(0.08)
    axes.set_xlabel("share of the training rows, %, logarithmic")
    axes.set_ylabel("normalized error")
    return drawing


FIGURES: Mapping[Kind, Callable[[Study, Palette], Figure | None]] = {
    "normalized-error": _normalized_errors,
    "scores": _scores,
    "probe": _against_probe,
    "fractions": _by_fraction,
}


def _line_title(
    method: str, teachers: Sequence[str], lines: Iterable[tuple[str, tuple[str, ...]]]
) -> str:
    several = len({names for other, names in lines if other == method}) > 1
    return label_of(method) + (f", {'+'.join(teachers)}" if several else "")


def _methods(rows: Iterable[StudyRow]) -> dict[str, str]:
    """Written names with their methods."""
    return {label_of(row.method): row.method for row in rows}


def _legend(axes: Axes, methods: Mapping[str, str], palette: Palette) -> None:
    handles = [
        Line2D(
            [], [], marker="o", ls="", color=palette.method(method), label=clipped(name, LONGEST)
        )
        for name, method in methods.items()
    ]
    axes.figure.legend(
        handles=handles,
        loc="outside lower left",
        frameon=False,
        fontsize=FONT - 1,
        labelcolor=palette.ink,
        ncols=2 if all(len(name) < 24 for name in methods) else 1,
    )


def _point(axes: Axes, row: StudyRow, place: float, palette: Palette) -> None:
    assert row.score is not None
    factor, color = row.metric.display_factor, palette.method(row.method)
    mean, error = factor * row.score.mean, factor * (row.score.error or 0.0)
    axes.plot([mean - error, mean + error], [place, place], color=color, lw=1.6)
    axes.plot([mean], [place], "o", color=color, markersize=6, mec=palette.paper, mew=0.8)


def _error(axes: Axes, mean: SampleMean, place: float, *, color: str) -> None:
    if mean.error:
        ends = [mean.mean - mean.error, mean.mean + mean.error]
        axes.plot(ends, [place, place], color=color, lw=1.4)


def _title(axes: Axes, text: str, place: float, palette: Palette) -> None:
    axes.annotate(
        clipped(text, LONGEST),
        (0, place + TITLE_ABOVE),
        xycoords=("axes fraction", "data"),
        va="center",
        color=palette.ink,
        fontsize=FONT,
    )


def _middle(rows: Sequence[StudyRow]) -> tuple[float, float]:
    probes = sample_mean(row.probe or 0.0 for row in rows)
    scores = sample_mean(row.score.mean for row in rows if row.score is not None)
    return probes.mean, scores.mean


def _score_label(study: Study, *, unit: bool = True) -> str:
    labels = {row.metric.label for row in study.rows}
    name = labels.pop() if len(labels) == 1 else "score"
    return name + (_unit(study.rows) if unit else "")


def _unit(rows: Iterable[StudyRow]) -> str:
    return ", %" if all(row.metric.percent for row in rows) else ""
