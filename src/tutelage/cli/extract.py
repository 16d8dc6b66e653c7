"""``tutelage extract``: print what was extracted, or what an extraction would take."""

from datetime import timedelta

from rich.console import Console
from rich.table import Table

from tutelage.config import ExperimentConfig
from tutelage.experiment.extract import estimate_extraction, extract
from tutelage.progress import Progress
from tutelage.report import print_table

__all__ = ["extract_all"]


def extract_all(
    config: ExperimentConfig, *, dry_run: bool, console: Console, progress: Progress
) -> None:
    """Extract the features of every teacher, or print what that would take."""
    table = Table(box=None, pad_edge=False)
    for name in ("teacher", "rows", "columns", "MB"):
        table.add_column(name, justify="left" if name == "teacher" else "right")
    if not dry_run:
        for teacher in extract(config, progress=progress):
            features = teacher.features
            size = f"{features.bytes / 1e6:,.1f}"
            table.add_row(teacher.name, str(len(features)), str(features.width), size)
        print_table(table, console=console)
        return

    table.add_column("cached rows", justify="right")
    table.add_column("time for the rest", justify="right")
    estimates = estimate_extraction(config, progress=progress)
    for name, expected in ((one.name, one.estimate) for one in estimates):
        seconds = timedelta(seconds=round(expected.seconds))
        table.add_row(
            name,
            str(expected.rows),
            str(expected.width),
            f"{expected.bytes / 1e6:,.1f}",
            str(expected.cached),
            f"{seconds} (from {expected.measured} rows)" if expected.measured else "nothing to do",
        )
    print_table(table, console=console)
    for one in estimates:
        if one.why_missing:
            console.print(
                f"{one.name} is not cached; the entry most like it differs: {one.why_missing}",
                soft_wrap=True,
            )
