"""What a search or a comparison takes before it starts: features once, and runs of each kind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tutelage.config import ExperimentConfig
from tutelage.config.models import short_name
from tutelage.data import open_data
from tutelage.data.row_digests import source_digests
from tutelage.experiment.extract import ExtractionEstimate, estimate_teachers
from tutelage.experiment.plan import Plan
from tutelage.experiment.rehearsal import Rehearsal
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.training_estimate import phases_of, rehearsed
from tutelage.progress import Progress, Silent
from tutelage.regularizers.catalogue import parse_method
from tutelage.results.folders import CHOSEN
from tutelage.sweeps.compare import asked_for
from tutelage.sweeps.comparison_folder import refuse_other_comparison
from tutelage.sweeps.grid import grid_of
from tutelage.sweeps.grid_runs import held_out_configs, run_config
from tutelage.sweeps.repeats import refuse_holdout, repeats_of
from tutelage.sweeps.search import Search
from tutelage.sweeps.search_space import SearchPoint, space_of
from tutelage.sweeps.study_storage import check_storage
from tutelage.sweeps.tune import LEAVE_OUT, check_first

__all__ = ["Runs", "SweepEstimate", "estimate_comparison", "estimate_search"]

RESULT = "result.json"
"""What a finished run has."""


@dataclass(frozen=True)
class Runs:
    """Runs of one kind: of a student, with teachers or without, on the same rows.

    Attributes:
        name: What they are.
        count: How many are left to do.
        seconds: Of all of them, one after the other.
    """

    name: str
    count: int
    seconds: float


@dataclass(frozen=True)
class SweepEstimate:
    """What a search or a comparison takes.

    Attributes:
        teachers: The extraction of each teacher's features, once.
        runs: The runs.
    """

    teachers: tuple[ExtractionEstimate, ...]
    runs: tuple[Runs, ...]

    @property
    def extraction(self) -> float:
        """Seconds to extract what is not cached."""
        return sum(one.estimate.seconds for one in self.teachers)


def estimate_search(
    config: ExperimentConfig,
    *,
    methods: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> SweepEstimate:
    """Return what ``tune`` of the same arguments would take; nothing is written.

    A run of each kind is rehearsed for about ten seconds, and the others of its kind are as long as their
    steps. Points that ``tune.prune`` would end early count whole; of drawn points (``tune.samples``), the
    combinations of the listed values stand for what will be drawn.

    Raises:
        TutelageError: What would end the search before its first run, or the runs in their first steps.
    """
    refuse_holdout(config.data, advice=LEAVE_OUT)
    check_storage(config.tune.storage, create=False)
    search = Search(config, space_of(config, methods))
    plan, _ = check_first(search.held_out, methods=list(search.space.dimensions))
    search.look(source_digests(plan.data, plan.splits))
    done = search.done if (search.folder / "trials").is_dir() else 0
    combinations = search.space.points
    points = [combinations[number % len(combinations)] for number in range(search.total)]
    held_out = [
        repeat.applied(
            point.applied(search.held_out, folder=search.folder), folds=config.tune.folds
        )
        for point in points[done:]
        for repeat in repeats_of(config.tune)
    ]
    final = SearchPoint(next(filter(_taught, search.space.dimensions), points[-1].method))
    last = final.applied(config, folder=search.folder / CHOSEN)
    return _estimate(config, [*held_out, *_unfinished([last])], progress or Silent())


def estimate_comparison(
    config: ExperimentConfig,
    *,
    methods: Sequence[str] | None = None,
    seeds: int | None = None,
    tune: bool | None = None,
    progress: Progress | None = None,
) -> SweepEstimate:
    """Return what ``compare`` of the same arguments would take; nothing is written.

    A run of each kind is rehearsed for about ten seconds, and the others of its kind are as long as their
    steps. Features of shares of the rows are taken to be those of all rows.

    Raises:
        TutelageError: What would end the comparison before its first run, or runs in their first steps.
    """
    config = asked_for(config, methods=methods, seeds=seeds, tune=tune)
    data, splits = open_data(config.data)
    points = grid_of(config, rows=len(splits.extracted))
    refuse_other_comparison(config, source_digests(data, splits))
    choices = [SearchPoint(point.method) for point in points]
    tried = held_out_configs(points, choices) if config.compare.tune else []
    runs = [
        run_config(point, choice, seed=seed)
        for point, choice in zip(points, choices, strict=True)
        for seed in range(config.compare.seeds)
    ]
    return _estimate(config, [*_unfinished(tried), *_unfinished(runs)], progress or Silent())


def _unfinished(configs: Iterable[ExperimentConfig]) -> list[ExperimentConfig]:
    return [config for config in configs if not (config.output.dir / RESULT).is_file()]


def _estimate(
    config: ExperimentConfig, runs: Sequence[ExperimentConfig], progress: Progress
) -> SweepEstimate:
    teachers, widths = [], {}
    if any(_taught(run.transfer.method) for run in runs):
        runtime = Runtime.of(config, progress)
        for expected, source in estimate_teachers(Plan.of(config, trains=False), runtime):
            teachers.append(expected)
            widths[expected.name] = source.width
            del source  # its memory is the next one's
    kinds: dict[tuple[str, ...], list[ExperimentConfig]] = {}
    for run in runs:
        kinds.setdefault(_kind(run), []).append(run)
    rehearsals: dict[str, Rehearsal] = {}
    found = []
    for kind, alike in kinds.items():
        plans = {run.train.patience: run for run in alike}
        seconds = {}
        for patience, run in plans.items():
            plan = Plan.of(run)
            if kind[0] not in rehearsals:
                rehearsals[kind[0]] = rehearsed(plan, [widths[one.name] for one in plan.teachers])
            parts = phases_of(plan, (), rehearsals[kind[0]])
            seconds[patience] = sum(part.seconds for part in parts)
        total = sum(seconds[run.train.patience] for run in alike)
        found.append(Runs(_name(alike[0]), len(alike), total))
    return SweepEstimate(tuple(teachers), tuple(found))


def _kind(run: ExperimentConfig) -> tuple[str, ...]:
    """What decides the time of a step, and the rows, which decide how many there are."""
    loop = run.train.model_dump_json(exclude={"lr", "patience"})
    step = [str(run.student), str(_taught(run.transfer.method)), str(run.teacher_names), loop]
    rows = run.data.model_dump_json(exclude={"fold"})
    return " ".join(step), rows


def _name(run: ExperimentConfig) -> str:
    student = "student" if run.student is None else short_name(run.student.source)
    taught = "taught" if _taught(run.transfer.method) else "alone"
    where = "on the hold-out" if run.data.evaluate == "holdout" else "on all training rows"
    return f"{student} {taught}, {where}"


def _taught(method: str) -> bool:
    return parse_method(method).needs_teachers
