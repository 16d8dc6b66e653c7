"""``tutelage extract``: tables of the extracted features, or of the estimated extraction."""

import os

from rich.console import Console
from rich.table import Table

from tutelage.cli.dry_run import print_extraction_estimate
from tutelage.config import ExperimentConfig
from tutelage.experiment.extract import extract
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
    first = os.environ.get("RANK", "0") == "0"  # of several processes the first speaks
    if dry_run:
        if not first:
            return
        print_extraction_estimate(config, console=console, progress=progress)
        return
    teachers = extract(config, progress=progress)
    if not first:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("teacher")
    for name in ("rows", "columns", "size"):
        table.add_column(name, justify="right")
    for teacher in teachers:
        size = human_size(teacher.bytes)
        table.add_row(teacher.name, str(teacher.rows), str(teacher.features.width), size)
    print_table(table, console=console)
