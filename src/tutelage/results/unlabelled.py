"""Which run of a comparison is the same as another but for rows without a label."""

from collections.abc import Sequence
from dataclasses import dataclass

from tutelage.results.comparison import Row
from tutelage.results.grouping import same_but_unlabelled, same_training
from tutelage.results.result import Result
from tutelage.results.statistics import Difference, difference_of_means

__all__ = ["UnlabelledGain", "learns_from_unlabelled", "unlabelled_gain"]


@dataclass(frozen=True)
class UnlabelledGain:
    """What unlabelled rows brought to one row of a comparison.

    Attributes:
        rows: Number of the unlabelled rows.
        difference: The score with them minus that without them, paired by seed.
        steps: Steps of training with them, and without.
    """

    rows: int
    difference: Difference
    steps: tuple[int, int]


def learns_from_unlabelled(result: Result) -> bool:
    """Whether a run learned from rows without a label."""
    return result.rows.get("unlabelled", 0) > 0


def unlabelled_gain(row: Row, rows: Sequence[Row]) -> UnlabelledGain | None:
    """Compare a row with the one that differs only in having no unlabelled rows.

    Of several, which differ in their number of steps, one with the same number is preferred.

    Args:
        row: A row whose runs learned from unlabelled rows.
        rows: All rows of the comparison.

    Returns:
        None where there is no such row, or the runs were not read.
    """
    if not row.runs or not row.values:
        return None
    result = row.runs[0].result
    others = [
        other
        for other in rows
        if other.runs
        and other.values
        and not learns_from_unlabelled(other.runs[0].result)
        and same_but_unlabelled(other.runs[0].result, result)
    ]
    if not others:
        return None
    other = min(others, key=lambda one: not same_training(one.runs[0].result, result))
    return UnlabelledGain(
        rows=result.rows["unlabelled"],
        difference=difference_of_means(row.values, other.values),
        steps=(result.steps, other.runs[0].result.steps),
    )
