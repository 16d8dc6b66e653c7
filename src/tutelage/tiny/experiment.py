"""An experiment with stand-ins in place of its models and data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from tutelage.config import ExperimentConfig, StudentConfig, TeacherConfig, load_config, short_name
from tutelage.errors import ConfigError
from tutelage.files import writing_to
from tutelage.tiny import timm_models
from tutelage.tiny.columns import columns_of
from tutelage.tiny.rows import TRAIN_ROWS
from tutelage.tiny.transformers_models import Saver, save_model, type_of

__all__ = ["SETTINGS", "tiny_experiment"]

SETTINGS: dict[str, Any] = {
    "train": {
        "batch_size": 32,
        "checkpoint_every": 0,
        "device": "cpu",
        "lr": 3e-3,
        "patience": 1.0,
        "steps": 20,
        "warmup": 0,
        "whole_epochs": False,
        "workers": 0,
    },
    "compare": {"seeds": 2},
    "tune": {"beta": [1.0, 10.0], "lr": []},
    "cache": {"workers": 0},
    "output": {"examples": 0},
}
"""What is set for every experiment at this scale, whatever the rates of single students."""


@dataclass(frozen=True)
class _StandIns:
    """Where models are saved, and what saves them."""

    folder: Path
    save: Saver


def tiny_experiment(
    config: ExperimentConfig,
    *,
    folder: Path,
    settings: Mapping[str, Any] | None = None,
    save: Saver = save_model,
) -> ExperimentConfig:
    """Return an experiment that runs in seconds on a CPU, offline, with the same parts.

    Teachers and students become small random models of their families, with their names; a data set
    of the hub becomes generated rows with its columns and classes, and of other data 200 training
    rows are used. What the experiment computes means nothing.

    Args:
        config: The experiment.
        folder: Folder of the stand-ins' weights and of the cache; it is created.
        settings: Settings on top of ``SETTINGS``.
        save: Writes a model in the folder it is given, or elsewhere, and returns where it is.

    Raises:
        ConfigError: If something has no stand-in: all such parts at once.
        OutputError: If the folder cannot be written.
    """
    table = config.model_dump(mode="json", exclude_none=True)
    mistakes: list[str] = []
    stand_ins = _StandIns(folder, save)
    with writing_to(folder, name="the folder of stand-ins"):
        table["data"] = _data(table["data"], mistakes)
        table["teachers"] = [_teacher(one, stand_ins, mistakes) for one in config.teachers]
        if config.student is not None:
            table["student"] = _student(config.student, stand_ins, mistakes)
        table["compare"]["students"] = [
            _student(one, stand_ins, mistakes) for one in config.compare.students
        ]
    if mistakes:
        raise ConfigError("\n".join(dict.fromkeys(mistakes)))
    table["train"].pop("epochs", None)
    cache = {"cache": {"dir": str(folder / "cache")}}
    return load_config([table, SETTINGS, cache, settings or {}])


def _data(table: dict[str, Any], mistakes: list[str]) -> dict[str, Any]:
    changed = dict(table)
    for name, params in (("source", "params"), ("unlabelled", "unlabelled_params")):
        source = table.get(name)
        if source is None or not (source.startswith("hub:") or _is_known(source)):
            continue
        try:
            columns_of(source)
        except ConfigError as error:
            mistakes.append(str(error))
        changed |= {name: "python:tutelage.tiny.rows:stand_in", params: {"of": source}}
    if changed["source"] == table["source"]:
        changed["limit"] = min(table.get("limit") or TRAIN_ROWS, TRAIN_ROWS)
    return changed


def _is_known(source: str) -> bool:
    try:
        columns_of(source)
    except ConfigError:
        return False
    return not Path(source.partition(":")[2]).exists()


def _teacher(teacher: TeacherConfig, stand_ins: _StandIns, mistakes: list[str]) -> dict[str, Any]:
    table = teacher.model_dump(mode="json", exclude_none=True)
    changes = _model(teacher.source, teacher.params, stand_ins, mistakes)
    if changes and "pooling" in teacher.params:
        changes["params"]["pooling"] = teacher.params["pooling"]
    return table | {"name": teacher.name or short_name(teacher.source)} | changes


def _student(student: StudentConfig, stand_ins: _StandIns, mistakes: list[str]) -> dict[str, Any]:
    table = student.model_dump(mode="json", exclude_none=True, exclude={"lr"})
    towers = student.source.split("+")
    if len(towers) == 2:
        return table | _towers(towers, student.params, stand_ins, mistakes)
    return table | _model(student.source, student.params, stand_ins, mistakes)


def _towers(
    towers: list[str], params: Mapping[str, Any], stand_ins: _StandIns, mistakes: list[str]
) -> dict[str, Any]:
    changed: dict[str, Any] = {"source": [], "params": {}}
    for side, source in zip(("image", "text"), towers, strict=True):
        options = params.get(side, {})
        one = _model(source.strip(), options, stand_ins, mistakes) or {"source": source}
        changed["source"].append(one["source"])
        changed["params"][side] = one.get("params", options)
        changed |= {"input": one["input"]} if "input" in one else {}
    return changed | {"source": "+".join(changed["source"])}


def _model(
    source: str, params: Mapping[str, Any], stand_ins: _StandIns, mistakes: list[str]
) -> dict[str, Any]:
    """What changes in the table of a model; nothing for models of the user's own."""
    scheme, _, name = source.partition(":")
    if scheme == "timm":
        architecture = name.partition(".")[0].rpartition("/")[2]
        if not timm_models.known_architecture(architecture):
            mistakes.append(
                f"{source} has no stand-in; at the tiny scale there are timm's architectures of "
                f"{', '.join(sorted(timm_models.SMALL))}"
            )
        factory = f"python:tutelage.tiny.timm_models:{architecture}"
        return {"source": factory, "params": {}, "input": timm_models.INPUT}
    if scheme in ("hf", "openclip"):
        try:
            kind = (
                "clip" if scheme == "openclip" else type_of(name, stated=params.get("model_type"))
            )
        except ConfigError as error:
            mistakes.append(str(error))
            return {}
        short = short_name(name.partition("/")[0] if scheme == "openclip" else name)
        place = stand_ins.save(stand_ins.folder / short, kind, seed=crc32(source.encode()))
        return {"source": f"hf:{place}", "params": {}}
    if scheme == "features":
        mistakes.append(
            f"{source} holds features of the real rows, and the tiny scale generates others; leave it "
            "out there"
        )
    return {}
