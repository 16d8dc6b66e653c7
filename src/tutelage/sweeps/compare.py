"""Compare methods over seeds (and students, teachers, fractions) in one table of runs.

A comparison's folder:

    compare.toml     the resolved config: what is compared
    rows.json        digests of the rows that are read
    runs/            a folder a run
    tuning/          a folder a run on the hold-out, for the choice of settings
    compare.json     the finished table

A run that fails is a failed row with its reason; what was not foreseen leaves ``error.txt`` in the run's
folder. Failed runs are tried again when the comparison is started again.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal, NoReturn

from tutelage.config import ExperimentConfig, load_config
from tutelage.data import open_data, summarize
from tutelage.data.row_digests import source_digests
from tutelage.errors import ConfigError, TrainingError, TutelageError
from tutelage.experiment.teacher_probe import probe_score
from tutelage.files.locks import hold_file
from tutelage.progress import Progress, Silent
from tutelage.results.comparison import Comparison, Scores, compare_scores
from tutelage.results.folders import with_runs, write_comparison
from tutelage.results.grouping import fair_baselines, refuse_mixed_rows
from tutelage.results.names import strengths
from tutelage.sweeps.comparison_folder import begin_comparison
from tutelage.sweeps.grid import GridPoint, grid_of
from tutelage.sweeps.grid_runs import Choice, choose_settings, run_all, run_config
from tutelage.sweeps.jobs import Failed, attempt, attempt_all
from tutelage.sweeps.methods import params_left_out
from tutelage.sweeps.processes import (
    Pool,
    check_cluster,
    process_pool,
    refuse_jobs,
    refuse_launchers,
)
from tutelage.sweeps.repeats import refuse_holdout
from tutelage.sweeps.search_space import SearchPoint
from tutelage.sweeps.tune import check_first, extract_first
from tutelage.sweeps.unused import in_all, runs_kept, unused_by_all

__all__ = ["asked_for", "check_points", "compare", "refuse_without_runs", "settings_not_used"]


def compare(
    config: ExperimentConfig,
    *,
    methods: Sequence[str] | None = None,
    seeds: int | None = None,
    tune: bool | None = None,
    jobs: int = 1,
    engine: Literal["local", "ray"] = "local",
    gpus: float | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Run every combination that ``[compare]`` asks for over several seeds, and gather the numbers.

    An interrupted comparison resumes, and several processes may share a folder. More
    methods or seeds may be asked for later. With ``tune`` the settings of each combination are chosen
    on a hold-out of its own training rows; the test rows, and the teachers' probe, choose nothing.

    Args:
        config: What to compare; ``output.dir`` receives the comparison.
        methods: In place of ``compare.methods``.
        seeds: In place of ``compare.seeds``.
        tune: In place of ``compare.tune``.
        jobs: Processes.
        engine: ``"ray"`` for the tasks of a Ray cluster in place of processes.
        gpus: GPUs that a run takes of the cluster, of which 0.5 is half a GPU; by default 1 where it has
            some.
        progress: Receives progress reports. Silent by default.

    Returns:
        A row for each combination, with its scores over the seeds and its difference from standard
        fine-tuning; the same is written to ``compare.json``.

    Raises:
        ConfigError: If a setting cannot be used, or the folder holds another comparison, or one on
            other rows.
        TrainingError: If no run could be finished.
        OutputError: If the folder cannot be written.

    Example:
        >>> config = ExperimentConfig.model_validate({
        ...     "data": {"source": "folder:flowers/"},
        ...     "teachers": [{"source": "timm:vit_giant_patch14_dinov2.lvd142m"}],
        ...     "student": {"source": "timm:resnet50"},
        ... })
        >>> comparison = compare(config, methods=["stl", "aft"], seeds=3)  # doctest: +SKIP
        >>> [row.method for row in comparison.rows]  # doctest: +SKIP
        ['stl', 'aft']
    """
    refuse_launchers()
    refuse_jobs(jobs, engine, gpus)
    check_cluster(engine, gpus)
    progress = progress or Silent()
    config = asked_for(config, methods=methods, seeds=seeds, tune=tune)
    data, splits = open_data(config.data)
    points = grid_of(config, rows=len(splits.extracted))
    for line in [*summarize(data, splits, config.data), *settings_not_used(config, points)]:
        progress.note(line)
    begin_comparison(config, source_digests(data, splits))
    choices = _usable(points, progress)
    with process_pool(jobs, engine=engine, gpus=gpus) as processes:
        if config.compare.tune:
            choices = choose_settings(points, choices, processes=processes, progress=progress)
        # Before the runs, which show what teachers say of evaluated rows where these are cached.
        probes = _probe_all(points, choices, processes=processes, progress=progress)
        seeds = config.compare.seeds
        runs = run_all(points, choices, seeds=seeds, processes=processes, progress=progress)
    scores = [
        _scores(point, choice, outcomes=outcomes, probe=probe)
        for point, choice, outcomes, probe in zip(points, choices, runs, probes, strict=True)
    ]
    scores = with_runs(scores, config.output.dir)
    refuse_mixed_rows([run for row in scores for run in row.runs])
    comparison = compare_scores(
        scores,
        name=config.name,
        data=config.data.source,
        evaluated=config.data.evaluate,
        tuned=config.compare.tune,
        metric=config.data.lead,
        fair=fair_baselines(scores),
    )
    lock, doing = config.output.dir / ".lock", "writes this comparison"
    with hold_file(lock, doing=doing, briefly=True, note=progress.note):
        write_comparison(comparison, config.output.dir)
    if not comparison.finished:
        refuse_without_runs(scores[0].reason)
    return comparison


def refuse_without_runs(first: str) -> NoReturn:
    """Refuse a comparison without a finished run.

    Args:
        first: Why the first row has none.

    Raises:
        TrainingError: Always.
    """
    raise TrainingError(f"no run could be finished; the first said: {first}")


def asked_for(
    config: ExperimentConfig, *, methods: Sequence[str] | None, seeds: int | None, tune: bool | None
) -> ExperimentConfig:
    """Return the config with what is asked for in place of ``[compare]``; the arguments of ``compare``.

    Raises:
        ConfigError: If a setting cannot be used.
    """
    given = {"methods": methods, "seeds": seeds, "tune": tune}
    config = load_config(
        [config.model_dump(mode="json", exclude_none=True)]
        + [{"compare": {name: value}} for name, value in given.items() if value is not None]
    )
    _refuse_what_tuning_cannot(config)
    return config


def _refuse_what_tuning_cannot(config: ExperimentConfig) -> None:
    if not config.compare.tune:
        return
    refuse_holdout(config.data, advice="leave it out, or compare without --tune")
    for name in ("samples", "teachers"):
        if getattr(config.tune, name):
            raise ConfigError(
                f"tune.{name} is for 'tutelage tune'; a comparison tries every combination, for the "
                "sets of teachers in compare.teachers: leave it out"
            )
    if config.tune.prune:
        raise ConfigError(
            "tune.prune is for 'tutelage tune'; a comparison tries every combination to its end: leave it out"
        )
    if config.tune.storage is not None:
        raise ConfigError(
            "tune.storage is for 'tutelage tune'; a comparison tries every combination, and machines "
            "share it by its folder: leave it out"
        )


def settings_not_used(config: ExperimentConfig, points: Sequence[GridPoint]) -> list[str]:
    """Return a sentence for each setting that a comparison does not use; its dry run reports the same.

    Those that no method of any student uses are left out where that cannot be known before.

    Args:
        config: What is compared.
        points: The combinations.
    """
    others = [*params_left_out(config, [point.method for point in points]), *runs_kept(config)]
    told = []
    for student in dict.fromkeys(point.student for point in points):
        own = [point for point in points if point.student == student]
        point = next((point for point in own if point.teachers), own[0])
        try:
            plan, built = check_first(point.config, methods=[point.method])
        except TutelageError:  # its rows of the table say so
            return others
        told.append(unused_by_all(plan, built, [one.method for one in own], asked=config))
    return [*in_all(told), *others]


def _usable(points: Sequence[GridPoint], progress: Progress) -> list[Choice]:
    """Cache all features before any run; a point fails whose method or teachers cannot be used."""
    cached: dict[tuple[str, float], Failed | None] = {}
    choices: list[Choice] = []
    taught = iter(check_points([point for point in points if point.teachers]))
    for point in points:
        choice = next(taught) if point.teachers else None
        failed = choice if isinstance(choice, Failed) else None
        for name, teacher in zip(point.teachers, point.config.teachers, strict=False):
            alone = name, point.fraction
            if failed is None and alone not in cached:
                cached[alone] = attempt(
                    partial(extract_first, method=point.method, progress=progress),
                    point.config.replace({"teachers": (teacher,)}),
                )
            failed = failed or cached.get(alone)
        choices.append(failed or SearchPoint(point.method))
    return choices


def check_points(points: Sequence[GridPoint], *, writes: bool = True) -> list[Choice]:
    """Check the method of each point with its student and teachers; none of these is run.

    Args:
        points: The combinations.
        writes: Whether an unforeseen error leaves its traceback in the folder.
    """
    return [
        attempt(partial(_check, method=point.method), point.config, writes=writes)
        for point in points
    ]


def _check(config: ExperimentConfig, *, method: str) -> SearchPoint:
    """Check a method with all of its teachers: some need one of each modality."""
    check_first(config, methods=[method])
    return SearchPoint(method)


def _probe_all(
    points: Sequence[GridPoint], choices: Sequence[Choice], *, processes: Pool, progress: Progress
) -> list[float | None]:
    """The probe of each point's teachers; once for all points with the same rows."""
    different = {
        (point.teachers, point.fraction): point.config
        for point, choice in zip(points, choices, strict=True)
        if point.teachers and isinstance(choice, SearchPoint)
    }
    probes = attempt_all(
        probe_score,
        list(different.values()),
        processes=processes,
        label="probe the teachers",
        unit="probes",
        progress=progress,
    )
    known = {
        key: None if isinstance(probe, Failed) else probe
        for key, probe in zip(different, probes, strict=True)
    }
    return [known.get((point.teachers, point.fraction)) for point in points]


def _scores(
    point: GridPoint, choice: Choice, *, outcomes: Sequence[float | Failed], probe: float | None
) -> Scores:
    by_seed = dict(enumerate(outcomes, start=point.config.seed))
    values = {seed: value for seed, value in by_seed.items() if not isinstance(value, Failed)}
    folders = {
        seed: run_config(point, choice, seed=seed - point.config.seed)
        .output.dir.relative_to(point.config.output.dir)
        .as_posix()
        for seed in values
        if isinstance(choice, SearchPoint)
    }
    return Scores(
        student=point.student,
        fraction=point.fraction,
        method=point.method,
        teachers=point.teachers,
        settings=_settings(point, choice) if isinstance(choice, SearchPoint) else {},
        values=values,
        failures={s: value.reason for s, value in by_seed.items() if isinstance(value, Failed)},
        probe=probe,
        folders=folders,
    )


def _settings(point: GridPoint, choice: SearchPoint) -> dict[str, float]:
    """The strengths that the method was given, and the settings that were chosen."""
    chosen = {k: value for k, value in choice.settings.items() if not isinstance(value, str)}
    return strengths(point.method, point.config.transfer.model_dump()) | chosen
