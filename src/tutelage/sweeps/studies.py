"""Run a study: one comparison a data set, then each method's error over all of them.

A study's folder:

    study.toml     the study
    NAME/          the comparison on the data set NAME, as ``tutelage compare`` leaves it
    stand-ins/     small models and their cached features, at the tiny scale
    study.json     the finished study

A data set on which nothing could be finished is missing in the study, with the reason. It is tried again
when the study is started again.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn

from tutelage.config import ExperimentConfig, StudyConfig
from tutelage.errors import ConfigError, TrainingError, TutelageError
from tutelage.files.locks import hold_file
from tutelage.progress import Progress, Silent
from tutelage.recipes import config_table
from tutelage.results.comparison import Comparison
from tutelage.results.studies import MEANS_NOTHING, Study, study_of, write_study
from tutelage.sweeps.compare import compare
from tutelage.sweeps.processes import refuse_jobs, refuse_launchers
from tutelage.sweeps.study_folder import begin_study, refuse_edited
from tutelage.tiny import Saver, save_model, tiny_experiment

__all__ = [
    "STAND_INS",
    "experiments_of",
    "refuse_without_comparisons",
    "study",
    "tiny_experiments",
]

STAND_INS = "stand-ins"


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
    configs = experiments_of(config, out=out, beside=beside)
    begin_study(config, out)
    if config.scale == "tiny":
        progress.note(MEANS_NOTHING)
        configs = tiny_experiments(configs, settings=config.tiny, folder=out / STAND_INS)
    refuse_edited(configs.values())
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
        refuse_without_comparisons(missing)
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


def refuse_without_comparisons(missing: Mapping[str, str]) -> NoReturn:
    """Refuse a study without a finished run.

    Args:
        missing: Why each data set has none, by name.

    Raises:
        TrainingError: Always.
    """
    name, reason = next(iter(missing.items()))
    raise TrainingError(f"no run could be finished on any data set; {name} said: {reason}")


def experiments_of(
    config: StudyConfig, *, out: Path, beside: Path | None
) -> dict[str, ExperimentConfig]:
    """Return the comparison of each data set at the full scale; the arguments of ``study``.

    Raises:
        ConfigError: The mistakes of all data sets at once.
    """
    return config.experiments(out, table_of=lambda place: _table(place, beside))


def tiny_experiments(
    configs: Mapping[str, ExperimentConfig],
    *,
    settings: Mapping[str, Any],
    folder: Path,
    save: Saver = save_model,
) -> dict[str, ExperimentConfig]:
    """Return the same comparisons of stand-ins.

    Args:
        configs: The comparison of each data set.
        settings: Settings on top of those of the tiny scale.
        folder: Folder of the stand-ins.
        save: Writes a model, and returns its folder.

    Raises:
        ConfigError: If something has no stand-in: what lacks one in all data sets, at once.
        OutputError: If the folder cannot be written.
    """
    small, mistakes = {}, []
    for name, config in configs.items():
        try:
            small[name] = tiny_experiment(config, folder=folder, settings=settings, save=save)
        except ConfigError as error:
            mistakes += str(error).splitlines()
    if mistakes:
        raise ConfigError("\n".join(dict.fromkeys(mistakes)))
    return small


def _table(place: str, beside: Path | None) -> dict[str, object]:
    if place.startswith("recipe:") or beside is None:
        return config_table(place)
    return config_table(beside / place)
