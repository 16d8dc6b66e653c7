"""What a search or a comparison takes before it starts: features once, and runs of each kind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tutelage.config import ExperimentConfig
from tutelage.config.models import short_name
from tutelage.data import open_data, summarize
from tutelage.data.row_digests import source_digests
from tutelage.errors import DivergedError
from tutelage.experiment.extract import ExtractionEstimate, estimate_teachers
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.progress import Progress
from tutelage.regularizers.catalogue import parse_method
from tutelage.results.folders import CHOSEN
from tutelage.results.run_folder import finished_result, holds_other_settings
from tutelage.sweeps.compare import asked_for, check_points, refuse_without_runs, settings_not_used
from tutelage.sweeps.comparison_folder import refuse_other_comparison
from tutelage.sweeps.estimates import FailingRow, Part, Runs, SweepEstimate
from tutelage.sweeps.grid import GridPoint, grid_of
from tutelage.sweeps.grid_runs import (
    Choice,
    best_candidate,
    candidates_of,
    held_out_runs,
    run_config,
)
from tutelage.sweeps.jobs import Failed, attempt, words_of
from tutelage.sweeps.methods import changes_for
from tutelage.sweeps.point_run import point_runs
from tutelage.sweeps.repeats import refuse_holdout
from tutelage.sweeps.run_times import RunTimes
from tutelage.sweeps.search import Search
from tutelage.sweeps.search_space import SearchPoint, space_of
from tutelage.sweeps.study_storage import check_storage
from tutelage.sweeps.tune import LEAVE_OUT, best_of, check_first, final_run, tell_search

__all__ = ["estimate_comparison", "estimate_search"]


def estimate_search(
    config: ExperimentConfig,
    *,
    methods: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> SweepEstimate:
    """Return what ``tune`` of the same arguments would take; nothing is written.

    A run of each method is rehearsed for about ten seconds, and its others are as long as their steps.
    Points that ``tune.prune`` would end early count whole. The last run has the settings of the best
    point so far, and counts until all points are finished.

    Raises:
        TutelageError: What would end the search before its first run, or the runs in their first steps.
    """
    refuse_holdout(config.data, advice=LEAVE_OUT)
    check_storage(config.tune.storage, create=False)
    search = Search(config, space_of(config, methods))
    plan, student = check_first(search.held_out, methods=list(search.space.dimensions))
    search.look(source_digests(plan.data, plan.splits))
    runtime = Runtime.of(config, progress)
    tell_search(search, plan, student, progress=runtime.progress)
    del student
    points = search.left()
    runs = [
        _Run(point.name, run)
        for point in points
        for run in point_runs(search, point)
        if finished_result(run) is None
    ]
    last = _last_run(search, points)
    if points or not _is_done(last):
        runs.append(_Run(CHOSEN, last))
    taught = any(_taught(run.config.transfer.method) for run in runs)
    teachers = []
    for expected, source in estimate_teachers(plan, runtime) if taught else ():
        teachers.append(_Teacher(expected, source.width))
        del source  # its memory is the next one's
    return _estimate(runs, teachers, passed_over=DivergedError)


def estimate_comparison(
    config: ExperimentConfig,
    *,
    methods: Sequence[str] | None = None,
    seeds: int | None = None,
    tune: bool | None = None,
    progress: Progress | None = None,
) -> SweepEstimate:
    """Return what ``compare`` of the same arguments would take; nothing is written.

    A run of each student and method is rehearsed for about ten seconds, and its others are as long as
    their steps. Rows have the settings that the finished runs on the hold-out choose. A row that the
    comparison would report as failed is reported, and the others are estimated.

    Raises:
        TutelageError: What would end the comparison before its first run, or if all rows would fail.
    """
    config = asked_for(config, methods=methods, seeds=seeds, tune=tune)
    data, splits = open_data(config.data)
    points = grid_of(config, rows=len(splits.extracted))
    runtime = Runtime.of(config, progress)
    for line in [*summarize(data, splits, config.data), *settings_not_used(config, points)]:
        runtime.progress.note(line)
    refuse_other_comparison(config, source_digests(data, splits))
    teachers: dict[tuple[str, float], _Teacher | Failed] = {}
    failing: dict[str, str] = {}
    runs: list[_Run] = []
    finished: dict[tuple[str, float], set[Path]] = {(p.student, p.fraction): set() for p in points}
    has_scores = False
    for point, choice in zip(points, check_points(points, writes=False), strict=True):
        row = point.place().as_posix()
        if isinstance(choice, Failed):
            failing[row] = choice.reason
            continue
        found = _progress(point, tuned=config.compare.tune, seeds=config.compare.seeds)
        left, reasons = found.left, found.reasons
        for name, teacher in zip(point.teachers, point.config.teachers, strict=False):
            known = name, point.fraction
            if left and known not in teachers:
                teachers[known] = attempt(
                    partial(_teacher, method=point.method, runtime=runtime),
                    point.config.replace({"teachers": (teacher,)}),
                    writes=False,
                )
            if isinstance(broken := teachers.get(known), Failed):
                left, reasons = [], [broken.reason]
        has_scores = has_scores or found.has_scores
        if reasons:
            failing[row] = reasons[0]
        part = point.student, point.fraction
        finished[part] |= found.finished
        runs += [_Run(row, run, part) for run in left]
    usable = [one for one in teachers.values() if isinstance(one, _Teacher)]
    expected = _estimate(runs, usable, passed_over=Exception)
    failing |= {one.name: one.reason for one in expected.failing}
    if len(failing) == len(points) and not (expected.runs or has_scores):
        refuse_without_runs(next(iter(failing.values())))
    rows = tuple(FailingRow(name, reason) for name, reason in failing.items())
    parts = {(part.student, part.fraction): part for part in expected.parts}
    return replace(
        expected,
        failing=rows,
        parts=tuple(
            replace(parts.get(part, Part(*part, 0, 0, 0.0)), finished=len(folders))
            for part, folders in finished.items()
        ),
    )


@dataclass(frozen=True)
class _Run:
    """A run that is left, and the row, or the point, that it is of; of a comparison also the part."""

    row: str
    config: ExperimentConfig
    part: tuple[str, float] = ("", 1.0)


@dataclass(frozen=True)
class _Progress:
    """The runs of a point.

    Attributes:
        left: Those to do.
        finished: Folders of the finished ones.
        reasons: Why some cannot be read.
        has_scores: Whether one on all training rows is finished.
    """

    left: list[ExperimentConfig]
    finished: set[Path]
    reasons: list[str]
    has_scores: bool


@dataclass(frozen=True)
class _Teacher:
    extraction: ExtractionEstimate
    width: int


def _teacher(config: ExperimentConfig, *, method: str, runtime: Runtime) -> _Teacher:
    plan = Plan.of(config.replace(changes_for(config, method)))
    expected, source = next(iter(estimate_teachers(plan, runtime)))
    return _Teacher(expected, source.width)


def _last_run(search: Search, points: Sequence[SearchPoint]) -> ExperimentConfig:
    """The run on all training rows: of the best point so far, else of one of middle length."""
    tried = search.trials()
    if not points or any(trial.score is not None for trial in tried):
        return final_run(search.config, best_of(tried))
    taught = [point for point in points if _taught(point.method)]
    return _middle(taught or points).applied(search.config, folder=search.folder / CHOSEN)


def _is_done(last: ExperimentConfig) -> bool:
    return not holds_other_settings(last) and finished_result(last) is not None


def _progress(point: GridPoint, *, tuned: bool, seeds: int) -> _Progress:
    """The runs of a point: those that are left, and those of before."""
    left: list[ExperimentConfig] = []
    finished: set[Path] = set()
    reasons: list[str] = []

    def score(run: ExperimentConfig) -> float | Failed:
        found = attempt(finished_result, run, writes=False)
        if found is None:
            left.append(run)
            return Failed("it is left")
        if isinstance(found, Failed):
            reasons.append(found.reason)
            return found
        finished.add(run.output.dir)
        return found.metrics[run.data.evaluate][run.data.lead.name]

    candidates = candidates_of(point) if tuned else [SearchPoint(point.method)]
    choice: Choice = candidates[0]
    if len(candidates) > 1:
        choice = best_candidate(
            [
                (candidate, [score(run) for run in held_out_runs(point, candidate)])
                for candidate in candidates
            ]
        )
    if isinstance(choice, Failed) and not left:
        return _Progress([], finished, [choice.reason], has_scores=False)
    chosen = _middle(candidates) if isinstance(choice, Failed) else choice
    scores = [score(run_config(point, chosen, seed=seed)) for seed in range(seeds)]
    has_scores = not all(isinstance(one, Failed) for one in scores)
    return _Progress(left, finished, reasons, has_scores)


def _middle(points: Sequence[SearchPoint]) -> SearchPoint:
    """Of several settings those of middle length."""
    return sorted(points, key=lambda one: one.settings.get("patience", 1.0))[len(points) // 2]


def _estimate(
    runs: Sequence[_Run], teachers: Sequence[_Teacher], *, passed_over: type[Exception]
) -> SweepEstimate:
    """Time the runs; of runs that share a folder, one is trained.

    Args:
        runs: What is left.
        teachers: Those of the runs.
        passed_over: Errors of a run that leave the others as they are.
    """
    times = RunTimes({one.extraction.name: one.width for one in teachers})
    kinds: dict[tuple[str, ...], list[tuple[ExperimentConfig, float]]] = {}
    parts: dict[tuple[str, float], list[float]] = {}
    failing: dict[str, str] = {}
    running: set[str] = set()
    alone: dict[Path, _Run] = {}
    for run in sorted(runs, key=lambda one: one.config.data.evaluate != "holdout"):
        alone.setdefault(run.config.output.dir, run)
    for run in alone.values():
        try:
            seconds = times.seconds(run.config)
        except passed_over as error:
            failing[run.row] = words_of(error)
            if not isinstance(error, DivergedError):
                continue
            seconds = 0.0  # it ends in its first steps
        else:
            running.add(run.row)
        kinds.setdefault(_kind(run.config), []).append((run.config, seconds))
        parts.setdefault(run.part, []).append(seconds)
    return SweepEstimate(
        tuple(one.extraction for one in teachers),
        tuple(
            Runs(_name(alike[0][0]), len(alike), sum(seconds for _, seconds in alike))
            for alike in kinds.values()
        ),
        tuple(FailingRow(row, why) for row, why in failing.items() if row not in running),
        tuple(Part(*part, 0, len(each), sum(each)) for part, each in parts.items()),
    )


def _kind(run: ExperimentConfig) -> tuple[str, ...]:
    """What the runs of a line of the table have in common."""
    loop = run.train.model_dump_json(exclude={"lr", "patience"})
    taught = str(_taught(run.transfer.method))
    rows = run.data.model_dump_json(exclude={"fold"})
    return str(run.student), taught, str(run.teacher_names), loop, rows


def _name(run: ExperimentConfig) -> str:
    student = "student" if run.student is None else short_name(run.student.source)
    taught = "taught" if _taught(run.transfer.method) else "alone"
    where = "on the hold-out" if run.data.evaluate == "holdout" else "on all training rows"
    return f"{student} {taught}, {where}"


def _taught(method: str) -> bool:
    return parse_method(method).needs_teachers
