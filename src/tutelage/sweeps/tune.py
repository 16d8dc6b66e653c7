"""Choose beta, or the method, on a hold-out of the training rows; then train on all of them.

A search's folder:

    tune.journal     optuna's study: all points and their scores (elsewhere by tune.storage)
    rows.json        digests of the rows that are read
    trials/          a folder a run
    tune.json        the finished table
    chosen/          the run on all training rows
"""

import json
import time
from collections.abc import Sequence
from typing import Literal

from tutelage.config import ExperimentConfig
from tutelage.data.row_digests import source_digests
from tutelage.errors import TrainingError
from tutelage.experiment.parts import build_student, check_method
from tutelage.experiment.plan import Plan
from tutelage.experiment.run import run
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features
from tutelage.files import with_digest, write_atomically, writing_to
from tutelage.files.locks import LongWait, hold_file
from tutelage.progress import Progress, Silent
from tutelage.regularizers.catalogue import parse_method
from tutelage.results.folders import CHOSEN
from tutelage.results.run_folder import holds_other_settings
from tutelage.results.tuning import TUNING, Trial, Tuning
from tutelage.students import Student
from tutelage.sweeps.methods import changes_for, params_left_out
from tutelage.sweeps.point_run import try_next
from tutelage.sweeps.processes import check_cluster, process_pool, refuse_jobs, refuse_launchers
from tutelage.sweeps.repeats import refuse_holdout, repeats_of
from tutelage.sweeps.search import Search
from tutelage.sweeps.search_space import SearchPoint, space_of
from tutelage.sweeps.study_storage import check_storage
from tutelage.sweeps.unused import runs_kept, unused_by_all
from tutelage.tasks import fully_labelled

__all__ = ["AUTO", "best_of", "check_first", "extract_first", "final_run", "tell_search", "tune"]

AUTO = ("stl", "probe", "aft", "aft+probe", "kd", "rkd", "ft")
"""What ``--methods auto`` tries."""
PATIENCE = 1.0
"""Seconds between looks at points that other processes have taken."""

LEAVE_OUT = (
    "leave it out: the search holds out rows itself, and only the run with what it chose reads the "
    "test rows"
)


def tune(
    config: ExperimentConfig,
    *,
    methods: Sequence[str] | None = None,
    jobs: int = 1,
    engine: Literal["local", "ray"] = "local",
    gpus: float | None = None,
    retrain: bool = True,
    progress: Progress | None = None,
) -> Tuning:
    """Try what ``[tune]`` says on the hold-out, then train on all training rows with the best.

    An interrupted search resumes, and several processes may share a folder. The test rows are not
    read before the last run, and select nothing.

    Args:
        config: What to train; ``output.dir`` receives the search.
        methods: Methods to try; by default the config's own.
        jobs: Processes.
        engine: ``"ray"`` for the tasks of a Ray cluster in place of processes.
        gpus: GPUs that a run takes of the cluster, of which 0.5 is half a GPU; by default 1 where it has
            some.
        retrain: Whether to train with the best point on all training rows at the end.
        progress: Receives progress reports. Silent by default.

    Returns:
        All points with their scores on the hold-out, the name of the best, and the result of the
        run on all training rows; the same is written to ``tune.json``.

    Raises:
        ConfigError: If the folder, or ``tune.storage``, holds a search for something else or on other
            rows, or the last run would report the hold-out.
        TrainingError: If no point could be finished.

    Source:
        The protocol: Qiu et al. 2024, arXiv 2406.07337, appendix A.

    Example:
        >>> config = ExperimentConfig.model_validate({
        ...     "data": {"source": "folder:flowers/"},
        ...     "teachers": [{"source": "timm:vit_giant_patch14_dinov2.lvd142m"}],
        ...     "student": {"source": "timm:resnet50"},
        ... })
        >>> tuning = tune(config, methods=["stl", "aft"], jobs=4)  # doctest: +SKIP
        >>> tuning.best.method  # doctest: +SKIP
        'aft'
    """
    refuse_launchers()
    refuse_jobs(jobs, engine, gpus)
    if retrain:
        refuse_holdout(config.data, advice=LEAVE_OUT)
    check_storage(config.tune.storage)
    check_cluster(engine, gpus)
    progress = progress or Silent()
    folder = config.output.dir
    search = Search(config, space_of(config, methods))
    methods = list(search.space.dimensions)
    plan, student = check_first(search.held_out, methods=methods)
    search.begin(source_digests(plan.data, plan.splits))
    tell_search(search, plan, student, progress=progress)
    extract_features(plan, Runtime.of(plan.config, progress))
    with (
        process_pool(jobs, engine=engine, gpus=gpus) as processes,
        progress.track("tune", search.total, unit="points", done=search.done) as update,
    ):
        for _ in processes.run(try_next, [search] * search.total):
            update(search.done)
        wait = LongWait()
        while search.done < search.total:  # others have taken what is left, and may be killed
            if try_next(search):
                wait.ends()
            else:
                wait.goes_on(search.waited_for, note=progress.note)
                time.sleep(PATIENCE)
            update(search.done)
    trials = search.trials()
    best = best_of(trials)
    result = None
    if retrain:
        final = final_run(config, best)
        lock, doing = folder / "trials" / ".chosen.lock", "trains with the best point"
        with hold_file(lock, doing=doing, briefly=False, note=progress.note):
            begun = (final.output.dir / "config.toml").is_file()
            if holds_other_settings(final):  # of an earlier call, with fewer samples
                final, begun = final.replace({"output.overwrite": True}), False
            result = run(final, resume=begun, progress=progress)
    tuning = Tuning(
        trials=trials,
        chosen=best.name,
        metric=config.data.lead,
        rows=None if config.tune.folds else int(fully_labelled(plan.evaluated.labels).sum()),
        result=result,
    )
    with writing_to(folder, name="output.dir"):
        write_atomically(folder / TUNING, with_digest(json.loads(tuning.model_dump_json())))
    return tuning


def tell_search(search: Search, plan: Plan, student: Student, *, progress: Progress) -> None:
    """Report which settings a search does not use, and which rows it does; its dry run reports the same.

    Args:
        search: The search, begun or looked at.
        plan: A run of it, of a method that needs teachers, if there is one.
        student: Its student.
        progress: Receives the lines.
    """
    config, methods = search.config, list(search.space.dimensions)
    asked = repeats_of(config.tune)[0].applied(search.held_out, folds=config.tune.folds)
    unused = unused_by_all(plan, student, methods, asked=asked)
    left_out = params_left_out(config, methods)
    for line in [*left_out, *unused, *runs_kept(config), *_of_earlier_calls(search)]:
        progress.note(line)
    plan.tell(progress)


def best_of(trials: Sequence[Trial]) -> Trial:
    """Return the best of all points that were tried; of equal ones the first.

    Raises:
        TrainingError: If none could be finished.
    """
    finished = [trial for trial in trials if trial.score is not None]
    if not finished:
        raise TrainingError(f"no point could be finished; the first said: {trials[0].reason}")
    return max(finished, key=lambda trial: trial.score or 0.0)


def final_run(config: ExperimentConfig, best: Trial) -> ExperimentConfig:
    """Return the run on all training rows with the settings of a point."""
    chosen = SearchPoint(best.method, best.settings, best.teachers)
    return chosen.applied(config, folder=config.output.dir / CHOSEN)


def _of_earlier_calls(search: Search) -> list[str]:
    """What points of earlier calls are, where this one asks for something else."""
    tried, tune = search.trials(), search.config.tune
    pruned = sum(trial.state == "pruned" for trial in tried)
    told = []
    if pruned and not tune.prune:
        points = "1 point was" if pruned == 1 else f"{pruned} points were"
        told.append(
            f"{points} ended early by an earlier call with tune.prune, and will not be tried to the end; "
            "choose another output.dir (--out) for that"
        )
    if tune.samples is not None and len(tried) > tune.samples:
        told.append(
            f"tune.samples = {tune.samples} is not used: an earlier call tried {len(tried)} points, which "
            "all count"
        )
    return told


def check_first(config: ExperimentConfig, *, methods: Sequence[str]) -> tuple[Plan, Student]:
    """Check runs of several methods before anything is computed or written; the student is built.

    Returns:
        The plan of the first method that needs teachers, else of the first, and its student.
    """
    method = next(filter(lambda name: parse_method(name).needs_teachers, methods), methods[0])
    plan = Plan.of(config.replace(changes_for(config, method)))
    student = build_student(plan)
    check_method(plan, student)
    return plan, student


def extract_first(config: ExperimentConfig, *, method: str, progress: Progress) -> None:
    """Cache the features of a config's teachers, so that no run of a method waits for another."""
    plan = Plan.of(config.replace(changes_for(config, method)))
    extract_features(plan, Runtime.of(plan.config, progress))
