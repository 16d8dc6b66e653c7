"""Intervals of metrics from the rows alone: of shares Wilson's, of others by the bootstrap."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tutelage.tasks.base import Task
from tutelage.tasks.labels import fully_labelled, has_label
from tutelage.tasks.output_scores import Share

__all__ = ["Interval", "bootstrap_scores", "draws_for"]

LEVEL = 0.95
LEAST, MOST = 100, 500
WORK = 2_000_000
"""Rows in all draws together, at most, unless the least number of draws needs more."""


@dataclass(frozen=True)
class Interval:
    """A value with an interval.

    Attributes:
        value: The metric on all rows.
        low: Lower end of the 95 % interval; None if it is undefined.
        high: Upper end of the 95 % interval; None if it is undefined.
    """

    value: float
    low: float | None = None
    high: float | None = None


def draws_for(rows: int) -> int:
    """Return how many draws are taken by default: 500, fewer of many rows, 100 at least.

    Example:
        >>> draws_for(500), draws_for(10_000), draws_for(1_000_000)
        (500, 200, 100)
    """
    return min(MOST, max(LEAST, WORK // max(rows, 1)))


def bootstrap_scores(
    task: Task,
    outputs: Float[Tensor, "rows outputs"],
    labels: Shaped[Tensor, "rows ..."],
    *,
    draws: int | None = None,
    seed: int = 0,
    update: Callable[[int], None] = lambda done: None,
) -> dict[str, Interval]:
    """Return every metric of the rows with a label, with its 95 % interval.

    Rows are drawn with replacement, as many as there are, and measured again; the interval runs from
    the 2.5th to the 97.5th percentile of the draws in which the metric is defined. Where all draws give
    the same value, as those of rows that all are right do, they tell nothing of other rows, and the
    interval is undefined. A share of rows that are right has Wilson's interval instead. Intervals tell
    what other rows of the same kind would change, not what another training would.

    Args:
        task: The meaning of outputs and labels.
        outputs: Logits, or targets in their units.
        labels: Labels of the rows.
        draws: Number of draws; by default ``draws_for(rows)``.
        seed: Draws the rows.
        update: Called with the number of draws done.

    Source:
        Efron 1979, "Bootstrap methods: another look at the jackknife"; percentile intervals. Wilson
        1927, "Probable inference, the law of succession, and statistical inference".
    """
    known = has_label(labels)
    outputs, labels = outputs[known].double(), labels[known]
    rows, random = len(labels), np.random.default_rng(seed)
    draws = draws_for(rows) if draws is None else draws
    drawn: dict[str, list[float]] = {}
    for number in range(draws):
        chosen = torch.from_numpy(random.integers(0, rows, rows))
        for name, value in task.scores(outputs[chosen], labels[chosen]).items():
            drawn.setdefault(name, []).append(value)
        update(number + 1)
    whole = int(
        fully_labelled(labels).sum()
    )  # a row of which some labels are not known is not counted
    intervals = {}
    for name, value in task.scores(outputs, labels).items():
        shared = name in task.metrics and task.metrics[name].counts_rows
        low, high = (
            Share(round(value * whole), whole).interval if shared else _spread(drawn.get(name, []))
        )
        intervals[name] = Interval(value, low, high)
    return intervals


def _spread(values: list[float]) -> tuple[float, float] | tuple[None, None]:
    """The ends of the interval that holds the given share of all draws, if they differ at all."""
    if len(set(values)) < 2:
        return None, None
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return low, high
