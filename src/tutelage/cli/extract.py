"""``tutelage extract``: tables of the extracted features, or of the estimated extraction."""

import os
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from tutelage.config import ExperimentConfig
from tutelage.experiment.extract import estimate_extraction, extract, length_of_training
from tutelage.files import human_size
from tutelage.progress import Progress
from tutelage.report import print_table

__all__ = ["extract_all"]


def extract_all(
    config: ExperimentConfig, *, dry_run: bool, console: Console, progress: Progress
) -> None:
    """Extract the features of every teacher and print a table of them.

    Args:
        config: Data and teachers.
        dry_run: Extract nothing; print what the extraction would take.
        console: Receives the table.
        progress: Receives progress reports.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("teacher")
    for name in ("rows", "columns", "size"):
        table.add_column(name, justify="right")
    first = os.environ.get("RANK", "0") == "0"  # of several processes the first speaks
    if dry_run:
        if not first:
            return
        _estimates(config, table, console=console, progress=progress)
        return
    teachers = extract(config, progress=progress)
    if not first:
        return
    for teacher in teachers:
        size = human_size(teacher.bytes)
        table.add_row(teacher.name, str(teacher.rows), str(teacher.features.width), size)
    print_table(table, console=console)


def _estimates(
    config: ExperimentConfig, table: Table, *, console: Console, progress: Progress
) -> None:
    table.add_column("cached rows", justify="right")
    table.add_column("remaining time", justify="right")
    estimates = estimate_extraction(config, progress=progress)
    for teacher in estimates:
        expected = teacher.estimate
        seconds = timedelta(seconds=round(expected.seconds))
        table.add_row(
            teacher.name,
            str(expected.rows),
            str(expected.width),
            human_size(expected.bytes),
            str(expected.cached),
            f"{seconds} (from {expected.measured} rows)" if expected.measured else "none: cached",
        )
    print_table(table, console=console)
    for teacher in estimates:
        if teacher.why_missing:
            console.print(
                f"{teacher.name} is not cached; the most similar entry differs: "
                f"{teacher.why_missing}",
                soft_wrap=True,
            )
    console.print(length_of_training(config), soft_wrap=True)
