"""From folders to runs that can stand side by side."""

from collections.abc import Sequence
from pathlib import Path

from tutelage.errors import DataError
from tutelage.regularizers.catalogue import BASELINE
from tutelage.results.comparison import (
    Comparison,
    compare,
    read_run,
    same_task,
    same_training,
)
from tutelage.results.result import Result, read_result

__all__ = ["compare_folders", "stl_beside"]


def stl_beside(folder: Path) -> Path | None:
    """Find the run of standard fine-tuning that a run is to be held against.

    It lies in the same parent folder and has the same data, evaluated rows and student. Of
    several, one with the same training settings is preferred, then one with the same seed, then
    the first by name.

    Args:
        folder: A finished run.

    Returns:
        The other run's folder; None where there is none, or ``folder`` is such a run itself.

    Raises:
        DataError: If ``folder`` holds no result.
    """
    result = read_result(folder)
    if result.method == BASELINE:
        return None
    candidates = [
        (not same_training(other, result), other.seed != result.seed, path)
        for path, other in _siblings(folder)
        if other.method == BASELINE and same_task(other, result)
    ]
    return min(candidates)[-1] if candidates else None


def compare_folders(folders: Sequence[Path], *, picked: Path | None = None) -> Comparison:
    """Read runs and compare them; where no standard fine-tuning is given, those beside them join.

    Args:
        folders: Finished runs.
        picked: One of them, whose method was picked beforehand.

    Raises:
        DataError: If a folder holds no result, or the runs are not of one task.
    """
    runs = [read_run(folder) for folder in folders]
    if all(run.result.method != BASELINE for run in runs):
        beside = dict.fromkeys(stl_beside(folder) for folder in folders)
        runs += [read_run(folder) for folder in beside if folder is not None]
    return compare(runs, picked=None if picked is None else read_result(picked))


def _siblings(folder: Path) -> list[tuple[Path, Result]]:
    """The readable results in the folders beside one; damaged ones are none of its business."""
    found = []
    for path in sorted(folder.resolve().parent.glob("*/result.json")):
        try:
            found.append((path.parent, read_result(path.parent)))
        except DataError:
            continue
    return found
