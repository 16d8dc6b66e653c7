"""A training rehearsed on few rows: true steps, which stop in time and leave nothing behind."""

import os
import tempfile
import time

import pytest
import torch

from tutelage.errors import TrainingError
from tutelage.experiment import rehearsal
from tutelage.experiment.plan import Plan
from tutelage.experiment.rehearsal import rehearse
from tutelage.experiment.training_estimate import estimate_training
from tutelage.progress import Silent


@pytest.mark.parametrize("method", ["probe", "aft+probe", "btuning", "small_parts:Energy"])
def test_methods_that_prepare_or_learn_soft_labels_are_rehearsed(small, method, monkeypatch):
    monkeypatch.setattr(rehearsal, "STEPS", 3)
    plan = Plan.of(small.replace({"transfer.method": method}))
    found = rehearse(plan, [9, 4] if plan.teachers else [])
    assert found.steps == rehearsal.STEPS - 1
    assert 0 < found.step < 5
    assert found.forward > 0
    assert found.decode > 0


def test_a_dry_run_says_what_is_not_used(small, monkeypatch):
    monkeypatch.setattr(rehearsal, "STEPS", 2)
    said = []
    watch = type("Watch", (Silent,), {"note": lambda self, line: said.append(line)})()
    estimate_training(small.replace({"train.momentum": 0.5}), progress=watch)
    assert [line for line in said if "train.momentum = 0.5 is not used" in line]


def test_steps_stop_after_some_seconds(small, monkeypatch):
    monkeypatch.setattr(rehearsal, "SECONDS", 0.05)
    plan = Plan.of(small.replace({"student.source": "python:small_parts:slow_student"}))
    found = rehearse(plan, [9, 4])
    assert found.steps <= 2
    assert found.step >= 0.02


def test_nothing_is_left_and_processes_of_a_launcher_are_not_waited_for(
    small, tmp_path, monkeypatch
):
    (folder := tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    for name, value in {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    before = set(tmp_path.rglob("*"))
    assert rehearse(Plan.of(small, processes=2), [9, 4]).steps
    assert set(tmp_path.rglob("*")) == before
    assert os.environ["WORLD_SIZE"] == "2"


def test_rows_are_kept_as_beside_the_other_processes_of_a_machine(small, monkeypatch):
    monkeypatch.setattr(rehearsal, "STEPS", 2)
    plan = Plan.of(small.replace({"train.inputs": "auto"}))
    assert rehearse(plan, [9, 4]).decode
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(10**12))  # a byte or less for each
    assert rehearse(plan, [9, 4]).decode == 0


def test_a_step_that_does_not_fit_is_told(small, monkeypatch):
    def full(*given, **named):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    monkeypatch.setattr("tutelage.experiment.rehearsal.fit", full)
    with pytest.raises(TrainingError, match=r"a step of 12 rows does not fit .* 20 GiB"):
        estimate_training(small)


def test_an_estimate_is_within_a_factor_of_two_of_the_run(small):
    """A student that sleeps 20 ms a pass takes the same time on a busy machine."""
    from tutelage.experiment.run import run

    config = small.replace({"student.source": "python:small_parts:slow_student", "train.steps": 30})
    expected = estimate_training(config)
    begin = time.perf_counter()
    seconds = run(config).seconds
    spent = time.perf_counter() - begin
    phases = {phase.name: phase for phase in expected.phases}
    assert set(phases) == set(seconds)
    assert 0.5 < phases["train"].seconds / seconds["train"] < 2.0
    assert expected.seconds < spent, "loading, probes and examples are not counted"
    assert phases["train"].words.startswith("30 steps of 0.0")


def test_an_estimate_counts_what_a_run_does(small):
    config = small.replace(
        {"data.evaluate": "holdout", "train.eval_every": 1, "train.scored_rows": 7}
    )
    plan, found = Plan.of(config), estimate_training(config)
    evaluated = len(plan.evaluated)
    extract, prepare, train, evaluate = found.phases
    assert extract.words == f"{2 * 60} rows", "of the hold-out, too, by two teachers"
    assert prepare.words == f"decode {60} rows", "the head of a student of one's own is random"
    assert train.words.endswith(f" s, {2 * evaluated} rows evaluated")
    assert evaluate.words == f"{7 + evaluated} rows"
    assert found.devices.words.startswith("one process (cpu, ")
    assert [one.name for one in found.teachers] == ["wide", "narrow"]
