"""Pictures of a study by student, by teachers, by noise, of learned weights and of time."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutelage.regularizers.catalogue import BASELINE, label_of
from tutelage.report.plots import clipped, ticks
from tutelage.report.study_axes import (
    LINE,
    LONGEST,
    dashes_of,
    error_label,
    legend,
    marker_of,
    row_title,
    score_label,
    shades_of,
    whisker,
    written_names,
)
from tutelage.report.study_tables import cell_title
from tutelage.report.style import FONT, Palette, figure, panels
from tutelage.report.tables import three
from tutelage.results.learned_weights import BINS, WeightLevel
from tutelage.results.statistics import SampleMean
from tutelage.results.studies import Cell, NormalizedError, Study, StudyRow, normalized_errors

__all__ = ["by_noise", "by_student", "by_teachers", "epochs", "weights"]

PANEL = 190
"""Height of a panel in CSS pixels."""
HISTOGRAM = 90
"""Height of the highest step of learned weights in CSS pixels."""
FONT_LINE = 17
"""Height of a line of a legend in CSS pixels."""
HEADING = 0.6
"""Height of a cell's name, in rows."""
LETTERS = 40
"""Letters of a line below all groups."""


def by_student(study: Study, palette: Palette) -> Figure | None:
    """Groups of bars from 1: the normalized error of each method over data sets, by student.

    Of several shares of the rows it is the largest; sets of teachers are told apart by opacity.
    """
    most = max((row.fraction for row in study.rows), default=1.0)
    rows = [row for row in study.rows if row.fraction == most]
    students = dict.fromkeys(row.student for row in rows)
    groups = {name: [row for row in rows if row.student == name] for name in students}
    if len(groups) > 1:
        groups["all students"] = rows
    errors = {name: list(normalized_errors(group)) for name, group in groups.items()}
    bars = {
        name: {
            (one.method, _told_apart(one, methods)): mean
            for one in methods
            if one.method != BASELINE and (mean := one.common or one.own) is not None
        }
        for name, methods in errors.items()
    }
    kinds = sorted({kind for group in bars.values() for kind in group}, key=_order_in(study))
    if not kinds:
        return None
    drawing, axes = figure(height=290 + 15 * len(kinds), palette=palette)
    width = 0.8 / len(kinds)
    sets = list(dict.fromkeys(teachers for _, teachers in kinds if teachers))
    shades = dict(zip(sets, shades_of(len(sets)), strict=True))
    for place, group in enumerate(bars.values()):
        for level, (method, teachers) in enumerate(kinds):
            if mean := group.get((method, teachers)):
                at = place + (level - (len(kinds) - 1) / 2) * width
                color, alpha = palette.method(method), shades.get(teachers, 0.85)
                _bar(axes, at, mean, width=0.86 * width, color=color, alpha=alpha)
                if mean.error:
                    _vertical(axes, at, mean, color=palette.ink)
    axes.axhline(1, color=palette.muted, lw=1, dashes=(3, 3))
    _groups(axes, list(bars))
    ends = [end for group in bars.values() for mean in group.values() for end in _ends(mean)]
    low, high = min(*ends, 1.0), max(*ends, 1.0)
    margin = 0.08 * (high - low) or 0.05
    axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_locator(ticks(5))
    axes.set_ylabel(error_label([one for group in errors.values() for one in group], fraction=most))
    names = {
        ", ".join(filter(None, (label_of(method), "+".join(teachers)))): (method, teachers)
        for method, teachers in kinds
    }
    legend(
        axes,
        {name: method for name, (method, _) in names.items()},
        palette,
        shades={name: shades[teachers] for name, (_, teachers) in names.items() if teachers},
    )
    return drawing


def _told_apart(one: NormalizedError, others: Sequence[NormalizedError]) -> tuple[str, ...]:
    """The teachers of a bar, where another bar of its group has the same method."""
    return one.teachers if sum(other.method == one.method for other in others) > 1 else ()


def _order_in(study: Study) -> Callable[[tuple[str, tuple[str, ...]]], tuple[int, int]]:
    """The order of methods and sets of teachers in the tables."""
    methods = list(dict.fromkeys(row.method for row in study.rows))
    sets = list(dict.fromkeys(row.teachers for row in study.rows))
    return lambda kind: (methods.index(kind[0]), sets.index(kind[1]) if kind[1] else -1)


def by_teachers(study: Study, palette: Palette) -> Figure | None:
    """A panel for each data set and student: scores of each method by set of teachers."""
    sets = dict.fromkeys(row.teachers for row in study.rows if row.teachers)

    def place(row: StudyRow) -> float:
        return list(sets).index(row.teachers)

    drawing = _panels_of(study, palette, place=place, dodge=True)
    if drawing is not None:
        _groups(drawing.axes[-1], ["+".join(names) for names in sets])
    return drawing


def by_noise(study: Study, palette: Palette) -> Figure | None:
    """A panel for each data set and student: scores of each method by columns of noise."""
    drawing = _panels_of(study, palette, place=lambda row: float(row.noise), dodge=False)
    if drawing is not None:
        axes = drawing.axes[-1]
        axes.set_xticks(sorted({row.noise for row in study.rows if row.teachers}))
        axes.set_xlabel("columns of noise among the teachers'")
    return drawing


def weights(study: Study, palette: Palette) -> Figure | None:
    """A panel for each row with learned weights: the share of each teacher's columns by weight."""
    rows = [row for row in study.rows if len(row.weights) > 1] or [
        row for row in study.rows if row.weights
    ]
    if not rows:
        return None
    several = len({row.place for row in rows}) > 1
    lines = max(sum(1 + (name in row.weight_levels) for name in row.weights) for row in rows)
    above = 1.08 + (12 + FONT_LINE * lines) / HISTOGRAM  # the legend would hide steps elsewhere
    height = 40 + len(rows) * (40 + HISTOGRAM * above)
    drawing, grid = panels(len(rows), height=height, palette=palette)
    edges = [number / BINS for number in range(BINS + 1)]
    for axes, row in zip(grid, rows, strict=True):
        for number, (teacher, shares) in enumerate(row.weights.items(), start=1):
            color = palette.series[number % len(palette.series)]
            values = [100 * share for share in shares]
            axes.stairs(values, edges, fill=True, color=color, alpha=0.25, lw=0)
            label = f"{clipped(teacher, LONGEST)}{_level(row.weight_levels.get(teacher))}"
            axes.stairs(values, edges, color=color, lw=1.4, label=label)
        of = f"{cell_title(row.place)}: " if several else ""
        _heading(axes, f"{of}{label_of(row.method)}", palette)
        axes.legend(
            frameon=False,
            fontsize=FONT - 1,
            labelcolor=palette.ink,
            loc="upper right",
            handlelength=1,
            borderaxespad=0,
        )
        axes.set_xlim(0, 1)
        highest = 100 * max(max(shares) for shares in row.weights.values())
        axes.set_ylim(0, above * highest)
        axes.yaxis.set_major_locator(ticks(3))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    grid[-1].tick_params(axis="x", pad=9)
    grid[-1].set_xlabel("learned weight ρ of a column; all start at 0.5")
    return drawing


def epochs(study: Study, palette: Palette) -> Figure | None:
    """A bar for each row: seconds of an epoch."""
    rows = [row for row in study.rows if row.epoch_seconds is not None]
    if not rows:
        return None
    cells: dict[Cell, list[StudyRow]] = {}
    for row in rows:
        cells.setdefault(row.place, []).append(row)
    heading = HEADING if len(cells) > 1 else 0.0
    lines = len(rows) + heading * len(cells)
    drawing, axes = figure(height=52 + LINE * lines, palette=palette)
    place = 0.0
    for cell, group in cells.items():
        if heading:
            row_title(axes, cell_title(cell), place, palette, bold=True)
            place -= heading
        taught = [row.method for row in group]
        for row in group:
            assert row.epoch_seconds is not None
            color = palette.method(row.method)
            axes.barh(place, row.epoch_seconds.mean, height=0.34, color=color, alpha=0.85)
            whisker(axes, row.epoch_seconds, place, color=palette.ink)
            several = taught.count(row.method) > 1
            under = f" with {'+'.join(row.teachers)}" if several and row.teachers else ""
            row_title(axes, f"{label_of(row.method)}{under}", place, palette)
            place -= 1
    axes.set_ylim(place + 0.6, 0.75)
    axes.set_yticks([])
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(ticks(5))
    axes.set_xlabel("seconds an epoch")
    return drawing


def _panels_of(
    study: Study, palette: Palette, *, place: Callable[[StudyRow], float], dodge: bool
) -> Figure | None:
    """Scores of rows with teachers at their places; standard fine-tuning is a line across."""
    cells: dict[Cell, list[StudyRow]] = {}
    for row in study.rows:
        if row.score is not None:
            cells.setdefault(row.place, []).append(row)
    cells = {cell: rows for cell, rows in cells.items() if any(row.teachers for row in rows)}
    if not cells:
        return None
    names = written_names(row for rows in cells.values() for row in rows)
    taught = [method for method in names.values() if method != BASELINE]
    height = 60 + PANEL * len(cells) + 15 * len(names)
    drawing, grid = panels(len(cells), height=height, palette=palette)
    for axes, (cell, rows) in zip(grid, cells.items(), strict=True):
        for level, method in enumerate(taught):
            shift = 0.16 * (level - (len(taught) - 1) / 2) if dodge else 0.0
            own = sorted((row for row in rows if row.method == method), key=place)
            marker = marker_of(method)
            options = (
                {"fmt": marker} if dodge else {"fmt": marker, "ls": dashes_of(method), "lw": 1.5}
            )
            _points(axes, [(place(row) + shift, row) for row in own], palette, options)
        for row in rows:
            if row.is_baseline:
                _across(axes, row, palette)
        _heading(axes, cell_title(cell), palette)
        axes.yaxis.set_major_locator(ticks(4))
        axes.margins(x=0.08, y=0.12)
        axes.set_ylabel(score_label(rows))
    legend(grid[-1], names, palette)
    return drawing


def _points(
    axes: Axes,
    placed: Sequence[tuple[float, StudyRow]],
    palette: Palette,
    options: Mapping[str, Any],
) -> None:
    if not placed:
        return
    means = [(at, row, row.score) for at, row in placed if row.score is not None]
    factor = placed[0][1].metric.display_factor
    axes.errorbar(
        [at for at, _, _ in means],
        [factor * mean.mean for _, _, mean in means],
        yerr=[factor * (mean.error or 0.0) for _, _, mean in means],
        color=palette.method(placed[0][1].method),
        markersize=6,
        mec=palette.paper,
        mew=0.8,
        elinewidth=1.4,
        **options,
    )


def _across(axes: Axes, row: StudyRow, palette: Palette) -> None:
    assert row.score is not None
    factor, color = row.metric.display_factor, palette.method(row.method)
    low, high = (factor * end for end in _ends(row.score))
    axes.axhspan(low, high, color=color, alpha=0.15, lw=0)
    axes.axhline(factor * row.score.mean, color=color, lw=1.2, dashes=(4, 3))


def _groups(axes: Axes, names: Sequence[str]) -> None:
    """Names below groups, in lines that are as short as groups are narrow."""
    letters = LETTERS // len(names)
    shown = [_wrapped(name, letters) for name in _without_tags(names)]
    axes.set_xticks(range(len(names)), shown)
    axes.grid(visible=False, axis="x")
    axes.set_xlim(-0.6, len(names) - 0.4)


def _without_tags(names: Sequence[str]) -> list[str]:
    """Names of models, joined by a plus, without the tags of their weights where they stay different."""
    short = [re.sub(r"(?<=[^+])\.[A-Za-z][^+]*", "", name) for name in names]
    return [
        shorter if short.count(shorter) == 1 else name
        for name, shorter in zip(names, short, strict=True)
    ]


def _wrapped(name: str, letters: int) -> str:
    """A name in lines that end at a plus, dash or underscore."""
    lines = [""]
    for part in re.findall(r"[^-+_ ]+[-+_ ]?|[-+_ ]", name):
        if lines[-1] and len(lines[-1]) + len(part) > letters:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _level(known: WeightLevel | None) -> str:
    if known is None:
        return ""
    top = "" if known.top is None else f", {100 * known.top.mean:.0f} %"
    return f"\n{three(known.mean).strip()}{top}"


def _heading(axes: Axes, text: str, palette: Palette) -> None:
    axes.set_title(clipped(text, LONGEST), loc="left", fontsize=FONT, color=palette.ink)


def _bar(
    axes: Axes, at: float, mean: SampleMean, *, width: float, color: str, alpha: float
) -> None:
    axes.bar(at, mean.mean - 1, bottom=1, width=width, color=color, alpha=alpha)


def _vertical(axes: Axes, at: float, mean: SampleMean, *, color: str) -> None:
    axes.plot([at, at], list(_ends(mean)), color=color, lw=1.4)


def _ends(mean: SampleMean) -> tuple[float, float]:
    error = mean.error or 0.0
    return mean.mean - error, mean.mean + error
