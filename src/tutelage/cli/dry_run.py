"""``--dry-run`` of ``tutelage extract`` and ``train``: rows, disk, hours, memory and devices."""

from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from tutelage.config import ExperimentConfig
from tutelage.experiment.extract import (
    ExtractionEstimate,
    estimate_extraction,
    length_of_training,
)
from tutelage.experiment.training_estimate import estimate_training
from tutelage.files import human_size
from tutelage.progress import Progress
from tutelage.report import print_table

__all__ = [
    "print_extraction_estimate",
    "print_teachers",
    "print_training_estimate",
    "time_words",
]


def print_extraction_estimate(
    config: ExperimentConfig, *, console: Console, progress: Progress
) -> None:
    """Print what the extraction of a config's teachers would take."""
    teachers = estimate_extraction(config, progress=progress)
    print_teachers(teachers, console)
    console.print(length_of_training(config), soft_wrap=True)


def print_training_estimate(
    config: ExperimentConfig, *, console: Console, progress: Progress
) -> None:
    """Print what a run would take, phase by phase."""
    expected = estimate_training(config, progress=progress)
    if expected.teachers:
        print_teachers(expected.teachers, console)
        console.print()
    table = Table(box=None, pad_edge=False)
    table.add_column("phase")
    table.add_column("time", justify="right")
    table.add_column("for")
    for phase in expected.phases:
        table.add_row(phase.name, time_words(phase.seconds), phase.words)
    table.add_row("all", time_words(expected.seconds), "estimated; loading and probes not counted")
    print_table(table, console=console)
    measured = expected.rehearsal
    memory = measured.memory
    lines = [
        f"timed: {measured.steps} step{'s' * (measured.steps > 1)} of one process, with noise for "
        "features",
        f"training on: {expected.devices.words}",
        f"memory of training, a process: {human_size(memory.total)} "
        + ("(measured peak): " if memory.peak else "(an estimate, without temporaries): ")
        + f"weights {human_size(memory.weights)}, gradients {human_size(memory.gradients)}, "
        f"optimizer {human_size(memory.optimizer)}, activations {human_size(memory.activations)}",
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def print_teachers(
    teachers: Sequence[ExtractionEstimate], console: Console, *, data: Sequence[str] = ()
) -> None:
    """Print what the extraction of each teacher's features would take.

    Args:
        teachers: The estimates.
        console: Receives what is printed.
        data: The data set of each estimate, where there are several.
    """
    table = Table(box=None, pad_edge=False)
    if data:
        table.add_column("data set")
    table.add_column("teacher")
    for name in ("rows", "columns", "size", "cached rows", "remaining time", "memory"):
        table.add_column(name, justify="right")
    for number, teacher in enumerate(teachers):
        expected = teacher.estimate
        table.add_row(
            *data[number : number + 1],
            teacher.name,
            str(expected.rows),
            str(expected.width),
            human_size(expected.bytes),
            str(expected.cached),
            f"{time_words(expected.seconds)} (from {expected.measured} rows)"
            if expected.measured
            else "none: cached",
            _memory(teacher),
        )
    print_table(table, console=console)
    used = dict.fromkeys(
        one.estimate.devices.words for one in teachers if one.estimate.devices is not None
    )
    lines = [f"extraction on: {words}" for words in used]
    lines += [
        f"{' of '.join([one.name, *data[number : number + 1]])} is not cached; the most similar entry "
        f"differs: {one.why_missing}"
        for number, one in enumerate(teachers)
        if one.why_missing
    ]
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _memory(teacher: ExtractionEstimate) -> str:
    expected = teacher.estimate
    if expected.peak:
        return f"{human_size(expected.peak)} (measured)"
    return f"{human_size(expected.weights)} of weights" if expected.weights else ""


def time_words(seconds: float) -> str:
    """Return hours, minutes and seconds; below ten seconds with a digit.

    Example:
        >>> time_words(7.25), time_words(3_725)
        ('7.2 s', '1:02:05')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=round(seconds)))
