"""The order in which a search tries settings: fine-tuning, each method, then around the best of them."""

import itertools
import math
from dataclasses import replace

from tutelage.errors import TrainingError
from tutelage.regularizers.catalogue import BASELINE, label_of
from tutelage.sweeps.candidates import (
    Space,
    baselines,
    changed_inputs,
    further_baseline,
    neighbours,
    other_lengths,
    taught,
)
from tutelage.sweeps.ladder import LEAST_PACE, Ladder
from tutelage.sweeps.search_space import SearchPoint

__all__ = ["search"]

STRIDE = 4
"""Neighbours that are tried before the best is looked for again."""
FIRST, MIDDLE, LAST = "try on one fold", "the best on three folds", "the best on all folds"


def search(ladder: Ladder, space: Space) -> None:
    """Try what a space holds, from one fold to all of them, as long as the budget lasts.

    Args:
        ladder: Where it is tried.
        space: What may be varied.

    Raises:
        TrainingError: If standard fine-tuning could not be finished once.
    """
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
