"""The schema of a finished run, and the files of its folder.

A run's folder:

    config.toml         the resolved config
    result.json         this schema
    metrics.jsonl       one line each ``log_every`` steps
    rho.safetensors     the learned weight of every teacher column, one tensor a teacher
    predictions.safetensors    the student's outputs for the evaluated rows, with ids and labels
    examples.json       the rows that are most wrong and most in doubt, as people look at them
    student/            the student alone, as its own library loads it
    report.html
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict

from tutelage.errors import DataError
from tutelage.files import file_digest, without_digest
from tutelage.files.tensors import DamagedTensorsError, read_tensors
from tutelage.tasks import TASKS, Kind, Metric

__all__ = [
    "RESULT",
    "InputColumns",
    "Result",
    "StudentInfo",
    "TeacherInfo",
    "differing_rows",
    "read_history",
    "read_result",
    "read_rho",
    "refuse_changed_files",
]

SCHEMA_VERSION: Literal[1] = 1
RESULT = "result.json"


class ResultPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StudentInfo(ResultPart):
    """The model that was trained.

    Attributes:
        head: How its head began: ``"probe"`` or ``"random"``.
        doubts: Sentences that say why it may be worse than it was trained to be.
    """

    source: str
    parameters: int
    width: int
    tap: str
    head: str = "random"
    doubts: tuple[str, ...] = ()


class TeacherInfo(ResultPart):
    """A teacher as the run used it.

    Attributes:
        parameters: None where it is not known (an array computed elsewhere).
        cache_key: Keys of its cached features, by split.
        bytes: Size of those on disk.
        rho_mean: Mean weight over its columns; None where the method has no weights.
        rho_top: Share of the weights' energy in the tenth of its columns that has most of it, 0.1 (all
            alike) to 1; see ``results.sparsity``.
        rho_effective: Number of columns that as many equal weights would have, 1 to ``width``.
        share: Its part of the weighted features' energy, sum_k rho_k² var_k over all teachers'; 0 to 1.
        doubts: Sentences that say why its features may tell nothing, or be those of other rows.
    """

    name: str
    source: str
    width: int
    parameters: int | None
    cache_key: dict[str, str]
    bytes: int
    rho_mean: float | None
    rho_top: float | None = None
    rho_effective: float | None = None
    share: float | None
    doubts: tuple[str, ...] = ()


class InputColumns(ResultPart):
    """Columns of a table that the student reads."""

    image: str | None = None
    text: tuple[str, ...] | None = None


class Result(ResultPart):
    """A finished run.

    Attributes:
        schema_version: Version of this schema.
        name: Name of the experiment.
        method: Name of the method.
        beta: Weight of the transfer term in the loss.
        seed: Random seed of the run.
        steps: Number of updates of the student.
        automatic_steps: Whether that number follows from the rows: ``train.steps = "auto"``.
        task: Kind of task.
        metric: The metric that leads, one of those in ``metrics``.
        metrics: By split (``train`` and ``test`` or ``holdout``), by name: those of ``scores``, and
            ``loss`` (mean cross-entropy in nats, or squared error of standardized targets). Metrics
            that are undefined on the rows are left out.
        rows: Number of rows by split.
        whole_rows: Number of evaluated rows of which all labels are known; None in results of before.
        classes: Names of the classes, labels or targets.
        student: The model that was trained.
        teachers: The teachers of the run; empty for a method without teachers.
        seconds: Wall time by phase: ``extract``, ``prepare``, ``train``, ``evaluate``; of a run that
            was interrupted, of all that came before its last checkpoint and after it was resumed.
        versions: Versions of Python and of the packages, by name.
        device: Device on which the student was trained.
        started: Time at which the run was first started, in ISO format.
        command: Command that reproduces the run, from the folder in which it was started.
        config: The resolved config, as a table.
        files: Digest of each file of the folder that the run wrote, by name.
        standardized: Whether the transfer term saw standardized teachers' columns; None in results
            of version 0.1, whose config says so.
        inputs: The columns that were read, named or detected; None if the data is no table.
        row_digests: Digest of the rows by split: of ids, labels, texts and sizes of images; empty
            in results of versions that kept none.
        processes: Number of processes that trained together, each on a batch of its own; 1 in results
            of versions that did not say.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    name: str
    method: str
    beta: float
    seed: int
    steps: int
    task: Kind = "single-label"
    metric: str = "accuracy"
    metrics: dict[str, dict[str, float]]
    rows: dict[str, int]
    classes: list[str]
    student: StudentInfo
    teachers: list[TeacherInfo]
    seconds: dict[str, float]
    versions: dict[str, str]
    device: str
    started: str
    command: str
    config: dict[str, Any]
    files: dict[str, str] = {}
    standardized: bool | None = None
    automatic_steps: bool = False
    inputs: InputColumns | None = None
    row_digests: dict[str, str] = {}
    processes: int = 1
    whole_rows: int | None = None

    def counted_rows(self, split: str) -> int | None:
        """Number of evaluated rows that a share of rows that are right is of; None of other splits."""
        rows = self.rows.get(split)
        return rows if rows is None or self.whole_rows is None else self.whole_rows

    @property
    def teachers_standardized(self) -> bool:
        """Whether the transfer term saw standardized teachers' columns, whatever the version."""
        if self.standardized is not None:
            return self.standardized
        return self.config.get("transfer", {}).get("standardize") is True

    @property
    def folder(self) -> Path:
        """The run's output folder, as the config names it; ``student/`` in it is the model."""
        return Path(self.config["output"]["dir"])

    @property
    def lead(self) -> Metric:
        """The metric that leads."""
        return TASKS[self.task].metric(self.metric)


def differing_rows(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return the splits whose rows differ, of those that both digests are of.

    Example:
        >>> differing_rows({"train": "ab", "test": "cd"}, {"train": "ab", "test": "ef"})
        ['test']
    """
    return [name for name, digest in before.items() if now.get(name, digest) != digest]


def read_result(folder: Path, *, name: str = RESULT) -> Result:
    """Read the result in a run's folder.

    Args:
        folder: The folder.
        name: Name of the file.

    Raises:
        DataError: If there is none, or it is not one of ours.
    """
    path = folder / name
    try:
        return Result.model_validate_json(json.dumps(without_digest(path.read_bytes())))
    except FileNotFoundError:
        raise DataError(
            f"no result in {folder}; a finished 'tutelage train' leaves one there"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a result of this version of tutelage: {error}") from None


def refuse_changed_files(folder: Path, result: Result) -> None:
    """Compare log, weights ``rho`` and examples with what the run wrote.

    Files that are gone are passed over; predictions, which may be large, have a digest of their own.

    Raises:
        DataError: If one was changed.
    """
    for name in ("metrics.jsonl", "rho.safetensors", "examples.json"):
        path = folder / name
        if name in result.files and path.is_file() and file_digest(path) != result.files[name]:
            raise DataError(
                f"{path} was changed: it is not what the run wrote; remove it, or train again"
            )


def read_history(folder: Path) -> list[dict[str, float]]:
    """Read ``metrics.jsonl``: rows with ``step`` and what was logged there.

    Keys: ``step``, ``task``, ``transfer``, ``total`` (means since the last row), of single-label tasks
    ``accuracy`` (of the training batches since the last row), ``lr``; rows of an evaluation have
    ``step``, and ``holdout_`` before each metric's name. A last line that was cut, as in a process that was
    killed, is passed over.

    Raises:
        DataError: If a line is not such a row.
    """
    path = folder / "metrics.jsonl"
    if not path.is_file():
        return []
    *lines, rest = path.read_bytes().split(b"\n")
    rows = [_row(line, where=f"line {n} of {path}") for n, line in enumerate(lines, 1) if line]
    with suppress(DataError):
        rows.append(_row(rest, where="the rest"))
    return rows


def _row(line: bytes, *, where: str) -> dict[str, float]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    numbers = isinstance(row, dict) and all(isinstance(v, int | float) for v in row.values())
    if not numbers or "step" not in row:
        raise DataError(
            f"{where} is not a row of a run's log, but {line[:40]!r}; remove that line, or train again"
        )
    return dict(row)


def read_rho(folder: Path) -> dict[str, torch.Tensor]:
    """Read the learned weights, a vector a teacher; empty where the method has none."""
    path = folder / "rho.safetensors"
    if not path.is_file():
        return {}
    try:
        return read_tensors(path)[0]
    except DamagedTensorsError as error:
        raise DataError(f"{path} is damaged: {error}") from None
