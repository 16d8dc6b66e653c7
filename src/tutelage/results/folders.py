"""Read finished runs and comparisons from folders, and write a comparison to its folder."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from tutelage.errors import DataError
from tutelage.files import find_files, with_digest, without_digest, write_atomically, writing_to
from tutelage.regularizers.catalogue import BASELINE
from tutelage.results.choice import CHOICE, Choice, read_choice
from tutelage.results.comparison import Comparison, Scores, compare_scores
from tutelage.results.grouping import (
    compare_runs,
    fair_baselines,
    same_but_unlabelled,
    same_settings,
    same_task,
    same_training,
    training_differences,
)
from tutelage.results.result import (
    Result,
    read_history,
    read_result,
    read_rho,
    refuse_changed_files,
)
from tutelage.results.runs import Run
from tutelage.results.shell import command_line
from tutelage.results.tuning import TUNING, Tuning, read_tuning
from tutelage.results.unlabelled import learns_from_unlabelled

__all__ = [
    "CHOSEN",
    "comparison_around",
    "labelled_beside",
    "read_comparison",
    "read_run",
    "stl_beside",
    "with_runs",
    "write_comparison",
]

COMPARISON = "compare.json"
CHOSEN = "chosen"
"""Folder of a search's run on all training rows."""
DEPTH = 8
"""Folders above a run in which the comparison is looked for that it is part of."""


def read_run(folder: Path) -> Run:
    """Read a run's result, curves and weights.

    Raises:
        DataError: If there is no result, or a damaged one, or a file of the run was changed.
    """
    result = read_result(folder)
    refuse_changed_files(folder, result)
    return Run(result=result, history=read_history(folder), rho=read_rho(folder), folder=folder)


def stl_beside(folder: Path) -> Path | None:
    """Find the run of standard fine-tuning that a run is compared with.

    It lies in the same parent folder and has the same data, evaluated rows and student. Of
    several, the one whose training differs in the fewest settings is preferred, then one with the
    same seed, then the first by name.

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
        (len(training_differences(other, result)), other.seed != result.seed, path)
        for path, other in _siblings(folder)
        if other.method == BASELINE and same_task(other, result)
    ]
    return min(candidates)[-1] if candidates else None


def labelled_beside(folder: Path) -> Path | None:
    """Find the run that differs from a run only in having no unlabelled rows.

    It lies in the same parent folder and has the same seed; its number of steps may differ. Of
    several, one with the same number is preferred, then the first by name.

    Args:
        folder: A finished run.

    Returns:
        The other run's folder; None where there is none, or ``folder`` has no unlabelled rows.

    Raises:
        DataError: If ``folder`` holds no result.
    """
    result = read_result(folder)
    if not learns_from_unlabelled(result):
        return None
    candidates = [
        (not same_training(other, result), path)
        for path, other in _siblings(folder)
        if other.seed == result.seed
        and not learns_from_unlabelled(other)
        and same_but_unlabelled(other, result)
    ]
    return min(candidates)[-1] if candidates else None


def read_comparison(
    folders: Sequence[Path],
    *,
    picked: Path | None = None,
    probes: Mapping[str, float] | None = None,
) -> Comparison:
    """Read finished runs and compare them.

    The folder of one ``tutelage compare`` gives its comparison as it was written. Of other folders
    the runs are grouped; where none is standard fine-tuning, runs of it next to them are added.
    Where all differ in their seed alone, runs of the same without unlabelled rows are added, too. The
    folder of a search stands for its chosen run, and the comparison has the search.

    Args:
        folders: Folders of finished runs, or of comparisons. Of several, those without a finished run
            are left out, and named in ``left_out``.
        picked: One of the runs, whose method was chosen beforehand.
        probes: The metric of a linear probe on teachers' features, by name of the teachers.

    Raises:
        DataError: If no folder holds a result, one does not exist, or the runs cannot be compared.
    """
    if len(folders) == 1 and (folders[0] / COMPARISON).is_file():
        return _written(folders[0])
    searches = dict.fromkeys(filter(None, map(_search_of, folders)))
    search = next(iter(searches)) if len(searches) == 1 else None
    found, left_out = _readable([run for folder in folders for run in _runs_in(folder)])
    folders, runs = list(found), list(found.values())
    if picked is None and search is not None:
        picked = search / CHOSEN
    result = None if picked is None else read_result(picked)
    beside: dict[Path | None, None] = {}
    if all(run.result.method != BASELINE for run in runs):
        beside |= dict.fromkeys(map(stl_beside, folders))
    if runs and all(same_settings(run.result, runs[0].result) for run in runs):
        beside |= dict.fromkeys(map(labelled_beside, folders))
        result = result or runs[0].result
    runs += [read_run(folder) for folder in beside if folder is not None]
    record = None if search is None else _read_search(search)
    tuned = isinstance(record, Choice)  # the baseline, too
    comparison = compare_runs(runs, picked=result, probes=probes, tuned=tuned)
    return comparison.model_copy(update={"left_out": tuple(left_out), "search": record})


def comparison_around(folder: Path) -> Comparison:
    """Read the comparison that a run is part of: of ``tutelage compare``, else of the runs next to it.

    Args:
        folder: The folder of a finished run.

    Raises:
        DataError: If it holds no result, or a comparison around it is damaged.
    """
    folder = folder.resolve()
    for outer in folder.parents[:DEPTH]:
        if (outer / COMPARISON).is_file():
            comparison = _written(outer)
            places = {outer / place for row in comparison.rows for place in row.folders.values()}
            if folder in places:
                return comparison
    return read_comparison([folder])


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write ``compare.json``.

    Raises:
        OutputError: If the folder cannot be written.
    """
    with writing_to(folder, name="output.dir"):
        text = with_digest(json.loads(comparison.model_dump_json()))
        write_atomically(folder / COMPARISON, text)


def with_runs(scores: Sequence[Scores], folder: Path) -> list[Scores]:
    """Return scores with the runs in their folders; runs that are gone are left out."""
    return [
        row.model_copy(
            update={
                "runs": tuple(
                    read_run(folder / place)
                    for place in row.folders.values()
                    if (folder / place / "result.json").is_file()
                )
            }
        )
        for row in scores
    ]


def _written(folder: Path) -> Comparison:
    path = folder / COMPARISON
    try:
        table = without_digest(path.read_bytes())
        comparison = Comparison.model_validate(table | {"rows": (), "methods": ()})
        scores = [Scores.model_validate(row) for row in table["rows"]]
    except (OSError, ValueError, TypeError, KeyError, ValidationError) as error:
        raise DataError(
            f"{path} is not a comparison of this version of tutelage: {error}"
        ) from None
    scores = with_runs(scores, folder)
    return compare_scores(
        scores,
        name=comparison.name,
        data=comparison.data,
        evaluated=comparison.evaluated,
        tuned=comparison.tuned,
        metric=comparison.metric,
        probes=comparison.probes or None,
        fair=fair_baselines(scores),
    )


def _search_of(folder: Path) -> Path | None:
    """The folder of the search that a folder is, or whose chosen run it is; else None."""
    if _is_search(folder):
        return folder
    folder = folder.resolve()
    return folder.parent if folder.name == CHOSEN and _is_search(folder.parent) else None


def _read_search(folder: Path) -> Tuning | Choice:
    return read_choice(folder) if (folder / CHOICE).is_file() else read_tuning(folder)


def _is_search(folder: Path) -> bool:
    return (folder / TUNING).is_file() or (folder / CHOICE).is_file()


def _runs_in(folder: Path) -> list[Path]:
    """The folder itself, or the chosen run of a search, or the runs of a comparison in it."""
    if not (folder / "result.json").is_file():
        if _search_of(folder) is not None:
            if not (folder / CHOSEN / "result.json").is_file():
                raise DataError(
                    f"{folder} holds a search whose chosen run is not finished; repeat the command "
                    "that began it"
                )
            return [folder / CHOSEN]
        runs = sorted(path.parent for path in find_files(folder / "runs", "result.json"))
        if runs:
            return runs
    return [folder]


def _readable(folders: Sequence[Path]) -> tuple[dict[Path, Run], list[str]]:
    """Read runs; of several, those that cannot be read are returned with the reason."""
    if len(folders) == 1:
        return {folders[0]: read_run(folders[0])}, []
    runs: dict[Path, Run] = {}
    left_out = []
    for folder in folders:
        if not folder.exists():
            raise DataError(f"there is no folder {folder}; give folders of finished runs")
        try:
            runs[folder] = read_run(folder)
        except DataError as error:
            left_out.append(f"{folder}: {_why_unread(folder, error)}")
    if not runs:
        raise DataError("none of these is a finished run: " + "; ".join(left_out))
    return runs, left_out


def _why_unread(folder: Path, error: DataError) -> str:
    if not folder.is_dir():
        return "it is no folder"
    if (folder / "result.json").is_file():
        return str(error)
    if (folder / "config.toml").is_file():
        return "it was not finished; to continue: " + command_line(
            "tutelage", "train", folder, "--resume"
        )
    if (folder / "chosen" / "result.json").is_file():
        return f"it is a search; its chosen run is {folder / 'chosen'}"
    return "there is no run in it"


def _siblings(folder: Path) -> list[tuple[Path, Result]]:
    """The readable results in the folders next to one; damaged ones are skipped."""
    results = []
    for path in sorted(folder.resolve().parent.glob("*/result.json")):
        try:
            results.append((path.parent, read_result(path.parent)))
        except DataError:
            continue
    return results
