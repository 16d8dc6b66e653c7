"""Times of a sweep's runs: by their steps, and each method's own."""

from typing import Any

import pytest

from tutelage.config import ExperimentConfig
from tutelage.errors import DivergedError
from tutelage.sweeps.run_times import RunTimes

MODULE = """
import time
from torch import nn
from tutelage import Regularizer

def small(num_classes: int):
    time.sleep(0.3)  # as weights are read
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, num_classes))

class Slow(Regularizer):
    def compare(self, student, teacher):
        time.sleep(0.05)
        return student.square().mean()
"""


@pytest.fixture
def table(digits, tmp_path, monkeypatch) -> dict[str, Any]:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "timed_parts.py").write_text(MODULE)
    return {
        "data": {"source": f"folder:{digits}", "holdout": 0.3},
        "teachers": [{"source": "noise:8", "name": "noise"}],
        "student": {
            "source": "python:timed_parts:small",
            "input": {"image_size": 32, "mean": [0, 0, 0], "std": [1, 1, 1]},
        },
        "train": {"steps": 2, "batch_size": 12, "device": "cpu", "workers": 0, "inputs": "memory"},
        "cache": {"dir": str(tmp_path / "cache")},
        "output": {"dir": str(tmp_path / "out")},
    }


def seconds(times: RunTimes, table: dict[str, Any], **changes: Any) -> float:
    config = ExperimentConfig.model_validate(table)
    return times.seconds(config.replace({k.replace("__", "."): v for k, v in changes.items()}))


def test_each_method_has_its_own_steps_and_each_run_its_loading(table):
    times = RunTimes({"noise": 8})
    slow = seconds(times, table, transfer__method="timed_parts:Slow", train__steps=100)
    fast = seconds(times, table, transfer__method="aft", train__steps=100)
    assert slow - fast > 3.0
    assert seconds(times, table, transfer__method="stl") > 0.3


def test_runs_that_may_be_ended_early_are_evaluated_meanwhile(table):
    times = RunTimes({"noise": 8})
    tried = {"transfer__method": "stl", "data__evaluate": "holdout"}
    whole = seconds(times, table, **tried)
    assert seconds(times, table, **tried, tune__prune=True) > whole
    assert seconds(times, table, transfer__method="stl", tune__prune=True) == pytest.approx(
        seconds(times, table, transfer__method="stl")
    )


def test_a_rate_that_diverges_says_nothing_of_the_others(table):
    times = RunTimes({"noise": 8})
    for _ in range(2):
        with pytest.raises(DivergedError, match="the loss is"):
            seconds(times, table, transfer__method="stl", train__lr=1e38)
    assert seconds(times, table, transfer__method="stl", train__lr=0.1) > 0
    assert seconds(times, table, transfer__method="stl", train__lr=1e38) > 0
