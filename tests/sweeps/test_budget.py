"""A budget is a number of runs or a time, and nothing else."""

import pytest

from tutelage.errors import ConfigError
from tutelage.sweeps.budget import Budget


@pytest.mark.parametrize(
    ("text", "runs", "seconds"),
    [
        ("40", 40, None),
        (" 1 run", 1, None),
        ("12 runs", 12, None),
        ("90s", None, 90.0),
        ("30m", None, 1800.0),
        ("1.5 h", None, 5400.0),
    ],
)
def test_runs_and_times(text, runs, seconds):
    budget = Budget.parse(text)
    assert (budget.runs, budget.seconds, budget.text) == (runs, seconds, text)
    assert budget.limit == (runs or seconds)
    assert budget.counts_time is (seconds is not None)


@pytest.mark.parametrize("text", ["", "0", "0m", "-3", "1.5", "ten", "30 min", "1d", "nan"])
def test_others_are_refused(text):
    with pytest.raises(ConfigError, match="neither a number of runs, such as 40, nor a time"):
        Budget.parse(text)
