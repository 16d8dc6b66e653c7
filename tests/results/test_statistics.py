"""Means and errors against plain loops and against SciPy."""

import math
import random

import pytest
from scipy import stats

from tutelage.results.statistics import (
    correlation,
    difference_of_means,
    ratio_of_errors,
    sample_mean,
)


def reference_error(values: list[float]) -> float:
    """The standard error by the sum over all pairs; shares no code with the library."""
    count = len(values)
    total = 0.0
    for first in values:
        for second in values:
            total += (first - second) ** 2
    variance = total / (2 * count * (count - 1))
    return math.sqrt(variance) / math.sqrt(count)


@pytest.mark.parametrize("count", [2, 3, 5, 20])
def test_mean_and_error(count: int) -> None:
    draw = random.Random(count)
    values = [draw.gauss(0.8, 0.02) for _ in range(count)]
    result = sample_mean(values)

    assert result.count == count
    assert result.mean == pytest.approx(sum(values) / count)
    assert result.error == pytest.approx(reference_error(values))
    assert result.error == pytest.approx(stats.sem(values))


def test_one_value_has_no_error() -> None:
    assert sample_mean([0.5]).error is None


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        sample_mean([])


def test_difference_is_paired_by_seed() -> None:
    draw = random.Random(1)
    baseline = {seed: draw.gauss(0.7, 0.05) for seed in range(6)}
    treated = {seed: baseline[seed] + draw.gauss(0.02, 0.005) for seed in reversed(range(6))}
    result = difference_of_means(treated, baseline)
    test = stats.ttest_rel([treated[s] for s in range(6)], [baseline[s] for s in range(6)])

    assert result.paired
    assert result.error is not None
    assert result.mean / result.error == pytest.approx(test.statistic)


def test_errors_are_compared_on_shared_seeds() -> None:
    treated, baseline = {0: 0.9, 2: 0.8}, {2: 0.7, 0: 0.5, 1: 0.0}
    assert ratio_of_errors(treated, baseline) == pytest.approx((0.1 + 0.2) / (0.5 + 0.3))
    assert ratio_of_errors({0: 0.9, 1: 0.7}, {5: 0.5, 6: 0.7, 7: 0.6}) == pytest.approx(0.2 / 0.4)
    assert ratio_of_errors({0: 0.9}, {0: 1.0, 1: 0.5}) is None


def test_only_shared_seeds_are_paired() -> None:
    result = difference_of_means({1: 0.9, 2: 0.8, 7: 0.1}, {0: 0.3, 1: 0.5, 2: 0.6})

    assert result.count == 2
    assert result.mean == pytest.approx((0.4 + 0.2) / 2)
    assert result.error == pytest.approx(reference_error([0.4, 0.2]))


def test_without_shared_seeds_errors_add_in_squares() -> None:
    treated, baseline = {0: 0.8, 1: 0.9, 2: 0.7}, {3: 0.5, 4: 0.7, 5: 0.65}
    result = difference_of_means(treated, baseline)
    expected = (
        reference_error(list(treated.values())) ** 2 + reference_error(list(baseline.values())) ** 2
    )

    assert not result.paired
    assert result.mean == pytest.approx(0.8 - (0.5 + 0.7 + 0.65) / 3)
    assert result.error == pytest.approx(math.sqrt(expected))
    assert difference_of_means({0: 0.8}, {3: 0.5, 4: 0.7}).error is None


@pytest.mark.parametrize(
    ("differences", "sign"),
    [
        ([0.02], "unknown"),
        ([0.02, 0.02], "unknown"),
        ([0.01, 0.02, 0.03], "above"),
        ([-0.01, -0.02, -0.03], "below"),
        ([0.05, -0.01, 0.01], "none"),
        ([0.0, 0.0, 0.0], "none"),
        ([0.01, 0.01, 0.01], "above"),
    ],
)
def test_sign(differences: list[float], sign: str) -> None:
    baseline = dict.fromkeys(range(len(differences)), 0.0)

    assert difference_of_means(dict(enumerate(differences)), baseline).sign == sign


def test_correlation_of_one_group_is_pearsons() -> None:
    draw = random.Random(0)
    pairs = [(x := draw.random(), x + draw.random()) for _ in range(12)]

    assert correlation([pairs]) == pytest.approx(stats.pearsonr(*zip(*pairs, strict=True))[0])


def test_correlation_does_not_see_what_sets_groups_apart() -> None:
    draw = random.Random(1)
    groups = [[(draw.random(), draw.random()) for _ in range(4)] for _ in range(3)]
    moved = [
        [(x + 5 * number, y - 9 * number) for x, y in group] for number, group in enumerate(groups)
    ]

    assert correlation(moved) == pytest.approx(correlation(groups))
    by_hand = [
        (x - sum(x for x, _ in group) / 4, y - sum(y for _, y in group) / 4)
        for group in groups
        for x, y in group
    ]
    assert correlation(groups) == pytest.approx(stats.pearsonr(*zip(*by_hand, strict=True))[0])


@pytest.mark.parametrize(
    "groups",
    [
        [],
        [[(0.1, 0.3)]],
        [[(0.1, 0.3), (0.2, 0.5)]],
        [[(0.1, 0.3), (0.1, 0.4), (0.2, 0.5), (0.2, 0.1)]],
        [[(0.1, 0.3), (0.2, 0.3), (0.7, 0.3)]],
        [[(0.1, 0.3)], [(0.2, 0.4)], [(0.3, 0.9)]],
        [[(0.1, 0.3), (0.1, 0.4), (0.1, 0.7)], [(0.1, 0.3), (0.2, 0.5)]],
    ],
)
def test_correlation_of_too_little_is_none(groups: list[list[tuple[float, float]]]) -> None:
    assert correlation(groups) is None
