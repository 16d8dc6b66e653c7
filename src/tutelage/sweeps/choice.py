"""The rule by which ``train --auto`` chooses among what it tried, fold by fold."""

from collections.abc import Sequence
from typing import NamedTuple

from tutelage.regularizers.catalogue import BASELINE
from tutelage.results.choice import Choice, Spent, Tried, read_choice
from tutelage.results.statistics import SampleMean

__all__ = ["Choice", "Chosen", "Spent", "Tried", "choose", "read_choice"]


class Chosen(NamedTuple):
    """Names of settings.

    Attributes:
        baseline: The best standard fine-tuning.
        best: The highest mean.
        chosen: The simplest within one standard error of that.
    """

    baseline: str
    best: str
    chosen: str


def choose(tried: Sequence[Tried]) -> Chosen:
    """Choose by the scores on held-out rows.

    The rule. Those are compared that were tried on as many folds as any method with teachers and the
    best standard fine-tuning both were, over these folds. Of all whose mean is within one standard
    error of the highest mean, the error of the difference, paired over folds, and not below standard
    fine-tuning, the one with the fewest parts is chosen; of several, the highest.

    Args:
        tried: Standard fine-tuning at least once, finished.

    Source:
        The rule of one standard error: Breiman et al. 1984, Classification and Regression Trees.

    Raises:
        ValueError: If no standard fine-tuning is among them.

    Example:
        >>> choose([
        ...     Tried(name="stl", method="stl", scores=(0.70, 0.72, 0.71)),
        ...     Tried(name="aft", method="aft", scores=(0.75, 0.76, 0.76)),
        ...     Tried(name="aft+probe", method="aft+probe", scores=(0.77, 0.74, 0.77)),
        ... ])
        Chosen(baseline='stl', best='aft+probe', chosen='aft')
    """
    finished = [one for one in tried if one.finished]
    plain = [one for one in finished if one.method == BASELINE]
    if not plain:
        raise ValueError("no standard fine-tuning among what was tried; there is nothing to beat")
    taught = [len(one.scores) for one in finished if one.method != BASELINE]
    most = max(len(one.scores) for one in plain)
    depth = min(most, max(taught, default=most))
    rivals = {
        one.name: one.model_copy(update={"scores": one.scores[:depth]})
        for one in finished
        if len(one.scores) >= depth
    }
    baseline = max(
        (one for one in plain if one.name in rivals), key=lambda one: rivals[one.name].score.mean
    )
    best = max(rivals.values(), key=lambda one: one.score.mean)
    least = rivals[baseline.name].score.mean
    near = [
        one
        for one in rivals.values()
        if one.score.mean >= least and _within_one_error(best.above(one))
    ]
    chosen = min(near, key=lambda one: (one.parts, -one.score.mean))
    return Chosen(baseline.name, best.name, chosen.name)


def _within_one_error(difference: SampleMean) -> bool:
    return difference.mean <= (difference.error or 0.0)
