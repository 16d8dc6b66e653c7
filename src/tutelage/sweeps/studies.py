"""Run a study: one comparison a data set, then each method's error over all of them.

A study's folder:

    study.toml     the study
    NAME/          the comparison on the data set NAME, as ``tutelage compare`` leaves it
    stand-ins/     small models and their cached features, at the tiny scale
    study.json     the finished study

A data set on which nothing could be finished is missing in the study, with the reason. It is tried again
when the study is started again.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import tomli_w

from tutelage.config import ExperimentConfig, StudyConfig, load_study, read_toml
from tutelage.errors import ConfigError, TrainingError, TutelageError
from tutelage.files import write_atomically, writing_to
from tutelage.files.locks import hold_file
from tutelage.progress import Progress, Silent
from tutelage.recipes import config_table
from tutelage.results.comparison import Comparison
from tutelage.results.studies import MEANS_NOTHING, Study, study_of, write_study
from tutelage.sweeps.compare import compare
from tutelage.sweeps.comparison_folder import refuse_other_settings
from tutelage.sweeps.kept_settings import reading_kept_settings
from tutelage.sweeps.processes import refuse_jobs, refuse_launchers
from tutelage.tiny import tiny_experiment

__all__ = ["study"]


def study(
    config: StudyConfig,
    *,
    out: Path,
    beside: Path | None = None,
    seeds: int | None = None,
    jobs: int = 1,
    engine: Literal["local", "ray"] = "local",
    gpus: float | None = None,
    progress: Progress | None = None,
) -> Study:
    """Compare methods on every data set of a study, and gather the numbers.

    An interrupted study resumes, and several processes may share its folder, as for ``compare``. The
    settings of all data sets are checked before the first run.

    Args:
        config: The study.
        out: Its folder.
        beside: The folder that config files in ``data`` are relative to; by default the current one.
        seeds: In place of ``compare.seeds``.
        jobs: Runs trained in parallel.
        engine: ``"ray"`` for the tasks of a Ray cluster in place of processes.
        gpus: GPUs that a run takes of the cluster, of which 0.5 is half a GPU; by default 1 where it has
            some.
        progress: Receives progress reports. Silent by default.

    Returns:
        All rows, and the normalized error of each method; the same is written to ``study.json``.

    Raises:
        ConfigError: If a setting of a data set cannot be used, or the folder holds another study.
        TrainingError: If no run could be finished on any data set.
        OutputError: If the folder cannot be written.
    """
    refuse_launchers()
    refuse_jobs(jobs, engine, gpus)
    progress = progress or Silent()
    configs = config.experiments(out, table_of=lambda place: _table(place, beside))
    _begin(config, out)
    if config.scale == "tiny":
        progress.note(MEANS_NOTHING)
        configs = _tiny(configs, settings=config.tiny, folder=out / "stand-ins")
    _refuse_edited(configs.values())
    comparisons: dict[str, Comparison] = {}
    missing: dict[str, str] = {}
    for number, (name, one) in enumerate(configs.items(), start=1):
        progress.note(f"data set {number} of {len(configs)}: {name}")
        try:
            comparisons[name] = compare(
                one, seeds=seeds, jobs=jobs, engine=engine, gpus=gpus, progress=progress
            )
        except TutelageError as error:
            missing[name] = str(error)
            progress.note(f"{name} is missing in the study: {error}")
    if not comparisons:
        raise TrainingError(
            f"no run could be finished on any data set; {next(iter(missing))} said: "
            f"{next(iter(missing.values()))}"
        )
    done = study_of(
        comparisons,
        title=config.title,
        shows=config.shows,
        source=config.source,
        figures=config.figures,
        scale=config.scale,
        missing=missing,
    )
    with hold_file(out / ".lock", doing="writes this study", briefly=True, note=progress.note):
        write_study(done, out)
    return done


def _refuse_edited(configs: Iterable[ExperimentConfig]) -> None:
    """Refuse data sets whose settings were changed since their comparison began, all at once."""
    mistakes = []
    for config in configs:
        try:
            refuse_other_settings(config)
        except ConfigError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ConfigError("\n".join(mistakes))


def _tiny(
    configs: Mapping[str, ExperimentConfig], *, settings: Mapping[str, Any], folder: Path
) -> dict[str, ExperimentConfig]:
    """The same comparisons of stand-ins; what has none is told of all data sets at once."""
    small, mistakes = {}, []
    for name, config in configs.items():
        try:
            small[name] = tiny_experiment(config, folder=folder, settings=settings)
        except ConfigError as error:
            mistakes += str(error).splitlines()
    if mistakes:
        raise ConfigError("\n".join(dict.fromkeys(mistakes)))
    return small


def _table(place: str, beside: Path | None) -> dict[str, object]:
    if place.startswith("recipe:") or beside is None:
        return config_table(place)
    return config_table(beside / place)


def _begin(config: StudyConfig, folder: Path) -> None:
    """Take the folder, and keep there what is studied."""
    path = folder / "study.toml"
    with writing_to(folder, name="the study's folder", advice="choose another one (--out)"):
        folder.mkdir(parents=True, exist_ok=True)
        with hold_file(folder / ".lock", doing="begins this study", briefly=True):
            _refuse_another(config, path)
            write_atomically(path, tomli_w.dumps(config.model_dump(mode="json")))


def _refuse_another(config: StudyConfig, path: Path) -> None:
    if not path.is_file():
        return
    with reading_kept_settings(path):
        before = load_study(read_toml(path))
    if _about(before) != _about(config):
        raise ConfigError(
            f"{path.parent} holds another study, that in {path}; choose another folder (--out), or remove "
            "that one"
        )


def _about(config: StudyConfig) -> str:
    """All that decides numbers; data sets, methods and seeds may be added."""
    settings = config.model_dump(mode="json", include={"experiment", "each", "tiny", "scale"})
    if config.scale == "full":
        del settings["tiny"]
    for table in (settings["experiment"], *settings["each"].values()):
        for name in ("methods", "seeds"):
            table.get("compare", {}).pop(name, None)
    return json.dumps(settings, sort_keys=True)
