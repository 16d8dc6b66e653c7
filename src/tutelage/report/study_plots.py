"""Pictures of a study: normalized errors, scores by data set, scores against the teachers' probe."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from matplotlib.figure import Figure

from tutelage.config.study import Figure as Kind
from tutelage.regularizers.catalogue import label_of
from tutelage.report.plots import ticks
from tutelage.report.study_axes import (
    LINE,
    dashes_of,
    error_label,
    factor_of,
    legend,
    marker_of,
    point,
    row_title,
    score_label,
    shades_of,
    unit_of,
    whisker,
    written_names,
)
from tutelage.report.study_groups import by_noise, by_student, by_teachers, epochs, weights
from tutelage.report.study_tables import cell_title, method_title
from tutelage.report.style import PAGE, Palette, figure
from tutelage.report.units import MINUS
from tutelage.results.statistics import SampleMean, sample_mean
from tutelage.results.studies import Cell, Study, StudyRow

__all__ = ["FIGURES", "study_plot"]

CLOSEST = 0.18
"""Distance of two points' lines in a block, in heights of a row; less and they overlap."""


def study_plot(study: Study, kind: Kind, *, palette: Palette = PAGE) -> Figure | None:
    """Return a picture of a study; None where the study has no numbers for it."""
    return FIGURES[kind](study, palette)


def _normalized_errors(study: Study, palette: Palette) -> Figure | None:
    """A bar for each method, set of teachers and share of the rows; standard fine-tuning is 1."""
    known = [(one, one.common or one.own) for one in study.methods]
    bars = [(one, mean) for one, mean in known if mean is not None]
    if not bars:
        return None
    several = len({one.teachers for one, _ in bars if one.teachers}) > 1
    drawing, axes = figure(height=52 + LINE * len(bars), palette=palette)
    for place, (one, mean) in enumerate(bars):
        color = palette.method(one.method)
        axes.barh(-place, mean.mean, height=0.34, color=color, alpha=0.85)
        whisker(axes, mean, -place, color=palette.ink)
        row_title(axes, method_title(one, teachers=several), -place, palette)
    axes.axvline(1, color=palette.muted, lw=1, dashes=(3, 3))
    axes.set_ylim(-len(bars) + 0.6, 0.75)
    axes.set_yticks([])
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(ticks(5))
    axes.set_xlabel(error_label(study.methods))
    return drawing


def _scores(study: Study, palette: Palette) -> Figure | None:
    """A block for each data set and student: a point with one standard error for each row."""
    cells: dict[Cell, list[StudyRow]] = {}
    for row in study.rows:
        if row.score is not None:
            cells.setdefault(row.place, []).append(row)
    if not cells:
        return None
    methods = written_names(study.rows)
    blocks = [max(1.0, 0.64 + CLOSEST * (len(rows) - 1)) for rows in cells.values()]
    height = 84 + LINE * sum(blocks) + 15 * len(methods)
    drawing, axes = figure(height=height, palette=palette)
    place, factor = 0.0, factor_of(study.rows)
    for (cell, rows), block in zip(cells.items(), blocks, strict=True):
        row_title(axes, cell_title(cell), place, palette)
        step = max(CLOSEST, 0.36 / max(len(rows) - 1, 1))
        for level, row in enumerate(rows):
            assert row.score is not None
            at = place + 0.16 - level * step
            point(axes, row.score, at, palette, factor=factor, method=row.method)
        place -= block
    legend(axes, methods, palette)
    axes.set_ylim(place + 0.6, 0.75)
    axes.set_yticks([])
    axes.margins(x=0.06)
    axes.xaxis.set_major_locator(ticks(5))
    axes.set_xlabel(score_label(study.rows))
    return drawing


def _against_probe(study: Study, palette: Palette) -> Figure | None:
    """A point a row: score against probe; of several data sets both without the mean of their cell.

    A cell with one probe alone tells nothing, and is left out.
    """
    probed: dict[Cell, list[StudyRow]] = {}
    for row in study.rows:
        if row.probe is not None and row.score is not None:
            probed.setdefault(row.place, []).append(row)
    cells = {cell: group for cell, group in probed.items() if len({row.probe for row in group}) > 1}
    rows = [row for group in cells.values() for row in group]
    if not rows:
        return None
    drawing, axes = figure(height=330, palette=palette)
    factor = factor_of(rows)
    for group in cells.values():
        middle = _middle(group) if len(cells) > 1 else (0.0, 0.0)
        for row in group:
            assert row.score is not None
            axes.errorbar(
                factor * ((row.probe or 0) - middle[0]),
                factor * (row.score.mean - middle[1]),
                yerr=None if row.score.error is None else factor * row.score.error,
                fmt=marker_of(row.method),
                color=palette.method(row.method),
                markersize=6.5,
                mec=palette.paper,
                mew=0.8,
                lw=1.2,
            )
    names = written_names(rows)
    known = study.correlations
    legend(
        axes,
        {f"{label}{_correlation(known.get(method))}": method for label, method in names.items()},
        palette,
    )
    than = ", above its mean" if len(cells) > 1 else ""
    axes.margins(0.1)
    axes.xaxis.set_major_locator(ticks(5))
    axes.yaxis.set_major_locator(ticks(5))
    axes.set_xlabel(f"probe of the teachers{than}{unit_of(rows)}")
    axes.set_ylabel(f"{score_label(rows, unit=False)}{than}{unit_of(rows)}")
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
    sets = list(dict.fromkeys(teachers for _, teachers in lines if teachers))
    shades = dict(zip(sets, shades_of(len(sets)), strict=True))
    for (method, teachers), points in lines.items():
        shares, means = zip(*sorted(points, key=lambda point: point[0]), strict=True)
        axes.errorbar(
            [100 * share for share in shares],
            [mean.mean for mean in means],
            yerr=[mean.error or 0.0 for mean in means],
            fmt=marker_of(method),
            ls=dashes_of(method),
            color=palette.method(method),
            markersize=5,
            lw=1.5,
            alpha=shades.get(teachers),
        )
    names = {_line_title(method, teachers, lines): (method, teachers) for method, teachers in lines}
    legend(
        axes,
        {name: method for name, (method, _) in names.items()},
        palette,
        shades={name: shades[teachers] for name, (_, teachers) in names.items() if teachers},
    )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.set_xticks(sorted({100 * one.fraction for one in study.methods}))
    axes.yaxis.set_major_locator(ticks(5))
    axes.margins(0.08)
    axes.set_xlabel("share of the training rows, %, logarithmic")
    axes.set_ylabel(error_label(study.methods))
    return drawing


FIGURES: Mapping[Kind, Callable[[Study, Palette], Figure | None]] = {
    "normalized-error": _normalized_errors,
    "students": by_student,
    "scores": _scores,
    "teachers": by_teachers,
    "probe": _against_probe,
    "fractions": _by_fraction,
    "noise": by_noise,
    "weights": weights,
    "epochs": epochs,
}
"""By the names that ``figures`` of a study takes."""


def _line_title(
    method: str, teachers: Sequence[str], lines: Iterable[tuple[str, tuple[str, ...]]]
) -> str:
    several = len({names for other, names in lines if other == method}) > 1
    return label_of(method) + (f", {'+'.join(teachers)}" if several else "")


def _correlation(known: float | None) -> str:
    return "" if known is None else f", r = {known:.2f}".replace("-", MINUS)


def _middle(rows: Sequence[StudyRow]) -> tuple[float, float]:
    probes = sample_mean(row.probe or 0.0 for row in rows)
    scores = sample_mean(row.score.mean for row in rows if row.score is not None)
    return probes.mean, scores.mean
