"""The best student that data and teachers give within a budget: ``tutelage train --auto``.

A search's folder:

    auto.toml        what is searched, as it was given
    rows.json        digests of the rows that are read
    trials/          a folder a setting, in it one a fold
    chosen/          the student that was chosen, trained on all training rows
    baseline/        the best standard fine-tuning, trained on all training rows
    auto.json        what was found
"""

import json
import math
from dataclasses import replace

import tomli_w

from tutelage.config import ExperimentConfig
from tutelage.data import read_data
from tutelage.data.row_digests import source_digests
from tutelage.errors import ConfigError, TrainingError, TutelageError, first_line
from tutelage.experiment.extract import estimate_extraction
from tutelage.experiment.learning_curves import learning_curves
from tutelage.experiment.parts import build_student, check_method
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features
from tutelage.files import with_digest, write_atomically, writing_to
from tutelage.files.locks import hold_file
from tutelage.progress import Progress, Silent
from tutelage.regularizers.catalogue import BASELINE, label_of, parse_method
from tutelage.results.choice import CHOICE, ProbeCurve
from tutelage.results.result import Result, read_result
from tutelage.students import Student
from tutelage.sweeps.budget import Budget
from tutelage.sweeps.candidates import METHODS, Space
from tutelage.sweeps.choice import Choice, Chosen, Spent, choose
from tutelage.sweeps.climb import search
from tutelage.sweeps.jobs import Failed, attempt_all, run_in_place
from tutelage.sweeps.kept_settings import refuse_other_config
from tutelage.sweeps.ladder import Ladder
from tutelage.sweeps.processes import process_pool, refuse_launchers
from tutelage.sweeps.repeats import Repeat, refuse_holdout, repeats_of
from tutelage.sweeps.same_rows import keep_rows
from tutelage.sweeps.unused import runs_kept, unchosen, unused_by_all, unused_by_auto
from tutelage.training.lengths import length_of

__all__ = ["BUDGET", "auto"]

BUDGET = "40"
"""Runs that a search may take where nothing is said."""
FOLDS = 5
MOST_FOR_VIEWS = 0.25
"""Share of the time that the teachers may take for views."""


def auto(
    config: ExperimentConfig,
    *,
    budget: str = BUDGET,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Choice:
    """Find learning rate, length, method, strength and use of unlabelled rows; train with them.

    Standard fine-tuning comes first, at several learning rates and lengths, as the baseline. Then every
    method with teachers is tried at its best settings on one fold of the training rows, and the best
    of them changed in one setting after the other; the best third on three folds beside the
    baseline, the best of these on all (successive halving, Jamieson and Talwalkar 2016, arXiv
    1502.07943). ``choice.choose`` says which is chosen. That, and the baseline, are then trained on
    all training rows; only these two runs read the test rows.

    An interrupted search resumes, and several processes may share a folder. With a number of runs as
    the budget, the same config gives the same choice.

    Args:
        config: What to train; ``output.dir`` receives the search.
        budget: So many runs, as ``"40"``, or a time, as ``"30m"``; the two final ones are included. A
            time may be exceeded by as much as the last run was longer than those before.
        jobs: Runs at once.
        progress: Receives progress reports. Silent by default.

    Returns:
        All that was tried, what was chosen, and the results on all training rows; the same is written
        to ``auto.json``.

    Raises:
        ConfigError: If a setting cannot be used, or the folder holds another search.
        TrainingError: If standard fine-tuning could not be finished once.

    Example:
        >>> config = ExperimentConfig.model_validate({
        ...     "data": {"source": "folder:flowers/", "unlabelled": "folder:more/"},
        ...     "teachers": [{"source": "timm:vit_giant_patch14_dinov2.lvd142m"}],
        ...     "student": {"source": "timm:resnet50"},
        ... })
        >>> choice = auto(config, budget="30m", jobs=2)  # doctest: +SKIP
        >>> choice.chosen, choice.gain  # doctest: +SKIP
    """
    refuse_launchers()
    progress, limit = progress or Silent(), Budget.parse(budget)
    repeats, folder = _repeats(config), config.output.dir
    for line in [*unused_by_auto(config), *runs_kept(config)]:
        progress.note(line)
    method = "probe" if config.teachers else BASELINE
    config = config.replace(unchosen() | {"transfer.method": method})
    plan = Plan.of(repeats[0].applied(config, folds=len(repeats)))
    student = build_student(plan)
    methods = [one for one in METHODS if config.teachers and _fits(plan, student, one, progress)]
    space = Space.of(config, plan, methods=methods)
    _begin(config, plan)
    plan.tell(progress)
    asked = repeats[0].applied(config, folds=len(repeats))
    for line in unused_by_all(plan, student, [BASELINE, *methods], asked=asked):
        progress.note(line)
    with process_pool(jobs) as processes:
        ladder = Ladder(config, repeats, limit, jobs, processes, progress, _times_longer(plan))
        extract_features(plan, Runtime.of(plan.config, progress))
        search(ladder, _within_time(ladder, space, plan))
        found = choose(ladder.tried)
        results = _finals(ladder, found)
    choice = Choice(
        metric=config.data.lead,
        folds=None if repeats[0].fold is None else len(repeats),
        repeats=len(repeats),
        tried=tuple(ladder.tried),
        baseline=found.baseline,
        best=found.best,
        chosen=found.chosen,
        spent=Spent(
            runs=ladder.runs + len({found.chosen, found.baseline}),
            seconds=ladder.seconds,
            budget=budget,
            used_up=ladder.used_up,
        ),
        curves=_curves(config, folds=len(repeats), progress=progress),
        result=results[0],
        baseline_result=results[-1],
    )
    with writing_to(folder, name="output.dir"):
        write_atomically(folder / CHOICE, with_digest(json.loads(choice.model_dump_json())))
    return choice


def _repeats(config: ExperimentConfig) -> list[Repeat]:
    """A run a fold, each with a seed of its own; other seeds where there is a validation split."""
    refuse_holdout(config.data, advice="leave it out: --auto holds out rows itself")
    if config.data.folds is not None or config.tune.seeds > 1:
        raise ConfigError("--auto deals folds and seeds itself; set tune.folds for their number")
    has_validation = "validation" in read_data(config.data).splits
    if has_validation and config.tune.folds is None:
        return repeats_of(config.tune.model_copy(update={"seeds": FOLDS}))
    folds = repeats_of(config.tune.model_copy(update={"folds": config.tune.folds or FOLDS}))
    return [Repeat(number, one.fold, one.place) for number, one in enumerate(folds)]


def _fits(plan: Plan, student: Student, method: str, progress: Progress) -> bool:
    """Whether a method can learn from these teachers."""
    try:
        check_method(replace(plan, method=parse_method(method)), student)
    except ConfigError as error:
        progress.note(f"{label_of(method)} is not tried: {first_line(error)}")
        return False
    return True


def _begin(config: ExperimentConfig, plan: Plan) -> None:
    """Take the folder, and keep there what is searched."""
    folder, path = config.output.dir, config.output.dir / "auto.toml"
    with writing_to(folder, name="output.dir"):
        (folder / "trials").mkdir(parents=True, exist_ok=True)
        with hold_file(folder / "trials" / ".lock", doing="begins this search", briefly=True):
            if path.is_file():
                refuse_other_config(path, config, about=_about, what="a search")
            keep_rows(folder, source_digests(plan.data, plan.splits), what="a search")
            write_atomically(path, tomli_w.dumps(config.model_dump(mode="json", exclude_none=True)))


def _about(config: ExperimentConfig) -> list[object]:
    return [config.digest(), config.tune.folds]


def _within_time(ladder: Ladder, space: Space, plan: Plan) -> Space:
    """Leave views out where the teachers would take much of the time for them."""
    if not (ladder.budget.counts_time and space.views and plan.teachers):
        return space
    config = plan.config.replace({"data.views": space.views})
    seconds = sum(one.estimate.seconds for one in estimate_extraction(config))
    seconds *= len(plan.seen) / len(plan.training)
    if seconds <= MOST_FOR_VIEWS * ladder.budget.limit:
        return space
    ladder.progress.note(
        f"views are not tried: the teachers would need about {math.ceil(seconds / 60)} min for them, more "
        f"than {MOST_FOR_VIEWS:.0%} of {ladder.budget.text}"
    )
    return replace(space, views=0)


def _times_longer(plan: Plan) -> float:
    """How many times as many steps a run with teachers takes as one without."""
    train, rows = plan.config.train, len(plan.training)
    asked = train.model_copy(update={"steps": "auto"}) if plan.rule is not None else train
    plain = length_of(asked, labelled=rows).settings.known_steps
    return train.known_steps / plain


def _finals(ladder: Ladder, found: Chosen) -> list[Result]:
    """The results of what was chosen, and of the baseline, on all training rows."""
    folders = {"chosen": found.chosen}
    if found.baseline != found.chosen:
        folders["baseline"] = found.baseline
    root = ladder.config.output.dir
    configs = [
        ladder.points[name].applied(ladder.config, folder=root / folder)
        for folder, name in folders.items()
    ]
    scores = attempt_all(
        run_in_place,  # a smaller budget may have chosen otherwise
        configs,
        processes=ladder.processes,
        label="train on all rows",
        unit="runs",
        progress=ladder.progress,
    )
    for score in scores:
        if isinstance(score, Failed):
            raise TrainingError(f"the final run could not be finished: {score.reason}")
    return [read_result(config.output.dir) for config in configs]


def _curves(config: ExperimentConfig, *, folds: int, progress: Progress) -> tuple[ProbeCurve, ...]:
    """Learning curves of probes, on which advice rests; a search is not lost for want of them."""
    try:
        return learning_curves(config, folds=folds, progress=progress)
    except TutelageError as error:
        progress.note(f"no learning curves of linear probes: {first_line(error)}")
        return ()
