"""The table of a comparison for LaTeX: a float with caption and label, set by ``booktabs``."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

from tutelage.config import short_name
from tutelage.report.tables import Column, columns, summary_columns
from tutelage.report.units import MINUS, SPACE, metric_capital, metric_title
from tutelage.results.comparison import Comparison, Row

__all__ = ["latex_text"]

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
    "×": r"$\times$",
    "²": r"$^2$",
    "·": r"$\cdot$",
    "β": r"$\beta$",
    MINUS: "$-$",
    SPACE: "~",
}


def latex_text(comparison: Comparison) -> str:
    r"""Return the tables as ``table`` environments for ``\input``; they need ``booktabs``.

    The highest mean of each student and share of the rows is set in bold.
    """
    names = ["student", "fraction", "method", "teachers", "score", "difference", "probe"]
    counts = {len(row.values) for row in comparison.finished}
    if len(counts) > 1:
        names.insert(4, "seeds")
    best = _best(comparison)
    table = columns(comparison, names)
    bold = [
        {i for i, row in enumerate(comparison.rows) if row.label in best}
        if name == metric_title(comparison.metric)
        else set()
        for name in (column.head for column in table)
    ]
    name = short_name(comparison.data)
    label = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "results"
    parts = [
        r"% needs \usepackage{booktabs}",
        _float(
            table,
            caption=_caption(comparison, name, counts),
            label=label,
            bold=bold,
            breaks={i for i, (a, b) in enumerate(pairwise(comparison.rows), 1) if a.cell != b.cell},
        ),
    ]
    if len(comparison.cells) > 1 and (summary := summary_columns(comparison)) is not None:
        text = (
            f"Each method on {name} over all students, fractions and teachers: mean ± standard "
            "error of its relative errors, 1 being that of standard fine-tuning, and the "
            "correlation of its scores with the teachers' probe."
        )
        parts.append(_float(summary, caption=text, label=f"{label}-methods"))
    return "\n".join(parts) + "\n"


def _caption(comparison: Comparison, name: str, counts: set[int]) -> str:
    over = f"over {counts.pop()} seeds" if len(counts) == 1 and counts != {1} else "over seeds"
    spread = (
        "" if all(len(row.values) < 2 for row in comparison.rows) else ", mean ± standard error"
    )
    text = f"{metric_capital(comparison.metric)} on the {comparison.evaluated} rows of {name}{spread} {over}."
    if spread == "":
        text = text.replace(" over seeds", " with one seed")
    if any(row.difference is not None for row in comparison.rows):
        text += " Differences from standard fine-tuning are paired by seed."
    if comparison.tuned:
        text += " Settings were chosen on a hold-out of the training rows."
    return text + (" The best of each group is in bold." if _best(comparison) else "")


def _best(comparison: Comparison) -> set[str]:
    """Labels of the highest rows of each student and fraction with several rows."""
    best: set[str] = set()
    for cell in comparison.cells:
        rows = [row for row in comparison.finished if row.cell == cell]
        if len(rows) > 1:
            highest = max(map(_mean, rows))
            best |= {row.label for row in rows if _mean(row) == highest}
    return best


def _mean(row: Row) -> float:
    assert row.score is not None
    return row.score.mean


def _float(
    table: Sequence[Column],
    *,
    caption: str,
    label: str,
    bold: Sequence[Collection[int]] = (),
    breaks: Collection[int] = (),
) -> str:
    lines = []
    for index, cells in enumerate(zip(*(column.cells for column in table), strict=True)):
        if index in breaks:
            lines.append(r"\midrule")
        marked = [
            rf"\textbf{{{_escaped(cell)}}}" if bold and index in bold[place] else _escaped(cell)
            for place, cell in enumerate(cells)
        ]
        lines.append(" & ".join(marked) + r" \\")
    heads = [_escaped(_head(column.head)) for column in table]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escaped(caption)}}}",
            rf"\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{{''.join('l' if column.text else 'r' for column in table)}}}",
            r"\toprule",
            " & ".join(heads) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _head(name: str) -> str:
    text = name.replace(" %", " (%)")
    return text[:1].upper() + text[1:]


def _escaped(text: str) -> str:
    """Text that LaTeX sets as it stands: no character of it is a command, or missing in the font."""
    return "".join(map(_character, text))


def _character(character: str) -> str:
    if character in LATEX:
        return LATEX[character]
    if character.isspace():
        return " "
    if character.isprintable() and ord(character) < BEYOND_LATIN:
        return character
    return rf"\texttt{{U+{ord(character):04X}}}"
