"""The tables of a study, and what they do not show, for the terminal, Markdown, CSV and the page."""

from collections.abc import Sequence

from tutelage.files import spreadsheet_text
from tutelage.regularizers.catalogue import label_of
from tutelage.report.tables import (
    Column,
    csv_line,
    markdown_escaped,
    markdown_table,
    row_columns,
    three,
)
from tutelage.report.units import MINUS
from tutelage.results.studies import MEANS_NOTHING, Cell, NormalizedError, Study, StudyRow

__all__ = [
    "cell_title",
    "method_title",
    "normalized_columns",
    "study_columns",
    "study_csv",
    "study_markdown",
    "study_notes",
]

COLUMNS = (
    "data", "student", "fraction", "method", "teachers", "settings", "seeds", "score",
    "relative error", "difference", "probe", "failed",
)  # fmt: skip
MOST_NAMED = 6


def study_columns(study: Study, rows: Sequence[StudyRow] | None = None) -> list[Column]:
    """Return a row for each data set, student, fraction, method and set of teachers.

    Args:
        study: The study.
        rows: Some of its rows; all by default.
    """
    given = study.rows if rows is None else rows
    columns = row_columns(given, COLUMNS, metrics=[row.metric for row in given])
    if "epochs" in study.figures and any(row.epoch_seconds for row in given):
        seconds = tuple(three(row.epoch_seconds) for row in given)
        columns.append(Column("seconds an epoch", seconds))
    return columns


def normalized_columns(study: Study) -> list[Column]:
    """Return each method's normalized error: over the cells that all have, and over its own."""
    methods = study.methods
    partial = any(one.absent for one in methods)
    columns = [
        Column("method", tuple(label_of(one.method) for one in methods), text=True),
        Column("teachers", tuple("+".join(one.teachers) for one in methods), text=True),
        Column("fraction", tuple(f"{one.fraction:.4g}" for one in methods)),
        Column("normalized error", tuple(three(one.common) for one in methods)),
        Column("cells", tuple(_count(one) for one in methods)),
    ]
    if partial:
        columns.append(Column("over its own cells", tuple(three(one.own) for one in methods)))
        own = tuple(str(one.own.count) if one.own else "0" for one in methods)
        columns.append(Column("its cells", own))
    varying = ("teachers", "fraction")
    return [
        column
        for column in columns
        if column.head not in varying or len(set(column.cells) - {""}) > 1
    ]


def study_notes(study: Study) -> list[str]:
    """Return what the tables are of, and what is missing in them."""
    notes = [MEANS_NOTHING] if study.scale == "tiny" else []
    notes.append(
        "The normalized error is a method's error divided by that of standard fine-tuning of the same "
        "student on the same rows, the mean over data sets and students with its standard error; below "
        "1 it is better. Scores are means over seeds with their standard errors."
    )
    if study.correlation is not None:
        number = f"{study.correlation:.3f}".replace("-", MINUS)
        notes.append(
            f"The correlation of scores with the teachers' probe is {number}, within data sets and "
            "students."
        )
    notes += [
        f"{name} is missing, since nothing could be finished: {why}"
        for name, why in study.missing.items()
    ]
    absent: dict[tuple[Cell, ...], list[str]] = {}
    for one in study.methods:
        if one.absent:
            absent.setdefault(one.absent, []).append(method_title(one))
    notes += [
        f"{_listed(methods)} {'has' if len(methods) == 1 else 'have'} no relative error on "
        f"{_listed(list(map(cell_title, lacking)))}, left out of the mean of all methods."
        for lacking, methods in absent.items()
    ]
    if study.perfect:
        cells = _listed(list(map(cell_title, study.perfect)))
        notes.append(
            f"Standard fine-tuning makes no error on {cells}, so nothing is relative to it there."
        )
    return notes


def study_markdown(study: Study) -> str:
    """Return both tables in GitHub's Markdown, and the notes below them."""
    tables = (markdown_table(normalized_columns(study)), markdown_table(study_columns(study)))
    notes = [markdown_escaped(note) for note in study_notes(study)]
    return "\n\n".join((f"# {markdown_escaped(study.title)}", *tables, *notes)) + "\n"


def study_csv(study: Study) -> str:
    """Return a line a row, with every digit; cells without a value are empty."""
    lines = [
        {"data": row.data}
        | csv_line(row, row.metric)
        | {"seconds_an_epoch": row.epoch_seconds and row.epoch_seconds.mean}
        for row in study.rows
    ]
    heads = list(dict.fromkeys(head for line in lines for head in line))
    return spreadsheet_text(heads, [{head: line.get(head) for head in heads} for line in lines])


def method_title(one: NormalizedError, *, teachers: bool = True) -> str:
    """A method with its teachers and share of the rows, as far as they say something."""
    under = f" with {'+'.join(one.teachers)}" if teachers and one.teachers else ""
    share = f" at {one.fraction:.4g} of the rows" if one.fraction != 1 else ""
    return f"{label_of(one.method)}{under}{share}"


def cell_title(cell: Cell) -> str:
    """A data set with its student: ``dtd, resnet50``."""
    share = f", {cell.fraction:.4g} of the rows" if cell.fraction != 1 else ""
    return f"{cell.data}, {cell.student}{share}"


def _count(one: NormalizedError) -> str:
    return str(one.common.count) if one.common else "0"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return "; ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
