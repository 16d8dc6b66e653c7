"""A run's folder: who may take it, when it is gone on with, and what is left in it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import tomli_w
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from tutelage.config import ExperimentConfig, load_config, read_toml
from tutelage.errors import TrainingError
from tutelage.results.result import Result, read_result

__all__ = ["claim", "identity", "leave"]


class Saveable(Protocol):
    """A student, as far as a run folder needs it."""

    def save(self, folder: Path) -> None:
        """Write the model's files to a folder."""


OURS = ("result.json", "checkpoint.safetensors", "metrics.jsonl", "rho.safetensors", "report.html")


def claim(config: ExperimentConfig, *, resume: bool, main: bool) -> Result | None:
    """Take the output folder for this run; return its result if it is finished and resumed."""
    folder = config.output.dir
    finished = (folder / "result.json").is_file()
    begun = finished or (folder / "checkpoint.safetensors").is_file()
    if begun and resume:
        before = load_config([read_toml(folder / "config.toml")])
        if identity(before) != identity(config):
            raise TrainingError(
                f"{folder} was begun under other settings than these; go on with those in "
                f"{folder / 'config.toml'}, choose another output.dir (--out), or leave --resume out "
                "and set output.overwrite = true"
            )
        if finished:
            return read_result(folder)
    if not main:
        return None
    if begun and not resume and not config.output.overwrite:
        what = "a finished" if finished else "an unfinished"
        raise TrainingError(
            f"{folder} holds {what} run; go on with --resume, choose another output.dir (--out), or "
            "set output.overwrite = true"
        )
    text = tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not resume:
            for name in OURS:
                (folder / name).unlink(missing_ok=True)
        (folder / "config.toml").write_text(text, encoding="utf-8")
    except OSError as error:
        raise TrainingError(
            f"cannot write to output.dir {folder}: {error.strerror or error}"
        ) from None
    return None


def identity(config: ExperimentConfig) -> str:
    """A digest of every setting that decides the run's numbers."""
    settings = config.model_dump(
        mode="json", exclude={"name", "output", "cache", "tune", "compare"}
    )
    for name in ("checkpoint_every", "workers", "tracker", "inputs"):
        del settings["train"][name]
    return hashlib.blake2b(
        json.dumps(settings, sort_keys=True).encode(), digest_size=16
    ).hexdigest()


def leave(folder: Path, result: Result, student: Saveable, rho: Mapping[str, Tensor]) -> None:
    """Write what the run leaves; the result comes last."""
    try:
        student.save(folder / "student")
        if rho:
            save_file(dict(rho), folder / "rho.safetensors")
        temporary = folder / "result.json.tmp"
        temporary.write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
        temporary.replace(folder / "result.json")
        (folder / "checkpoint.safetensors").unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        raise TrainingError(
            f"cannot write the result to {folder}: {error}; free some space, "
            "then go on with --resume"
        ) from error
