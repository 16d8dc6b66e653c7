"""Work that may fail: what is kept of a failure, and what is waited for."""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import tomli_w
from torch import nn

from tutelage.config import ExperimentConfig
from tutelage.errors import OutputError, TrainingError
from tutelage.files import writing_to
from tutelage.progress import Silent
from tutelage.sweeps import jobs
from tutelage.sweeps.jobs import Failed, attempt, attempt_all
from tutelage.sweeps.processes import process_pool
from tutelage.training.checkpoint import save_checkpoint


@pytest.fixture
def config(tmp_path: Path) -> ExperimentConfig:
    return ExperimentConfig.model_validate(
        {
            "data": {"source": "folder:x"},
            "transfer": {"method": "stl"},
            "output": {"dir": str(tmp_path / "run")},
        }
    )


class Notes(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def refused(config: ExperimentConfig) -> float:
    raise TrainingError("the loss is nan\nand more")


def broken(config: ExperimentConfig) -> float:
    raise ZeroDivisionError("by zero")


def test_work_gives_what_it_made(config):
    assert attempt(lambda given: given.seed + 1, config) == 1
    assert not config.output.dir.exists()


def test_a_foreseen_failure_is_one_line_without_a_traceback(config):
    assert attempt(refused, config) == Failed("the loss is nan")
    assert not config.output.dir.exists()


def test_an_unforeseen_failure_leaves_its_traceback_until_the_work_succeeds(config):
    assert attempt(broken, config) == Failed("ZeroDivisionError: by zero")
    trace = config.output.dir / "error.txt"
    assert "in broken" in trace.read_text()
    attempt(lambda _: 1.0, config)
    assert not trace.exists()


def test_work_that_ends_the_process_is_a_failure(config):
    """Else a comparison would end without its rows, and with status 0."""

    def work(given: ExperimentConfig) -> float:
        raise SystemExit(0)

    assert attempt(work, config) == Failed("SystemExit: 0")
    assert "in work" in (config.output.dir / "error.txt").read_text()


def test_a_failure_does_not_sink_the_others_and_is_told(config):
    def work(given: ExperimentConfig) -> float:
        return refused(given) if given.seed == 1 else float(given.seed)

    notes = Notes()
    with process_pool(1) as processes:
        made = attempt_all(
            work,
            [config.replace({"seed": seed}) for seed in range(3)],
            processes=processes,
            label="train",
            unit="runs",
            progress=notes,
        )
    assert made == [0.0, Failed("the loss is nan"), 2.0]
    assert len(notes.notes) == 1
    assert "the loss is nan" in notes.notes[0]


def test_what_another_process_is_at_is_waited_for(config, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE", 0.001)
    asked: list[int] = []

    def work(given: ExperimentConfig) -> float | None:
        asked.append(given.seed)
        return None if asked.count(given.seed) < 3 and given.seed == 0 else 5.0

    with process_pool(1) as processes:
        configs = [config, config.replace({"seed": 1})]
        made = attempt_all(
            work, configs, processes=processes, label="train", unit="runs", progress=Silent()
        )
    assert made == [5.0, 5.0]
    assert asked == [0, 1, 0, 0], "what is done is not done again"


class Counts(Silent):
    """Remembers how much was done before, and what was told since."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    @contextmanager
    def track(
        self, label: str, total: int, *, unit: str, done: int = 0
    ) -> Iterator[Callable[[int], None]]:
        self.counts.append(done)
        yield self.counts.append


def test_runs_that_are_read_count_as_done_before(config, write_run, tmp_path):
    """A run of other settings does not: it is trained again, or fails."""
    configs = [config.replace({"output.dir": tmp_path / str(seed)}) for seed in range(4)]
    for one, rate in zip(configs[1:], (None, 0.7, None), strict=True):
        write_run(one.output.dir)
        written = one.replace({"train.lr": rate}) if rate else one
        text = tomli_w.dumps(written.model_dump(mode="json", exclude_none=True))
        (one.output.dir / "config.toml").write_text(text)
    counts = Counts()
    with process_pool(1) as processes:
        attempt_all(
            lambda _: 1.0, configs, processes=processes, label="", unit="runs", progress=counts
        )
    assert counts.counts == [2, 3, 3, 4, 4]


def test_nothing_to_do(config):
    with process_pool(1) as processes:
        assert (
            attempt_all(refused, [], processes=processes, label="", unit="runs", progress=Silent())
            == []
        )


def test_a_checkpoint_that_a_full_disk_refuses_is_no_failure_of_the_run(config):
    """The system refuses larger files here, as a full disk does; safetensors gives no errno."""

    def work(given: ExperimentConfig) -> float:
        save_checkpoint(
            given.output.dir / "checkpoint.safetensors",
            nn.Linear(99, 99),
            optimizers={},
            numbers={},
        )
        return 1.0

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limit[1]))
    try:
        with pytest.raises(OutputError, match="free some space, then repeat the command"):
            attempt(work, config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("foreseen", [True, False])
def test_a_failing_disk_is_no_failure_of_the_work(number, foreseen, config):
    """Else a choice of settings goes on among those that the disk left."""

    def work(given: ExperimentConfig) -> float:
        with writing_to(given.output.dir) if foreseen else nullcontext():
            raise OSError(number, os.strerror(number))

    with pytest.raises(OutputError if foreseen else OSError, match=os.strerror(number)):
        attempt(work, config)


def test_what_only_looks_leaves_no_file(config):
    def unforeseen(_: ExperimentConfig) -> float:
        raise RuntimeError("out of the blue")

    assert attempt(unforeseen, config, writes=False) == Failed("RuntimeError: out of the blue")
    assert not config.output.dir.exists()
    attempt(unforeseen, config)
    assert attempt(lambda _: 1.0, config, writes=False) == 1.0
    assert (config.output.dir / "error.txt").is_file()
