"""The clock adds what phases take, before and after an interruption."""

import pytest

from tutelage.training import clock as clocks
from tutelage.training.clock import Clock


def times(monkeypatch: pytest.MonkeyPatch, *seconds: float) -> None:
    now = iter(seconds)
    monkeypatch.setattr(clocks.time, "perf_counter", lambda: next(now))


def test_a_clock_adds_what_a_phase_takes(monkeypatch):
    times(monkeypatch, 0.0, 1.5, 10.0, 12.0, 20.0, 20.25)
    clock = Clock()
    for phase in ("prepare", "train", "prepare"):
        with clock(phase):
            pass
    assert clock.seconds == {"prepare": 1.75, "train": 2.0}


def test_the_seconds_of_an_interrupted_run_are_added(monkeypatch):
    times(monkeypatch, 0.0, 1.5, 10.0, 12.0, 13.0, 30.0, 100.0, 102.0)
    interrupted = Clock()
    with interrupted("prepare"):
        pass
    with interrupted("train"):
        state = interrupted.state()  # of a checkpoint; what comes after it is lost
    assert state["seconds"] == {"prepare": 1.5, "train": 2.0}
    resumed = Clock()
    with resumed("train"):
        resumed.add_state(state)
        assert resumed.state()["seconds"]["train"] == 2.0 + 70.0
    assert resumed.seconds == {"prepare": 1.5, "train": 2.0 + 72.0}
    assert resumed.started == interrupted.started
