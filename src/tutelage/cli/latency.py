"""``tutelage latency``: measure a run's models in turn, and print their speed and size."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from tutelage.deploy.latency import latency
from tutelage.progress import Progress
from tutelage.report.speed import size_columns, speed_columns, speed_notes
from tutelage.report.terminal import column_table, print_table
from tutelage.report.units import ascii_only
from tutelage.results.latency import FILE

__all__ = ["latency_and_print"]


def latency_and_print(
    folder: Path,
    *,
    teachers: bool,
    batch_size: int | None,
    device: str | None,
    threads: int | None,
    console: Console,
    progress: Progress,
) -> None:
    """Measure, and print the tables and how they came about.

    Args:
        folder: The run's folder.
        teachers: Whether teachers are measured.
        batch_size: Rows of the largest batch.
        device: The only device to measure on.
        threads: Threads of the CPU.
        console: Receives the tables.
        progress: Receives progress reports.
    """
    measured = latency(
        folder,
        teachers=teachers,
        batch_size=batch_size,
        device=device,
        threads=threads,
        progress=progress,
    )
    print_table(column_table(size_columns(measured), ruled=console.is_terminal), console=console)
    console.print()
    print_table(column_table(speed_columns(measured), ruled=console.is_terminal), console=console)
    console.print()
    for sentence in speed_notes(measured):
        console.print(Text(ascii_only(sentence)), soft_wrap=not console.is_terminal)
    if (folder / FILE).is_file():
        console.print(f"written to {folder / FILE}", soft_wrap=True)
