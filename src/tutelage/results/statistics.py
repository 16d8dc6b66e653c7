"""Means over seeds and what is known of them."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Difference",
    "SampleMean",
    "correlation",
    "difference_of_means",
    "ratio_of_errors",
    "sample_mean",
]

LEAST_SEEDS = 3
"""Fewer cannot tell a difference from noise: with two, the error itself is a single number."""
LEAST_SPARE = 2
"""With fewer different places beyond the first of each group, a correlation is a line through two points."""


@dataclass(frozen=True)
class SampleMean:
    """A mean over seeds.

    Attributes:
        mean: In the unit of the values.
        error: The mean's standard error, in the same unit; None for a single value.
        count: How many values.
    """

    mean: float
    error: float | None
    count: int


@dataclass(frozen=True)
class Difference(SampleMean):
    """How far a method's mean lies above another's.

    Attributes:
        paired: Whether it is the mean of differences seed by seed.
    """

    paired: bool

    @property
    def sign(self) -> Literal["above", "below", "none", "unknown"]:
        """What can be said: ``unknown`` with fewer than three seeds, ``none`` within two errors."""
        if self.error is None or self.count < LEAST_SEEDS:
            return "unknown"
        if abs(self.mean) <= 2 * self.error:
            return "none"
        return "above" if self.mean > 0 else "below"


def sample_mean(values: Iterable[float]) -> SampleMean:
    """Return the mean and its standard error.

        error = sqrt( sum_i (x_i - mean)² / (n - 1) / n )

    Args:
        values: One number a seed; at least one.

    Raises:
        ValueError: If there are none.

    Example:
        >>> sample_mean([1.0, 2.0, 3.0]).mean
        2.0
    """
    numbers = list(values)
    count = len(numbers)
    if count == 0:
        raise ValueError("the mean of no values is not defined; give at least one")
    mean = math.fsum(numbers) / count
    if count == 1:
        return SampleMean(mean=mean, error=None, count=1)
    variance = math.fsum((number - mean) ** 2 for number in numbers) / (count - 1)
    return SampleMean(mean=mean, error=math.sqrt(variance / count), count=count)


def difference_of_means(treated: Mapping[int, float], baseline: Mapping[int, float]) -> Difference:
    """Return how far one method lies above another, with the standard error of that.

    Over the seeds that both have, the difference is taken seed by seed and then averaged: what a
    seed does to both (the order of rows, the start of the head) drops out. Where they share none,
    the means are subtracted and the errors added in squares.

    Args:
        treated: A value for each seed.
        baseline: A value for each seed of the method to compare with.

    Raises:
        ValueError: If either is empty.

    Example:
        >>> difference_of_means({0: 3.0, 1: 5.0}, {0: 2.0, 1: 4.0, 2: 9.0})
        Difference(mean=1.0, error=0.0, count=2, paired=True)
    """
    shared = sorted(treated.keys() & baseline.keys())
    if shared:
        pairs = sample_mean(treated[seed] - baseline[seed] for seed in shared)
        return Difference(mean=pairs.mean, error=pairs.error, count=pairs.count, paired=True)
    above, below = sample_mean(treated.values()), sample_mean(baseline.values())
    error = None
    if above.error is not None and below.error is not None:
        error = math.hypot(above.error, below.error)
    return Difference(
        mean=above.mean - below.mean,
        error=error,
        count=min(above.count, below.count),
        paired=False,
    )


def ratio_of_errors(treated: Mapping[int, float], baseline: Mapping[int, float]) -> float | None:
    """Return one method's mean error divided by another's, over the seeds that both have.

        (1 - mean_s treated_s) / (1 - mean_s baseline_s)

    Where they share no seed, each mean is over all of its seeds.

    Args:
        treated: A score for each seed, 1 at most.
        baseline: A score for each seed of the method to compare with.

    Returns:
        None where the other method makes no error.

    Raises:
        ValueError: If either is empty.

    Example:
        >>> ratio_of_errors({0: 0.75, 2: 0.75}, {0: 0.5, 1: 0.0, 2: 0.5})
        0.5
    """
    shared = treated.keys() & baseline.keys()
    above = sample_mean(treated[seed] for seed in sorted(shared or treated))
    below = sample_mean(baseline[seed] for seed in sorted(shared or baseline))
    return (1 - above.mean) / (1 - below.mean) if below.mean < 1 else None


def correlation(groups: Iterable[Sequence[tuple[float, float]]]) -> float | None:
    """Return Pearson's correlation within groups, -1 to 1: what sets whole groups apart drops out.

        sum_gi (x_gi - mean x_g)(y_gi - mean y_g)
            / sqrt( sum_gi (x_gi - mean x_g)² sum_gi (y_gi - mean y_g)² )

    Args:
        groups: Pairs of ``x`` and ``y``; with one group it is the plain correlation.

    Returns:
        None where it says nothing: all ``y`` of each group are equal, or fewer than three different
        ``x`` in one group, or two in each of two.

    Example:
        >>> round(correlation([[(0.0, 1.0), (1.0, 3.0), (2.0, 4.0)]]), 3)
        0.982
        >>> correlation([[(0.0, 1.0), (0.0, 3.0), (1.0, 4.0)]]) is None
        True
    """
    spare, places, values = 0, [], []
    for group in groups:
        xs, ys = zip(*group, strict=True)
        spare += len(set(xs)) - 1
        places += [x - sample_mean(xs).mean for x in xs]
        values += [y - sample_mean(ys).mean if len(set(ys)) > 1 else 0.0 for y in ys]
    if spare < LEAST_SPARE or not any(values):
        return None
    return statistics.correlation(places, values)
