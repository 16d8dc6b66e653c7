"""Work shared out among processes: every item is done once, and a killed process is named."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing import get_start_method

import pytest
import torch

import tutelage
from tutelage.errors import ConfigError, TrainingError
from tutelage.extraction.devices import cores
from tutelage.sweeps.processes import _gpus_in_turn, process_pool, refuse_jobs


def squared(number: int) -> tuple[int, int, int]:
    return number * number, os.getpid(), torch.get_num_threads()


def start_method(number: int) -> str:
    return get_start_method()


def gpu(number: int) -> str:
    return os.environ["CUDA_VISIBLE_DEVICES"]


def killed(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def slow(path) -> None:
    path.write_text(str(os.getpid()))
    if path.name != "first":
        time.sleep(60)


ABANDONED = """
import sys, time
from pathlib import Path
from test_processes import slow
from tutelage.sweeps.processes import process_pool

if __name__ == "__main__":
    with process_pool(2) as processes:
        list(processes.run(slow, [Path(sys.argv[1], "long")]))
"""


def is_running(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def waited_for(condition, seconds=30.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_one_job_works_here_and_in_order():
    with process_pool(1) as processes:
        done = list(processes.run(squared, [3, 1, 2]))
    assert [(number, value) for number, (value, _, _) in done] == [(0, 9), (1, 1), (2, 4)]
    assert {pid for _, (_, pid, _) in done} == {os.getpid()}


def test_one_job_does_nothing_before_it_is_asked():
    asked = []
    with process_pool(1) as processes:
        results = processes.run(asked.append, [1, 2])
        next(results)
        assert asked == [1]


def test_items_are_shared_out_and_cores_and_gpus_with_them(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with process_pool(2) as processes:
        done = dict(processes.run(squared, range(5)))
        again = dict(processes.run(squared, [7]))
        methods = dict(processes.run(start_method, range(2)))
        gpus = dict(processes.run(gpu, range(2)))
    assert [done[number][0] for number in range(5)] == [0, 1, 4, 9, 16]
    assert again[0][0] == 49, "the processes stay for more work"
    assert methods == {0: get_start_method(), 1: get_start_method()}, (
        "spawned workers import PyTorch"
    )
    assert set(gpus.values()) <= {"3", "5"}
    assert os.getpid() not in {pid for _, pid, _ in done.values()}
    assert {threads for _, _, threads in done.values()} == {max(1, cores() // 2)}


@pytest.mark.parametrize(
    ("visible", "there", "expected"),
    [
        (None, 2, ["0", "1", "0"]),
        ("3,GPU-5", 2, ["3", "GPU-5", "3"]),
        ("3,5", 1, ["3", "3", "3"]),
        ("", 0, [None, None, None]),
        (None, 0, [None, None, None]),
    ],
)
def test_processes_take_the_gpus_in_turn(visible, there, expected, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    assert _gpus_in_turn(3) == expected


def test_a_killed_process_is_named():
    with process_pool(2) as processes, pytest.raises(TrainingError, match="fewer --jobs"):
        list(processes.run(killed, [1]))


def interrupt(paths) -> None:
    """Ctrl-C while two items are worked on, and others wait."""
    with process_pool(2) as processes:
        results = processes.run(slow, paths)
        next(results)
        assert waited_for(lambda: sum(path.exists() for path in paths) == 3)
        raise KeyboardInterrupt


def test_an_interrupt_ends_what_has_begun_and_begins_nothing(tmp_path):
    paths = [tmp_path / name for name in ("first", "second", "third", "fourth", "fifth")]
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupt(paths)
    assert time.monotonic() - start < 45, "each item takes a minute"
    assert [path.exists() for path in paths] == [True, True, True, False, False]
    assert not any(is_running(int(path.read_text())) for path in paths[:3])


def interrupt_all(paths) -> None:
    """Ctrl-C on a terminal, which ends a process of the pool as this one stops to wait for it."""
    with process_pool(2) as processes:
        results = processes.run(slow, paths)
        next(results)
        assert waited_for(lambda: paths[1].exists() and paths[1].read_text() != "")
        working = int(paths[1].read_text())
        try:
            results.throw(KeyboardInterrupt)
        finally:
            os.kill(working, signal.SIGKILL)
            waited_for(lambda: not is_running(working))


def test_an_interrupt_of_all_processes_is_quiet(tmp_path):
    """The executor's thread met work that was cancelled: an exception in it would fail this test."""
    with pytest.raises(KeyboardInterrupt):
        interrupt_all([tmp_path / name for name in ("first", *map(str, range(40)))])


def test_processes_end_with_the_one_that_started_them(tmp_path):
    (tmp_path / "abandoned.py").write_text(ABANDONED)
    here = os.pathsep.join((os.path.dirname(__file__), *sys.path))
    starter = subprocess.Popen(
        [sys.executable, tmp_path / "abandoned.py", tmp_path], env=os.environ | {"PYTHONPATH": here}
    )
    begun = tmp_path / "long"
    assert waited_for(lambda: begun.exists() and begun.read_text() != "")
    starter.kill()
    starter.wait()
    assert waited_for(lambda: not is_running(int(begun.read_text())))


def test_no_job_is_refused_first():
    for jobs in (0, -1):
        with pytest.raises(ConfigError, match=f"jobs = {jobs} would run nothing; give 1 or more"):
            refuse_jobs(jobs, "local")


@pytest.mark.parametrize("search", ["auto", "compare", "tune"])
def test_a_search_is_not_started_by_a_launcher(search, monkeypatch, tmp_path):
    config = tutelage.ExperimentConfig.model_validate(
        {
            "data": {"source": "folder:none"},
            "transfer": {"method": "stl"},
            "output": {"dir": tmp_path / "new"},
        }
    )
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"WORLD_SIZE = 2.*start it once.*--jobs"):
        getattr(tutelage, search)(config)
    assert not (tmp_path / "new").exists()
