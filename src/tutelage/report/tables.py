"""The table of a comparison: its columns for the page, the terminal and Markdown, and CSV."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tutelage.files import spreadsheet_text
from tutelage.regularizers.catalogue import label_of
from tutelage.report.units import MINUS, SPACE, gap, metric_capital, metric_title, score
from tutelage.results.comparison import Comparison, Row
from tutelage.results.statistics import SampleMean, sample_mean
from tutelage.tasks import Metric

__all__ = [
    "Column",
    "caption",
    "columns",
    "csv_line",
    "csv_text",
    "markdown_escaped",
    "markdown_table",
    "markdown_text",
    "point_title",
    "probe_correlation",
    "row_columns",
    "settings_text",
    "summary_columns",
    "three",
]

SETTINGS = ("beta", "mix", "temperature", "lr", "patience")
SYMBOLS = {"beta": "β", "unlabelled_share": "unlabelled share", "augment": "augmentation"}
VARYING = ("data", "student", "fraction", "teachers")
"""Columns that are left out where they say the same in every row."""


@dataclass(frozen=True)
class Column:
    """A column as written: its head, a cell for each row, and whether it holds text."""

    head: str
    cells: tuple[str, ...]
    text: bool = False


def columns(comparison: Comparison, names: Sequence[str]) -> list[Column]:
    """Return columns of the table; those without content, or without a difference, are left out.

    Args:
        comparison: The comparison.
        names: Of ``student``, ``fraction``, ``method``, ``teachers``, ``settings``, ``seeds``,
            ``score``, ``relative error``, ``difference``, ``probe``, ``mean rho``, ``seconds``,
            ``failed``.
    """
    return row_columns(comparison.rows, names, metrics=[comparison.metric] * len(comparison.rows))


def row_columns(
    rows: Sequence[Row], names: Sequence[str], *, metrics: Sequence[Metric]
) -> list[Column]:
    """Return columns of some rows, each with a metric of its own.

    Args:
        rows: Rows of one comparison, or of several.
        names: As for ``columns``; ``data`` is the name of the data set.
        metrics: The metric of each row's scores.
    """
    found = [_column(name, rows, metrics) for name in names]
    return [
        column
        for name, column in zip(names, found, strict=True)
        if any(column.cells) and (name not in VARYING or len(set(column.cells) - {""}) > 1)
    ]


def summary_columns(comparison: Comparison) -> list[Column] | None:
    """Return each method over all its rows; None where each has one row."""
    methods = comparison.methods
    if len(comparison.rows) == len(methods):
        return None
    counts = [
        sum(row.method == one.method and row.relative_error is not None for row in comparison.rows)
        for one in methods
    ]
    return [
        Column("method", tuple(label_of(one.method) for one in methods), text=True),
        Column("normalized error", tuple(three(one.normalized_error) for one in methods)),
        Column("rows", tuple(map(str, counts))),
        Column("correlation", tuple(_number(one.correlation) for one in methods)),
    ]


def csv_text(comparison: Comparison) -> str:
    """A line a row, with every digit; cells without a value are empty."""
    lines = [csv_line(row, comparison.metric) for row in comparison.rows]
    return spreadsheet_text(list(lines[0]), lines)


def markdown_text(comparison: Comparison) -> str:
    """The tables in GitHub's Markdown, and the caption below them."""
    names = (
        "student", "fraction", "method", "teachers", "settings", "seeds", "score",
        "relative error", "difference", "probe", "failed",
    )  # fmt: skip
    parts = [markdown_table(columns(comparison, names))]
    if (summary := summary_columns(comparison)) is not None:
        parts.append(markdown_table(summary))
    return "\n\n".join([*parts, markdown_escaped(caption(comparison))]) + "\n"


def caption(comparison: Comparison) -> str:
    """What the columns hold, and how the score correlates with the teachers' probe."""
    metric = comparison.metric
    sentences = [
        f"{metric_capital(metric)} on the {comparison.evaluated} rows of "
        f"{comparison.data}, mean ± standard error over seeds."
    ]
    if any(row.relative_error is not None for row in comparison.rows):
        sentences.append(
            "Relative errors and differences, paired by seed, are against standard fine-tuning of "
            "the same student on the same rows."
        )
    if comparison.tuned:
        sentences.append("Settings were chosen for each row on a hold-out of its training rows.")
    return " ".join(filter(None, [*sentences, probe_correlation(comparison)]))


def probe_correlation(comparison: Comparison) -> str:
    """How the score correlates with the teachers' probe; empty where all rows have one probe."""
    rows = [row for row in comparison.finished if row.probe is not None]
    if len({row.probe for row in rows}) < 2:
        return ""
    label = comparison.metric.label
    if comparison.correlation is None:
        return f"Not enough distinct sets of teachers to correlate {label} with the probe."
    groups = len({row.cell for row in rows})
    within = ", within each student and fraction" if groups > 1 else ""
    return (
        f"The correlation of {label} with the teachers' probe is {_number(comparison.correlation)} "
        f"over {len(rows)} rows{within}."
    )


def _column(name: str, rows: Sequence[Row], metrics: Sequence[Metric]) -> Column:
    alike = len(set(metrics)) == 1
    percent = " %" if alike and metrics[0].percent else ""
    measured = list(zip(rows, metrics, strict=True))
    match name:
        case "data":
            return _of(name, (getattr(row, "data", "") for row in rows), text=True)
        case "student":
            return _of(name, (row.student for row in rows), text=True)
        case "fraction":
            return _of(name, (f"{row.fraction:.4g}" for row in rows))
        case "method":
            return _of(name, (row.title for row in rows), text=True)
        case "teachers":
            return _of(name, ("+".join(row.teachers) for row in rows), text=True)
        case "settings":
            return _of(name, (settings_text(row.settings) for row in rows), text=True)
        case "seeds":
            return _of(name, (str(len(row.values)) for row in rows))
        case "score":
            head = metric_title(metrics[0]) if alike else "score"
            return _of(head, (_score(row.score, metric) for row, metric in measured))
        case "relative error":
            return _of(name, (_number(row.relative_error) for row in rows))
        case "difference":
            return _of(
                name, (gap(r.difference, metric) if r.difference else "" for r, metric in measured)
            )
        case "probe":
            return _of(name + percent, (_probe(row, metric) for row, metric in measured))
        case "mean rho":
            return _of(name, map(_rho, rows))
        case "seconds":
            return _of(name, map(_seconds, rows))
        case "failed":
            return _of(name, (row.reason for row in rows), text=True)
    raise ValueError(f"there is no column {name!r}")


def _of(head: str, cells: Iterable[str], *, text: bool = False) -> Column:
    return Column(head, tuple(cells), text)


def settings_text(settings: Mapping[str, float | str]) -> str:
    """Settings in words: ``β 3, mix 0.7``."""
    return ", ".join(
        f"{SYMBOLS.get(name, name)} {value if isinstance(value, str) else f'{value:g}'}"
        for name, value in settings.items()
    )


def point_title(
    method: str, settings: Mapping[str, float | str], teachers: Sequence[str] = ()
) -> str:
    """A point of a search in words: ``AFT (β 3, lr 0.001, with dino)``."""
    parts = [settings_text(settings), f"with {' and '.join(teachers)}" if teachers else ""]
    text = ", ".join(filter(None, parts))
    return f"{label_of(method)} ({text})" if text else label_of(method)


def _score(value: SampleMean | None, metric: Metric) -> str:
    return "" if value is None else score(value, metric).removesuffix("%").rstrip()


def _probe(row: Row, metric: Metric) -> str:
    return "" if row.probe is None else _score(SampleMean(row.probe, None, 1), metric)


def _rho(row: Row) -> str:
    """Each teacher's mean weight, by name where there are several."""
    values: dict[str, list[float]] = {}
    for run in row.runs:
        for teacher in run.result.teachers:
            if teacher.rho_mean is not None:
                values.setdefault(teacher.name, []).append(teacher.rho_mean)
    means = {name: f"{sample_mean(numbers).mean:.3f}" for name, numbers in values.items()}
    if len(means) == 1:
        return next(iter(means.values()))
    return "\n".join(f"{name} {mean}" for name, mean in means.items())


def _seconds(row: Row) -> str:
    if not row.runs:
        return ""
    return f"{sample_mean(sum(run.result.seconds.values()) for run in row.runs).mean:.1f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".replace("-", MINUS)


def three(value: SampleMean | None) -> str:
    """Return a number with its standard error and three decimals: ``0.912 ± 0.034``; empty for None."""
    if value is None:
        return ""
    if value.error is None:
        return _number(value.mean)
    return f"{value.mean:.3f}{SPACE}±{SPACE}{value.error:.3f}"


def csv_line(row: Row, metric: Metric) -> dict[str, object]:
    """Return a row by names of columns, with every digit."""
    mean, difference = row.score, row.difference
    return {
        "student": row.student,
        "fraction": row.fraction,
        "method": row.method,
        "teachers": "+".join(row.teachers),
        **{name: row.settings.get(name) for name in SETTINGS},
        "seeds": len(row.values),
        metric.name: mean and mean.mean,
        f"{metric.name}_error": mean and mean.error,
        "relative_error": row.relative_error,
        "difference": difference and difference.mean,
        "difference_error": difference and difference.error,
        "probe": row.probe,
        "failed": row.reason,
    }


def markdown_table(table: Sequence[Column]) -> str:
    """Return columns as a table in GitHub's Markdown."""
    head = [column.head for column in table]
    rule = [":--" if column.text else "--:" for column in table]
    rows = zip(*(column.cells for column in table), strict=True)
    lines = [head, rule, *([markdown_escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_escaped(text: str) -> str:
    """Return a text of one line that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))
