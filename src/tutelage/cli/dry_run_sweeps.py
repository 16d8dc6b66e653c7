"""``--dry-run`` of ``tutelage tune`` and ``compare``: features once, and the runs of each kind."""

from typing import Literal

from rich.console import Console
from rich.table import Table

from tutelage.cli.dry_run import print_teachers, time_words
from tutelage.cli.tune import asks_for_auto, method_names
from tutelage.config import ExperimentConfig
from tutelage.progress import Progress
from tutelage.report import print_table
from tutelage.sweeps.processes import refuse_jobs, refuse_launchers
from tutelage.sweeps.sweep_estimate import SweepEstimate, estimate_comparison, estimate_search

__all__ = ["print_comparison_estimate", "print_search_estimate"]


def print_search_estimate(
    config: ExperimentConfig,
    *,
    methods: str | None,
    jobs: int,
    engine: Literal["local", "ray"],
    gpus: float | None,
    console: Console,
    progress: Progress,
) -> None:
    """Print what a search would take."""
    refuse_launchers()
    refuse_jobs(jobs, engine, gpus)
    if asks_for_auto(methods):
        config = config.replace({"tune.prune": True})
    names = method_names(methods)
    _print(estimate_search(config, methods=names, progress=progress), jobs, console)


def print_comparison_estimate(
    config: ExperimentConfig,
    *,
    methods: str | None,
    seeds: int | None,
    tune: bool | None,
    jobs: int,
    engine: Literal["local", "ray"],
    gpus: float | None,
    console: Console,
    progress: Progress,
) -> bool:
    """Print what a comparison would take.

    Returns:
        Whether no row would fail.
    """
    refuse_launchers()
    refuse_jobs(jobs, engine, gpus)
    expected = estimate_comparison(
        config, methods=method_names(methods), seeds=seeds, tune=tune, progress=progress
    )
    _print(expected, jobs, console)
    return not expected.failing


def _print(expected: SweepEstimate, jobs: int, console: Console) -> None:
    for row in expected.failing:
        told = f"{row.name} would fail: {row.reason}"
        console.print(told, highlight=False, markup=False, soft_wrap=True)
    if expected.failing:
        console.print()
    if not expected.runs:
        others = "the others are" if expected.failing else "all runs are"
        console.print(f"{others} finished; nothing is left to do")
        return
    if expected.teachers:
        print_teachers(expected.teachers, console)
        console.print()
    table = Table(box=None, pad_edge=False)
    table.add_column("runs", justify="right")
    for name in ("of", "time of one", "of all"):
        table.add_column(name, justify="left" if name == "of" else "right")
    for one in expected.runs:
        table.add_row(
            str(one.count),
            one.name,
            time_words(one.seconds / one.count),
            time_words(one.seconds),
        )
    print_table(table, console=console)
    runs = sum(one.seconds for one in expected.runs)
    lines = [
        f"all, one after the other: {time_words(expected.extraction + runs)}, of which "
        f"{time_words(expected.extraction)} for features; probes not counted"
    ]
    if jobs > 1:
        each = expected.extraction + runs / jobs
        lines.append(
            f"with --jobs {jobs}: {time_words(each)}, if each computes as fast as one alone, with a GPU or "
            "cores of its own"
        )
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
