"""Claim, resume and finish a run's output folder."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self, runtime_checkable

import tomli_w
from filelock import FileLock, Timeout
from torch import Tensor

from tutelage.config import ExperimentConfig, load_config, read_toml
from tutelage.errors import BusyError, ConfigError, DataError, TrainingError, first_line
from tutelage.files import (
    file_digest,
    remove_leftovers,
    with_digest,
    write_atomically,
    writing_to,
)
from tutelage.files.tensors import write_tensors
from tutelage.results.examples import EXAMPLES, Examples, write_examples
from tutelage.results.exports import remove_exports
from tutelage.results.latency import FILE as LATENCY
from tutelage.results.predictions import PREDICTIONS, Predictions, write_predictions
from tutelage.results.result import Result, read_result

__all__ = ["RunFolder", "differing", "finished_result", "holds_other_settings", "is_finished"]


@runtime_checkable
class Saveable(Protocol):
    """A student, as far as a run folder needs it."""

    def save(self, folder: Path) -> None:
        """Write the model's files to a folder."""


OURS = (
    "result.json",
    "checkpoint.safetensors",
    "metrics.jsonl",
    "rho.safetensors",
    PREDICTIONS,
    EXAMPLES,
    LATENCY,
    "report.html",
)

CONTINUE = "continue it with --resume (resume=True in Python), "


@dataclass(frozen=True)
class RunFolder:
    """The output folder of one run, held by one process at a time.

    Attributes:
        path: The folder.
        resume: Whether to continue from a checkpoint that is there.
        result: The result of a run that was finished before; else None.
    """

    path: Path
    resume: bool = False
    result: Result | None = None

    @property
    def config(self) -> Path:
        """The resolved config."""
        return self.path / "config.toml"

    @property
    def checkpoint(self) -> Path:
        """The last checkpoint; there is none after the run is finished."""
        return self.path / "checkpoint.safetensors"

    @property
    def student(self) -> Path:
        """The folder of the trained student."""
        return self.path / "student"

    @property
    def metrics(self) -> Path:
        """The training log, one JSON object a line."""
        return self.path / "metrics.jsonl"

    @classmethod
    @contextmanager
    def claim(
        cls,
        config: ExperimentConfig,
        *,
        resume: bool,
        main: bool = True,
        precision: Literal["no", "fp16", "bf16"] | None = None,
    ) -> Iterator[Self]:
        """Hold ``output.dir`` for a run; other processes are refused until it is released.

        Args:
            config: The run; its settings are written to the folder.
            resume: Continue an unfinished run, and return a finished one as it is.
            main: Whether this is the process that writes, among those that train together.
            precision: What ``train.mixed_precision`` means on this device. It is written to the folder,
                so that an unfinished run is not continued in another one; a finished run is read on
                any device.

        Raises:
            TrainingError: If the folder holds a run and neither ``resume`` nor ``output.overwrite``
                is set, holds one with other settings, holds a ``student/`` of no run, or is held by
                another process.
            OutputError: If the folder cannot be written.
        """
        path = config.output.dir
        folder = cls(path, resume)
        finished = (path / "result.json").is_file()
        begun = finished or folder.checkpoint.is_file()
        stated = config.replace({"train.mixed_precision": precision}) if precision else config
        result = finished_result(config, precision=precision) if resume else None
        if result is not None:
            if main:  # the process that finished it may have been killed before it did this
                folder.checkpoint.unlink(missing_ok=True)
            yield cls(path, resume, result)
            return
        if not main:
            yield folder
            return
        if begun and not resume and not config.output.overwrite:
            what, advice = ("a finished", "") if finished else ("an unfinished", CONTINUE)
            raise TrainingError(
                f"{path} holds {what} run; {advice}choose another output.dir (--out), or set "
                "output.overwrite = true to train again"
            )
        if not begun and not folder.config.is_file():
            _refuse_foreign_student(folder)
        with _locked(path):
            _begin(folder, stated, fresh=not (begun and resume))
            yield folder

    def finish(
        self,
        result: Result,
        student: Saveable,
        *,
        rho: Mapping[str, Tensor],
        predictions: Predictions | None = None,
        examples: Examples | None = None,
    ) -> Result:
        """Write the student and all that is known of it, and the result last.

        Args:
            result: The result.
            student: Saved to ``student/``; nothing of an earlier run's stays there.
            rho: Weights of the teachers' columns, if there are some.
            predictions: Outputs of the evaluated rows.
            examples: Rows to look at.

        Returns:
            The result with the digests of all these files.

        Raises:
            OutputError: If something cannot be written; the checkpoint then stays.
        """
        advice = "free some space, then repeat the command (train with --resume)"
        with writing_to(self.path, advice=advice):
            _replace(self.student, student)
            if rho:
                write_tensors(self.path / "rho.safetensors", rho)
            if predictions is not None:
                write_predictions(self.path, predictions)
            if examples is not None:
                write_examples(self.path, examples)
            result = result.model_copy(update={"files": self._digests()})
            text = with_digest(json.loads(result.model_dump_json()))
            write_atomically(self.path / "result.json", text)
            self.checkpoint.unlink(missing_ok=True)
        return result

    def _digests(self) -> dict[str, str]:
        """Digests of the files of a finished run, by name, those of the student included."""
        names = ("rho.safetensors", PREDICTIONS, EXAMPLES)
        own = [self.metrics, *(self.path / name for name in names)]
        paths = [*own, *self.student.rglob("*")]
        return {
            path.relative_to(self.path).as_posix(): file_digest(path)
            for path in sorted(paths)
            if path.is_file()
        }


def _replace(folder: Path, student: Saveable) -> None:
    """Save a student aside, and put it in the place of what its folder held."""
    saved, earlier = (folder.with_name(f"{folder.name}.{end}") for end in ("new", "old"))
    for leftover in (saved, earlier):  # of a killed process
        shutil.rmtree(leftover, ignore_errors=True)
    student.save(saved)
    if folder.exists():
        folder.rename(earlier)
    saved.rename(folder)
    shutil.rmtree(earlier, ignore_errors=True)


def differing(before: ExperimentConfig, now: ExperimentConfig) -> list[str]:
    """Return the settings that decide numbers and differ: ``train.lr = 0.1, now 0.2``.

    ``train.mixed_precision = "auto"`` differs from no other precision.
    """
    old, new = (
        dict(_flat(config.deciding(config.model_dump(mode="json")))) for config in (before, now)
    )
    paths = dict.fromkeys([*old, *new])
    if "auto" in (before.train.mixed_precision, now.train.mixed_precision):
        del paths["train.mixed_precision"]
    return [
        f"{path} = {old.get(path)!r}, now {new.get(path)!r}"
        for path in paths
        if old.get(path) != new.get(path)
    ]


def _flat(settings: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    match settings:
        case {}:
            for key, value in settings.items():
                yield from _flat(value, f"{path}.{key}" if path else key)
        case [_, *_] if isinstance(settings[0], Mapping):
            for number, value in enumerate(settings):
                yield from _flat(value, f"{path}.{number}")
        case _:
            yield path, settings


def holds_other_settings(config: ExperimentConfig) -> bool:
    """Whether ``output.dir`` holds a run of other settings, or of settings that cannot be read."""
    path = RunFolder(config.output.dir, resume=True).config
    try:
        return path.is_file() and bool(differing(load_config([read_toml(path)]), config))
    except ConfigError:
        return True


def is_finished(config: ExperimentConfig) -> bool:
    """Whether ``output.dir`` holds this run, finished: a search or comparison reads it."""
    return (config.output.dir / "result.json").is_file() and not holds_other_settings(config)


def finished_result(
    config: ExperimentConfig, *, precision: Literal["no", "fp16", "bf16"] | None = None
) -> Result | None:
    """Return the result of the run in ``output.dir``; None where it is still to be trained.

    Args:
        config: The run.
        precision: What ``train.mixed_precision`` means on this device, for a run that is not finished.

    Raises:
        TrainingError: If the folder holds a run of other settings.
        DataError: If the result is damaged.
    """
    path = config.output.dir
    folder = RunFolder(path, resume=True)
    if (path / "result.json").is_file():
        _refuse_other_settings(folder, config)
        try:
            return read_result(path)
        except DataError as error:
            raise DataError(
                f"{first_line(error)}; remove it and repeat the command, which trains this run again"
            ) from error
    if folder.checkpoint.is_file() or folder.config.is_file():
        stated = config.replace({"train.mixed_precision": precision}) if precision else config
        _refuse_other_settings(folder, stated)
    return None


def _refuse_foreign_student(folder: RunFolder) -> None:
    """Refuse a folder with files in ``student/`` that no run wrote: this one would remove them."""
    if folder.student.is_dir() and any(folder.student.iterdir()):
        raise TrainingError(
            f"{folder.path} holds no run, but a folder student/ with files, which the trained student "
            "would replace; choose another output.dir (--out), or move that folder"
        )


def _refuse_other_settings(folder: RunFolder, config: ExperimentConfig) -> None:
    try:
        before = load_config([read_toml(folder.config)])
    except ConfigError as error:
        raise TrainingError(
            f"{folder.path} cannot be continued, since its settings cannot be read ({first_line(error)}); "
            f"put {folder.config} back, choose another output.dir (--out), or leave --resume out and set "
            "output.overwrite = true to train again"
        ) from error
    if differences := differing(before, config):
        raise TrainingError(
            f"{folder.path} was begun under other settings than these "
            f"({'; '.join(differences)}); continue with those in {folder.config}, "
            "choose another output.dir (--out), or leave --resume out and set "
            "output.overwrite = true"
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = FileLock(path / ".lock", timeout=0)
    with writing_to(path, name="output.dir"):
        path.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise BusyError(
                f"another process is training in {path}; wait until it has ended, or choose another "
                "output.dir (--out)"
            ) from None
    try:
        yield
    finally:
        lock.release()


def _begin(folder: RunFolder, config: ExperimentConfig, *, fresh: bool) -> None:
    """Write the settings; where training begins anew, nothing that tells of another run stays."""
    text = tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
    with writing_to(folder.path, name="output.dir"):
        if fresh:
            remove_exports(folder.path)
        for name in (*OURS, folder.config.name):
            remove_leftovers(folder.path / name)
            if name in OURS and fresh:
                (folder.path / name).unlink(missing_ok=True)
        write_atomically(folder.config, text)
