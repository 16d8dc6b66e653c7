"""Run many experiments in parallel; a failure is recorded, not raised."""

import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from tutelage.config import ExperimentConfig
from tutelage.errors import BusyError, TutelageError, first_line
from tutelage.experiment.run import run
from tutelage.files import is_of_the_disk
from tutelage.files.locks import STOPPED, LongWait
from tutelage.progress import Progress
from tutelage.results.run_folder import holds_other_settings, is_finished
from tutelage.sweeps.processes import Pool

__all__ = ["Failed", "attempt", "attempt_all", "run_in_place", "run_score", "words_of"]

Made = TypeVar("Made")

PATIENCE = 1.0
"""Seconds between looks at work that other processes have taken."""
TRACE = "error.txt"


@dataclass(frozen=True)
class Failed:
    """A job that failed.

    Attributes:
        reason: Why, in one line.
    """

    reason: str


def attempt(
    work: Callable[[ExperimentConfig], Made], config: ExperimentConfig, *, writes: bool = True
) -> Made | Failed:
    """Do some work; an error becomes a ``Failed`` result.

    What no message of ours foresees leaves its traceback as ``error.txt`` in ``config.output.dir``. A
    full or failing disk is raised: it says nothing of the work, which repeating the command continues.

    Args:
        work: What is done.
        config: What it is done with.
        writes: Whether that file is written, and removed where the work succeeds.
    """
    trace = config.output.dir / TRACE
    try:
        made = work(config)
    except TutelageError as error:
        _raise_what_the_disk_did(error)
        return Failed(words_of(error))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # a user's code may raise anything
        _raise_what_the_disk_did(error)
        if writes:
            with suppress(OSError):
                trace.parent.mkdir(parents=True, exist_ok=True)
                trace.write_text(traceback.format_exc(), encoding="utf-8")
        return Failed(words_of(error))
    if writes:
        with suppress(OSError):
            trace.unlink(missing_ok=True)
    return made


def words_of(error: BaseException) -> str:
    """Return why a job failed, in one line; what no message of ours foresees has its kind first."""
    line = first_line(error)
    return line if isinstance(error, TutelageError) else f"{type(error).__name__}: {line}"


def _raise_what_the_disk_did(error: BaseException) -> None:
    for one in (error, error.__cause__):
        if isinstance(one, OSError) and is_of_the_disk(one):
            raise error


def attempt_all(
    work: Callable[[ExperimentConfig], float | None],
    configs: Sequence[ExperimentConfig],
    *,
    processes: Pool,
    label: str,
    unit: str,
    progress: Progress,
) -> list[float | Failed]:
    """Do the same work for several configs, and wait for what other processes have taken.

    Args:
        work: A function of a module; returns None while another process runs it.
        configs: One for each piece.
        processes: Who works.
        label: What is done.
        unit: What the pieces are.
        progress: Receives the number of finished jobs, and failures. Runs that an earlier call finished
            are read, and count as done before.

    Returns:
        What came of each, in the order of the configs.
    """
    if not configs:
        return []
    made: dict[int, float | Failed] = {}
    before = {number for number, config in enumerate(configs) if is_finished(config)}
    wait = LongWait()
    with progress.track(label, len(configs), unit=unit, done=len(before)) as update:
        while waiting := [number for number in range(len(configs)) if number not in made]:
            known = len(made)
            for place, one in processes.run(
                partial(attempt, work), [configs[number] for number in waiting]
            ):
                if one is None:
                    continue
                made[waiting[place]] = one
                update(len(before.union(made)))
                if isinstance(one, Failed):
                    progress.note(f"{label}: {configs[waiting[place]].output.dir}: {one.reason}")
            if len(made) > known:
                wait.ends()
            else:
                folders = [configs[number].output.dir for number in waiting]
                wait.goes_on(partial(_waited_for, folders))
                time.sleep(PATIENCE)
    return [made[number] for number in range(len(configs))]


def _waited_for(folders: Sequence[Path]) -> str:
    """Say in which folders other processes train."""
    first, others = folders[0], len(folders) - 1
    more = f" (and in {others} other folder{'s' * (others > 1)})" if others else ""
    return (
        f"waiting for another process that trains in {first}{more}: it holds {first / '.lock'}; {STOPPED}. If "
        "there is none, remove that file"
    )


def run_score(config: ExperimentConfig) -> float | None:
    """Run an experiment, resume it, or read its result; None while another process runs it.

    The rows of a finished run are not compared with those of the data: a search has done so for all of
    its runs.

    Returns:
        The config's metric on the rows that it evaluates.
    """
    return _score(config, check_rows=False)


def _score(config: ExperimentConfig, *, check_rows: bool) -> float | None:
    try:
        result = run(config, resume=True, check_rows=check_rows)
    except BusyError:
        return None
    return result.metrics[config.data.evaluate][config.data.lead.name]


def run_in_place(config: ExperimentConfig) -> float | None:
    """As ``run_score``, but rows are compared, those of the test that a search does not read included.

    A run of other settings in the folder, left by a search, is replaced.
    """
    if not holds_other_settings(config):
        return _score(config, check_rows=True)
    try:
        result = run(config.replace({"output.overwrite": True}))
    except BusyError:
        return None
    return result.metrics[config.data.evaluate][config.data.lead.name]
