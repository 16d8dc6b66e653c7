"""``--dry-run`` of ``tutelage tune``, ``compare`` and ``study``: features once, and the runs of each kind."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from tutelage.cli.dry_run import print_teachers, time_words
from tutelage.cli.study import study_at
from tutelage.cli.tune import asks_for_auto, method_names
from tutelage.config import ExperimentConfig
from tutelage.config.study import Scale
from tutelage.files import human_size
from tutelage.progress import Progress
from tutelage.report import print_table
from tutelage.sweeps.estimates import SweepEstimate
from tutelage.sweeps.processes import refuse_jobs, refuse_launchers
from tutelage.sweeps.study_estimate import StudyEstimate, estimate_study
from tutelage.sweeps.sweep_estimate import estimate_comparison, estimate_search

__all__ = ["print_comparison_estimate", "print_search_estimate", "print_study_estimate"]


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


def print_study_estimate(
    place: str,
    *,
    out: Path | None,
    seeds: int | None,
    scale: Scale,
    jobs: int,
    engine: Literal["local", "ray"],
    gpus: float | None,
    console: Console,
    progress: Progress,
) -> bool:
    """Print what a study would take; the arguments are those of ``study_and_print``.

    Returns:
        Whether no row would fail, and no data set be missing.
    """
    refuse_launchers()
    refuse_jobs(jobs, engine, gpus)
    config, folder, beside = study_at(place, out=out, scale=scale)
    expected = estimate_study(config, out=folder, beside=beside, seeds=seeds, progress=progress)
    failing = [
        f"{name}: {row.name} would fail: {row.reason}"
        for name, one in expected.data.items()
        for row in one.failing
    ]
    failing += [f"{name} would be missing: {reason}" for name, reason in expected.missing.items()]
    if _print_failing(
        failing, left=any(one.runs for one in expected.data.values()), console=console
    ):
        _print_extraction(expected, console)
        print_table(_parts(expected), console=console)
        features = f"for features ({human_size(expected.disk)} on disk)"
        _print_totals(expected.extraction, expected.training, features, jobs, console)
    return expected.passes


def _print_extraction(expected: StudyEstimate, console: Console) -> None:
    each = [(name, one) for name, found in expected.data.items() for one in found.teachers]
    if each:
        data, teachers = zip(*each, strict=True)
        print_teachers(teachers, console, data=data)
        console.print()


def _parts(expected: StudyEstimate) -> Table:
    """The runs by data set, student and share of the rows; a column where these differ."""
    parts = [(name, part) for name, one in expected.data.items() for part in one.parts]
    shared = len({part.fraction for _, part in parts}) > 1
    table = Table(box=None, pad_edge=False)
    for name in ("data set", "student", *(["share"] if shared else [])):
        table.add_column(name)
    for name in ("finished runs", "runs left", "time"):
        table.add_column(name, justify="right")
    for name, part in parts:
        share = [f"{part.fraction:g}"] if shared else []
        counts = str(part.finished), str(part.left)
        table.add_row(name, part.student, *share, *counts, time_words(part.seconds))
    finished = sum(part.finished for _, part in parts)
    left = sum(part.left for _, part in parts)
    blank = ["", *([""] if shared else [])]
    table.add_row("all", *blank, str(finished), str(left), time_words(expected.training))
    return table


def _print_failing(failing: Sequence[str], *, left: bool, console: Console) -> bool:
    """Say which rows would fail, and whether any run is left; returns that."""
    for line in failing:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if failing:
        console.print()
    if not left:
        others = "the others are" if failing else "all runs are"
        console.print(f"{others} finished; nothing is left to do")
    return left


def _print(expected: SweepEstimate, jobs: int, console: Console) -> None:
    failing = [f"{row.name} would fail: {row.reason}" for row in expected.failing]
    if not _print_failing(failing, left=bool(expected.runs), console=console):
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
    _print_totals(expected.extraction, runs, "for features", jobs, console)


def _print_totals(
    extraction: float, runs: float, features: str, jobs: int, console: Console
) -> None:
    lines = [
        f"all, one after the other: {time_words(extraction + runs)}, of which "
        f"{time_words(extraction)} {features}; probes not counted"
    ]
    if jobs > 1:
        each = extraction + runs / jobs
        lines.append(
            f"with --jobs {jobs}: {time_words(each)}, if each computes as fast as one alone, with a GPU or "
            "cores of its own"
        )
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
