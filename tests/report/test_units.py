"""Numbers as people read them."""

import pytest

from tutelage.report.units import (
    ascii_only,
    duration,
    gap,
    parameters,
    percent,
    points,
    score,
)
from tutelage.results.statistics import SampleMean
from tutelage.tasks import Regression, SingleLabel


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7620, "2 h 07 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert ascii_only(duration(seconds)) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (22_713_216, "22.7 M"),
        (109_486_464, "109 M"),
        (999_600, "1 M"),
        (999_999_999, "1 G"),
        (1_136_480_768, "1.14 G"),
    ],
)
def test_parameters(count: int, text: str) -> None:
    assert ascii_only(parameters(count)) == text


def test_percent_and_points() -> None:
    several = SampleMean(mean=-0.0123, error=0.004, count=3)
    single = SampleMean(mean=0.78125, error=None, count=1)

    assert ascii_only(points(several)) == "-1.23 ± 0.40"
    assert ascii_only(percent(single)) == "78.12 %"
    assert ascii_only(points(SampleMean(mean=-1e-9, error=None, count=1))) == "+0.00"


def test_a_metric_that_is_no_share_has_three_decimals() -> None:
    r2, accuracy = Regression.metric(), SingleLabel.metric()
    mean = SampleMean(mean=-0.0123, error=0.004, count=3)

    assert ascii_only(score(mean, r2)) == "-0.012 ± 0.004"
    assert ascii_only(gap(mean, r2)) == "-0.012 ± 0.004"
    assert gap(SampleMean(mean=0.5, error=None, count=1), r2) == "+0.500"
    assert score(mean, accuracy) == percent(mean)
    assert gap(mean, accuracy, decimals=1) == points(mean, decimals=1)
