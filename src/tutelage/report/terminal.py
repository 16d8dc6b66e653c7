"""A comparison as a table and sentences for a terminal, a log or a pipe."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.segment import Segments
from rich.table import Table
from rich.text import Text

from tutelage.report.search import view_of
from tutelage.report.tables import Column, columns, summary_columns
from tutelage.report.units import ascii_only, score
from tutelage.report.verdict import reasons, verdict
from tutelage.results.comparison import Comparison
from tutelage.results.folders import read_comparison
from tutelage.results.statistics import SampleMean

__all__ = ["column_table", "print_comparison", "print_result", "print_table", "score_table"]

ANY_WIDTH = 10_000
COLUMNS = (
    "student",
    "fraction",
    "method",
    "teachers",
    "settings",
    "seeds",
    "score",
    "relative error",
    "difference",
    "probe",
    "mean rho",
    "seconds",
    "failed",
)


def score_table(comparison: Comparison, *, ruled: bool = True) -> Table:
    """Return the table: a row for each student, fraction, method and set of teachers.

    Args:
        comparison: Finished runs.
        ruled: Draw a line below the head; without it the table is words and spaces only.
    """
    relative = len(comparison.cells) > 1  # within one it says the same as the difference
    names = [name for name in COLUMNS if relative or name != "relative error"]
    return column_table(columns(comparison, names), ruled=ruled)


def print_result(
    folders: Sequence[Path],
    *,
    probes: Mapping[str, float] | None = None,
    picked: Path | None = None,
    console: Console | None = None,
) -> None:
    """Print the table and the verdict on finished runs; standard fine-tuning next to them is added.

    Args:
        folders: Folders of finished runs, or of a comparison.
        probes: The metric of a linear probe on a teacher's features, by the teacher's name.
        picked: A run whose method the verdict is about; by default the method with the highest score.
        console: Receives the text. Standard output by default.

    Raises:
        DataError: If a folder holds no result, or the runs cannot be compared.
    """
    comparison = read_comparison(folders, picked=picked, probes=probes)
    print_comparison(comparison, console=console or Console())


def print_comparison(comparison: Comparison, *, console: Console) -> None:
    """Print the table, the probes and the verdict; of a chosen run, first what the search tried.

    Where the output is not a terminal there are no colors or lines, and no row is broken.
    """
    search = None if comparison.search is None else view_of(comparison.search)
    if search is not None:
        print_table(column_table(search.short, ruled=console.is_terminal), console=console)
    print_table(score_table(comparison, ruled=console.is_terminal), console=console)
    if len(comparison.cells) > 1 and (summary := summary_columns(comparison)) is not None:
        print_table(column_table(summary, ruled=console.is_terminal), console=console)
    for name, value in comparison.probes.items():
        reached = score(SampleMean(value, None, 1), comparison.metric)
        console.print(Text(ascii_only(f"Linear probe on {name}: {reached}")), soft_wrap=True)
    advice = [] if search is None else [f"- {sentence}" for sentence in search.advice]
    head = ["What would help more:"] if advice else []
    for sentence in (verdict(comparison), *reasons(comparison), *head, *advice):
        console.print(Text(ascii_only(sentence)), soft_wrap=not console.is_terminal)


def print_table(table: Table, *, console: Console) -> None:
    """Print a table: as wide as a terminal has room; in a file as wide as the table is."""
    if console.is_terminal:
        console.print(table)
        return
    options = console.options.update(max_width=ANY_WIDTH)
    width = max(console.width, Measurement.get(console, options, table).maximum)
    lines = console.render(table, console.options.update(width=width, max_width=width))
    console.print(Segments(list(lines)), soft_wrap=True, end="")


def column_table(content: Sequence[Column], *, ruled: bool) -> Table:
    """Return columns as a table for a terminal; those of text are broken where there is no room."""
    table = Table(
        box=box.SIMPLE_HEAD if ruled else None, pad_edge=False, header_style="bold" if ruled else ""
    )
    for column in content:
        justify: Literal["left", "right"] = "left" if column.text else "right"
        table.add_column(column.head, justify=justify, no_wrap=not column.text)
    for cells in zip(*(column.cells for column in content), strict=True):
        table.add_row(*(Text(ascii_only(cell)) for cell in cells))
    return table
