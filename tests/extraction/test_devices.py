"""Devices of a job of processes, whose speeds add up only where each has cores of its own."""

import os

import pytest
import torch

from tutelage.extraction.devices import cores, devices_of_job


def test_cores_are_those_of_this_process():
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.fixture
def job(monkeypatch):
    def start(processes: int, local: int, *, own_cores: int) -> None:
        monkeypatch.setenv("WORLD_SIZE", str(processes))
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(local))
        monkeypatch.setattr("tutelage.extraction.devices.cores", lambda: own_cores)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 2)

    return start


def test_one_process_is_one_device(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    found = devices_of_job(torch.device("cpu"))
    assert (found.workers, found.speedup) == (1, 1.0)
    assert found.words.startswith("one process (cpu, ")


@pytest.mark.parametrize(
    ("processes", "local", "own_cores", "speedup"),
    [(4, 4, 8, 4.0), (4, 4, 4, 2.0), (8, 4, 8, 8.0), (4, 4, 1, 1.0)],
)
def test_processes_that_share_cores_are_no_faster(job, processes, local, own_cores, speedup):
    job(processes, local, own_cores=own_cores)
    found = devices_of_job(torch.device("cpu"))
    assert (found.workers, found.speedup) == (processes, speedup)
    assert found.words == f"{processes} processes (cpu, 2 threads each)"
