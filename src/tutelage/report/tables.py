"""A comparison's table as CSV, Markdown and LaTeX, and the cells that a terminal shows as well."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from tutelage.errors import ConfigError
from tutelage.report.charts import probe_chart, save_chart, score_chart
from tutelage.report.units import MINUS, SPACE, gap, metric_capital, metric_title, score
from tutelage.results.statistics import SampleMean
from tutelage.results.table import ResultTable, Row
from tutelage.tasks import Metric

__all__ = [
    "caption",
    "csv_text",
    "latex_text",
    "markdown_text",
    "row_cells",
    "summary_cells",
    "with_probe",
    "write_table",
]

SETTINGS = ("beta", "mix", "temperature", "lr")
SYMBOLS = {"beta": "β"}
TEXT_COLUMNS = ("student", "method", "teachers", "settings", "failed")

Cells = list[list[str]]


def write_table(table: ResultTable, folder: Path) -> list[Path]:
    """Write the table as ``compare.csv``, ``.md`` and ``.tex``, and its charts as SVG and PNG.

    The same table gives the same bytes.

    Returns:
        What was written; ``probe.svg`` and ``probe.png`` are left out where no row has a probe.

    Raises:
        ConfigError: If nothing can be written there.
    """
    texts = {"csv": csv_text, "md": markdown_text, "tex": latex_text}
    charts = {
        table.metric.name: score_chart(table),
        "probe": probe_chart(table, note=with_probe(table)),
    }
    written = []
    try:
        for suffix, text in texts.items():
            path = folder / f"compare.{suffix}"
            path.write_text(text(table), encoding="utf-8", newline="")
            written.append(path)
        for name, chart in charts.items():
            if chart is not None:
                written += save_chart(chart, folder / name)
    except OSError as error:
        raise ConfigError(
            f"cannot write the table to {folder}: {error.strerror or error}; choose another place (--out)"
        ) from error
    return written


def csv_text(table: ResultTable) -> str:
    """A line a row, with every digit; what a row does not have is empty."""
    lines = [_line(row, table.metric) for row in table.rows]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, lines[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return buffer.getvalue()


def markdown_text(table: ResultTable) -> str:
    """The tables in GitHub's Markdown, and the caption below them."""
    parts = [_markdown(row_cells(table))]
    if (summary := summary_cells(table)) is not None:
        parts.append(_markdown(summary))
    return "\n\n".join([*parts, _markdown_escaped(caption(table))]) + "\n"


def latex_text(table: ResultTable) -> str:
    r"""The tables as ``tabular`` of LaTeX, for ``\input``; they need the package ``booktabs``."""
    parts = [r"% needs \usepackage{booktabs}", _latex(row_cells(table))]
    if (summary := summary_cells(table)) is not None:
        parts += [r"\par\medskip", _latex(summary)]
    return "\n".join([*parts, r"\par\medskip", _latex_escaped(caption(table))]) + "\n"


def row_cells(table: ResultTable) -> Cells:
    """The table for people, its head first; columns that would say the same in every row are left out."""
    columns = {
        "student": [row.student for row in table.rows],
        "fraction": [f"{row.fraction:g}" for row in table.rows],
        "method": [row.method for row in table.rows],
        "teachers": ["+".join(row.teachers) for row in table.rows],
        "settings": [_settings(row) for row in table.rows],
        "seeds": [str(len(row.values)) for row in table.rows],
        metric_title(table.metric): [_score(row, table) for row in table.rows],
        "relative error": [_number(row.relative_error) for row in table.rows],
        "difference": [
            gap(row.difference, table.metric) if row.difference else "" for row in table.rows
        ],
        _probe_title(table): [_probe(row, table) for row in table.rows],
        "failed": [row.reason for row in table.rows],
    }
    several = {
        "student": len(set(columns["student"])) > 1,
        "fraction": len(set(columns["fraction"])) > 1,
        "teachers": len({row.teachers for row in table.rows if row.teachers}) > 1,
    }
    shown = [name for name in columns if several.get(name, any(columns[name]))]
    return [shown, *map(list, zip(*(columns[name] for name in shown), strict=True))]


def summary_cells(table: ResultTable) -> Cells | None:
    """Each method over all its rows, its head first; None where each has one row."""
    counts = {one.method: 0 for one in table.methods}
    for row in table.rows:
        counts[row.method] += row.relative_error is not None
    if len(table.rows) == len(table.methods):
        return None
    rows = [["method", "normalised error", "rows", "correlation"]]
    for one in table.methods:
        error = one.normalised_error
        spread = "" if error is None or error.error is None else f" ± {error.error:.3f}"
        rows.append(
            [
                one.method,
                "" if error is None else f"{error.mean:.3f}{spread}",
                str(counts[one.method]),
                _number(one.correlation),
            ]
        )
    return rows


def caption(table: ResultTable) -> str:
    """What the columns are, and how the score goes with the teachers' probe."""
    said = [
        f"{metric_capital(table.metric)} on the {table.evaluated} rows of {table.data}, "
        "mean ± standard error over seeds.",
    ]
    if any(row.relative_error is not None for row in table.rows):
        said.append(
            "Relative error and difference, paired over seeds, are to stl of the same student on the "
            "same rows."
        )
    if table.tuned:
        said.append("Settings were chosen on a hold-out of the training rows.")
    return " ".join([*said, *filter(None, [with_probe(table)])])


def with_probe(table: ResultTable) -> str:
    """How the score goes with the teachers' probe, in a sentence; empty where no row has a probe."""
    rows = [row for row in table.rows if row.probe is not None and row.score is not None]
    if not rows:
        return ""
    if table.correlation is None:
        what = table.metric.label
        return (
            f"Too few rows with different probes or scores to say how {what} goes with the probe."
        )
    groups = len({(row.student, row.fraction) for row in rows})
    within = ", within each student and fraction" if groups > 1 else ""
    return (
        f"{metric_capital(table.metric)} correlates with the teachers' probe by {_number(table.correlation)} over "
        f"{len(rows)} rows{within}."
    )


def _line(row: Row, metric: Metric) -> dict[str, object]:
    found, difference = row.score, row.difference
    return {
        "student": row.student,
        "fraction": row.fraction,
        "method": row.method,
        "teachers": "+".join(row.teachers),
        **{name: row.settings.get(name) for name in SETTINGS},
        "seeds": len(row.values),
        metric.name: found and found.mean,
        f"{metric.name}_error": found and found.error,
        "relative_error": row.relative_error,
        "difference": difference and difference.mean,
        "difference_error": difference and difference.error,
        "probe": row.probe,
        "failed": row.reason,
    }


def _settings(row: Row) -> str:
    return ", ".join(f"{SYMBOLS.get(k, k)} {v:g}" for k, v in row.settings.items())


def _score(row: Row, table: ResultTable) -> str:
    return "" if row.score is None else score(row.score, table.metric).removesuffix("%").rstrip()


def _probe_title(table: ResultTable) -> str:
    return "probe %" if table.metric.percent else "probe"


def _probe(row: Row, table: ResultTable) -> str:
    if row.probe is None:
        return ""
    return score(SampleMean(row.probe, None, 1), table.metric).removesuffix("%").rstrip()


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".replace("-", MINUS)


def _markdown(cells: Cells) -> str:
    head, *rows = cells
    rule = [":--" if name in TEXT_COLUMNS else "--:" for name in head]
    lines = [head, rule, *([_markdown_escaped(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _markdown_escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|])", r"\\\1", " ".join(text.split()))


def _latex(cells: Cells) -> str:
    head, *rows = cells
    kinds = {"failed": "p{4cm}"}
    kind = "".join(kinds.get(n, "l" if n in TEXT_COLUMNS else "r") for n in head)
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{kind}}}",
            r"\toprule",
            _latex_row(head),
            r"\midrule",
            *map(_latex_row, rows),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex_escaped, cells)) + r" \\"


def _latex_escaped(text: str) -> str:
    """Text that any LaTeX sets as it stands: no character of it is a command, or missing in the font."""
    return "".join(map(_latex_character, text))


def _latex_character(character: str) -> str:
    if character in LATEX:
        return LATEX[character]
    if character.isspace():
        return " "
    if character.isprintable() and ord(character) < BEYOND_LATIN:
        return character
    return rf"\texttt{{U+{ord(character):04X}}}"


BEYOND_LATIN = 0x180
"""From here on LaTeX has no letters without further packages."""
LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{character: f"{{{character}}}" for character in "[]*"},  # \\[ and \\* are commands
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "β": r"$\beta$",
    MINUS: "$-$",
    SPACE: "~",
}
