"""The same findings as a table for a terminal, a log or a pipe."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from tutelage.report.runs import compare_folders
from tutelage.report.units import ascii_only, gap, metric_title, score
from tutelage.report.verdict import reasons, verdict
from tutelage.results.comparison import Comparison, Method, Run, compare
from tutelage.results.result import Result
from tutelage.results.statistics import SampleMean, sample_mean
from tutelage.tasks import Metric

__all__ = ["print_result", "print_table", "result_table"]

ANY_WIDTH = 10_000


def result_table(results: Sequence[Result], *, ruled: bool = True) -> Table:
    """Return a row a method: score, difference from standard fine-tuning, rho, seconds.

    Runs that differ in nothing but their seed share a row, as mean ± standard error.

    Args:
        results: Of one task; those of standard fine-tuning are what the others are held against.
        ruled: Draw a line below the head; without it the table is words and spaces only.

    Raises:
        DataError: If there are no results, or they are not of one task.
    """
    return _table(compare([Run(result) for result in results]), ruled=ruled)


def print_result(
    folders: Sequence[Path],
    *,
    probes: Mapping[str, float] | None = None,
    picked: Path | None = None,
    console: Console | None = None,
) -> None:
    """Print the table and the verdict on runs and the standard fine-tuning beside them.

    Where the output is not a terminal there are no colours or lines, and no row is broken.

    Args:
        folders: Finished runs on one task.
        probes: The metric of a linear probe on a teacher's features, by the teacher's name.
        picked: A run whose method the verdict is about; by default the highest.
        console: By default standard output.

    Raises:
        DataError: If a folder holds no result, or the runs are not of one task.
    """
    console = console or Console()
    comparison = compare_folders(folders, picked=picked)
    print_table(_table(comparison, ruled=console.is_terminal), console=console)
    for name, value in (probes or {}).items():
        reached = score(SampleMean(value, None, 1), comparison.metric)
        console.print(Text(ascii_only(f"Linear probe on {name}: {reached}")), soft_wrap=True)
    for sentence in (verdict(comparison), *reasons(comparison, probes=probes or {})):
        console.print(Text(ascii_only(sentence)), soft_wrap=not console.is_terminal)


def print_table(table: Table, *, console: Console) -> None:
    """Print a table: as a terminal has room, else at its own width, since a file is as wide as need be."""
    if console.is_terminal:
        console.print(table)
        return
    usual = console.width
    options = console.options.update(max_width=ANY_WIDTH)
    console.width = max(usual, Measurement.get(console, options, table).maximum)
    try:
        console.print(table)
    finally:
        console.width = usual


def _table(comparison: Comparison, *, ruled: bool) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD if ruled else None, pad_edge=False, header_style="bold" if ruled else ""
    )
    table.add_column("method")
    for name in ("seeds", metric_title(comparison.metric), "difference", "mean rho", "seconds"):
        table.add_column(name, justify="right")
    for method in comparison.methods:
        table.add_row(*(Text(ascii_only(cell)) for cell in _row(method, comparison.metric)))
    return table


def _row(method: Method, metric: Metric) -> tuple[str, ...]:
    seconds = sample_mean(sum(run.result.seconds.values()) for run in method.runs)
    return (
        method.label,
        str(len(method.runs)),
        score(method.score, metric).removesuffix("%").rstrip(),
        gap(method.above_baseline, metric) if method.above_baseline else "",
        _rho(method),
        f"{seconds.mean:.1f}",
    )


def _rho(method: Method) -> str:
    """Each teacher's mean weight, by name where there are several."""
    values: dict[str, list[float]] = {}
    for run in method.runs:
        for teacher in run.result.teachers:
            if teacher.rho_mean is not None:
                values.setdefault(teacher.name, []).append(teacher.rho_mean)
    means = {name: f"{sample_mean(numbers).mean:.3f}" for name, numbers in values.items()}
    if len(means) == 1:
        return next(iter(means.values()))
    return "\n".join(f"{name} {mean}" for name, mean in means.items())
