"""The training log: means of all passes since the last line, cut back where a run is continued."""

import json
import math
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from tutelage.errors import DivergedError
from tutelage.objective import Terms
from tutelage.results.run_folder import RunFolder
from tutelage.training.log import TrainLog


def terms(task: float, transfer: float) -> Terms:
    return Terms(torch.tensor(task + transfer), torch.tensor(task), torch.tensor(transfer))


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> TrainLog:
    log = TrainLog(RunFolder(tmp_path), Accelerator(cpu=True), counted=4)
    log.start(0)
    return log


def test_a_line_is_the_mean_of_the_passes_since_the_last(log, tmp_path):
    log.add(terms(1.0, 0.5), torch.tensor(3))
    log.add(terms(3.0, 1.5), torch.tensor(1))
    log.write(2, lr=0.1)
    log.add(terms(5.0, 0.0), torch.tensor(4))
    log.write(3, lr=0.2)
    assert lines(tmp_path) == [
        {"step": 2, "task": 2.0, "transfer": 1.0, "total": 3.0, "lr": 0.1, "accuracy": 0.5},
        {"step": 3, "task": 5.0, "transfer": 0.0, "total": 5.0, "lr": 0.2, "accuracy": 1.0},
    ]


def test_tasks_without_right_rows_have_no_accuracy(tmp_path):
    log = TrainLog(RunFolder(tmp_path), Accelerator(cpu=True), counted=None)
    log.start(0)
    log.add(terms(1.0, 0.0), torch.tensor(0))
    log.write(1, lr=0.1)
    assert "accuracy" not in lines(tmp_path)[0]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run(log, tmp_path, value):
    log.add(terms(1.0, 0.0), torch.tensor(0))
    log.add(terms(value, 0.0), torch.tensor(0))
    with pytest.raises(DivergedError, match=rf"the loss is {value} at step 7 .*lower train.lr"):
        log.write(7, lr=0.1)
    assert lines(tmp_path) == []


def test_a_continued_run_cuts_its_log_back_to_the_checkpoint(log, tmp_path):
    for step in (10, 20, 30):
        log.line(step, {"total": float(step)})
    again = TrainLog(RunFolder(tmp_path, resume=True), Accelerator(cpu=True), counted=4)
    again.start(20)
    again.line(21, {"total": 0.0})
    assert [line["step"] for line in lines(tmp_path)] == [10, 20, 21]


def test_a_new_run_begins_an_empty_log(log, tmp_path):
    log.line(1, {"total": 1.0})
    log.start(0)
    assert lines(tmp_path) == []


def test_a_log_that_was_damaged_is_put_back_from_the_checkpoint(log, tmp_path):
    for step in (10, 20, 30):
        log.line(step, {"total": float(step)})
    whole = (tmp_path / "metrics.jsonl").read_text()
    again = TrainLog(RunFolder(tmp_path, resume=True), Accelerator(cpu=True), counted=4)
    for damaged in ("", whole[:40], whole.replace("20.0", "21.0"), "garbage\n"):
        (tmp_path / "metrics.jsonl").write_text(damaged)
        again.start(30, text=log.text)
        assert (tmp_path / "metrics.jsonl").read_text() == whole == again.text
