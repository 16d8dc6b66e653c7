"""The best student that data and teachers give within a budget: ``tutelage train --auto``.

A search's folder:

    auto.toml        what is searched, as it was given
    trials/          a folder a setting, in it one a fold
    chosen/          the student that was chosen, trained on all training rows
    baseline/        the best standard fine-tuning, trained on all training rows
    auto.json        what was found
"""

import itertools
import json
import math
from dataclasses import replace
from typing import Any

import tomli_w
from filelock import FileLock

from tutelage.config import ExperimentConfig, TransferConfig, load_config, read_toml
from tutelage.data import read_data
from tutelage.errors import ConfigError, TrainingError, TutelageError, first_line
from tutelage.experiment.extract import estimate_extraction
from tutelage.experiment.learning_curves import learning_curves
from tutelage.experiment.parts import build_student, check_method
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import extract_features
from tutelage.files import with_digest, write_atomically, writing_to
from tutelage.progress import Progress, Silent
from tutelage.regularizers.catalogue import BASELINE, label_of, parse_method
from tutelage.results.choice import CHOICE, ProbeCurve
from tutelage.results.result import Result, read_result
from tutelage.students import Student
from tutelage.sweeps.budget import Budget
from tutelage.sweeps.candidates import (
    METHODS,
    Space,
    baselines,
    changed_inputs,
    further_baseline,
    neighbours,
    other_lengths,
    taught,
)
from tutelage.sweeps.choice import Choice, Chosen, Spent, choose
from tutelage.sweeps.jobs import Failed, attempt_all, run_in_place
from tutelage.sweeps.ladder import LEAST_PACE, Ladder
from tutelage.sweeps.processes import process_pool, refuse_launchers
from tutelage.sweeps.repeats import Repeat, repeats_of
from tutelage.sweeps.search_space import SearchPoint
from tutelage.training.lengths import length_of

__all__ = ["BUDGET", "auto"]

BUDGET = "40"
"""Runs that a search may take where nothing is said."""
FOLDS = 5
CHOSEN = ("method", "beta", "mix", "params")
MOST_FOR_VIEWS = 0.25
"""Share of the time that the teachers may take for views."""
STRIDE = 4
"""Neighbours that are tried before the best is looked for again."""
FIRST, MIDDLE, LAST = "try on one fold", "the best on three folds", "the best on all folds"


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
    1502.07943). ``choice.choose`` says which is chosen. That, and the
    baseline, are then trained on all training rows; only these two runs read the test rows.

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
    for line in _not_used(config):
        progress.note(line)
    method = "probe" if config.teachers else BASELINE
    config = config.replace(_unchosen() | {"transfer.method": method})
    plan = Plan.of(repeats[0].applied(config, folds=len(repeats)))
    student = build_student(plan)
    methods = [one for one in METHODS if config.teachers and _fits(plan, student, one, progress)]
    space = Space.of(config, plan, methods=methods)
    _begin(config)
    plan.tell(progress)
    with process_pool(jobs) as processes:
        ladder = Ladder(config, repeats, limit, jobs, processes, progress, _times_longer(plan))
        extract_features(plan, Runtime.of(plan.config, progress))
        _search(ladder, _within_time(ladder, space, plan))
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
    if config.data.evaluate == "holdout":
        raise ConfigError(
            "data.evaluate = 'holdout' would report the rows that settings are chosen by; leave it "
            "out: --auto holds out rows itself"
        )
    if config.data.folds is not None or config.tune.seeds > 1:
        raise ConfigError("--auto deals folds and seeds itself; set tune.folds for their number")
    has_validation = "validation" in read_data(config.data).splits
    if has_validation and config.tune.folds is None:
        return repeats_of(config.tune.model_copy(update={"seeds": FOLDS}))
    folds = repeats_of(config.tune.model_copy(update={"folds": config.tune.folds or FOLDS}))
    return [Repeat(number, one.fold, one.place) for number, one in enumerate(folds)]


def _unchosen() -> dict[str, Any]:
    """The settings of ``[transfer]`` that are chosen, as they are by default."""
    default = TransferConfig()
    return {f"transfer.{name}": getattr(default, name) for name in CHOSEN}


def _not_used(config: ExperimentConfig) -> list[str]:
    return [
        f"{path} = {value!r} is not used: --auto chooses the method and its settings"
        for path, default in _unchosen().items()
        if (value := getattr(config.transfer, path.partition(".")[2])) != default
    ]


def _fits(plan: Plan, student: Student, method: str, progress: Progress) -> bool:
    """Whether a method can learn from these teachers."""
    try:
        check_method(replace(plan, method=parse_method(method)), student)
    except ConfigError as error:
        progress.note(f"{label_of(method)} is not tried: {first_line(error)}")
        return False
    return True


def _begin(config: ExperimentConfig) -> None:
    """Take the folder, and keep there what is searched."""
    folder, path = config.output.dir, config.output.dir / "auto.toml"
    with writing_to(folder, name="output.dir"):
        (folder / "trials").mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "trials" / ".lock"):
            if path.is_file() and _about(load_config([read_toml(path)])) != _about(config):
                raise ConfigError(
                    f"{folder} holds a search with other settings, those in {path}; choose another "
                    "output.dir (--out), or remove that folder"
                )
            write_atomically(path, tomli_w.dumps(config.model_dump(mode="json", exclude_none=True)))


def _about(config: ExperimentConfig) -> list[object]:
    return [config.digest(), config.tune.folds]


def _search(ladder: Ladder, space: Space) -> None:
    """Climb from one fold to all of them."""
    space = replace(space, pace=space.pace * _pace(ladder, space))
    baseline = _plain(ladder, space)
    usual = taught(space, baseline)[: max(1, ladder.affordable(so_far=0))]
    ladder.climb(usual, folds=1, label=FIRST)
    count = _improve(ladder, space, baseline, count=len(usual))
    last = len(ladder.repeats)
    best = ladder.best(plain=True, count=2) + ladder.best(plain=False, count=math.ceil(count / 3))
    ladder.climb(best, folds=ladder.middle, label=MIDDLE)
    few = max(2, math.ceil(count / 9))
    best = ladder.best(plain=True) + ladder.best(plain=False, count=few)
    ladder.climb(best, folds=last, label=LAST)


def _improve(ladder: Ladder, space: Space, baseline: SearchPoint, *, count: int) -> int:
    """Change the best method in one setting after the other.

    When all neighbours of the best are known, those of the second best follow, and so on.

    Args:
        ladder: Where they are tried.
        space: What may be varied.
        baseline: The best standard fine-tuning.
        count: Settings with teachers that were tried so far.

    Returns:
        How many were tried in the end.
    """
    rates = _scores_of_rates(ladder)
    while not ladder.used_up:
        near = (
            one
            for leader in ladder.best(plain=False, count=len(ladder.points))
            for one in neighbours(space, leader, baseline, rates=rates)
            if one.name not in ladder.points
        )
        some = list(itertools.islice(near, min(STRIDE, ladder.affordable(so_far=count) - count)))
        if not some:
            break
        ladder.climb(some, folds=1, label=FIRST)
        count += len(some)
    return count


def _scores_of_rates(ladder: Ladder) -> dict[float, float]:
    """The best score of standard fine-tuning on the first fold, by learning rate."""
    found: dict[float, float] = {}
    for one in ladder.tried:
        if one.method == BASELINE and one.finished:
            rate = float(one.settings["lr"])
            found[rate] = max(one.scores[0], found.get(rate, -math.inf))
    return found


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


def _pace(ladder: Ladder, space: Space) -> float:
    """How much shorter all runs must be for the time that there is; a short run tells how fast one is."""
    if not (ladder.budget.counts_time and space.lengthens):
        return 1.0
    ladder.climb(
        baselines(replace(space, pace=space.pace * LEAST_PACE))[:1],
        folds=1,
        label="see how long it takes",
    )
    pace = round(ladder.pace(), 2)
    if pace < 1:
        ladder.progress.note(
            f"{ladder.budget.text} is short for these students: all are trained for {pace:.0%} of the "
            "automatic number of steps or a few times that; a larger --budget may give better ones"
        )
    return pace


def _plain(ladder: Ladder, space: Space) -> SearchPoint:
    """Standard fine-tuning on one fold: rates, then lengths, then inputs; returns the best of it."""
    tried = baselines(space)
    ladder.climb(tried, folds=1, label=FIRST)
    _go_outward(ladder, space, tried, "lr")
    best = ladder.best(plain=True)
    if not best:
        reasons = [one.reason for one in ladder.tried if one.reason]
        said = f"; the first said: {reasons[0]}" if reasons else ": the budget is too small"
        raise TrainingError(f"standard fine-tuning could not be finished{said}")
    if lengths := other_lengths(space, best[0]):
        tried += lengths
        ladder.climb(lengths, folds=1, label=FIRST)
        _go_outward(ladder, space, tried, "patience")
    ladder.climb(changed_inputs(space, ladder.best(plain=True)[0]), folds=1, label=FIRST)
    found = ladder.best(plain=True)[0]
    _tell(ladder, found)
    return found


def _go_outward(ladder: Ladder, space: Space, tried: list[SearchPoint], setting: str) -> None:
    """Try further values of a setting while the best of standard fine-tuning is at an end of them."""
    while (best := ladder.best(plain=True)) and not ladder.used_up:
        further = further_baseline(space, tried, best[0], setting=setting)
        if further is None:
            break
        tried.append(further)
        ladder.climb([further], folds=1, label=FIRST)


def _tell(ladder: Ladder, point: SearchPoint) -> None:
    one = next(one for one in ladder.tried if one.name == point.name)
    metric = ladder.config.data.lead
    ladder.progress.note(
        f"{label_of(point.method)} is best as {point.name}: {metric.label} "
        f"{metric.display_factor * one.score.mean:.3g} on one fold"
    )


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
