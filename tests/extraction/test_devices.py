"""Devices of a job of processes, whose speeds add up only where each has cores of its own."""

import os

import pytest
import torch

from tutelage.extraction.devices import actors_on, cores, devices_of_job
from tutelage.extraction.settings import ExtractionSettings


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


class Cluster:
    """What Ray tells of a cluster's machines."""

    def __init__(self, *machines: dict[str, float]) -> None:
        self.machines = machines

    def nodes(self) -> list[dict[str, object]]:
        return [{"Resources": one, "Alive": True} for one in self.machines]

    def cluster_resources(self) -> dict[str, float]:
        return {
            name: sum(one.get(name, 0) for one in self.machines)
            for name in dict.fromkeys(name for one in self.machines for name in one)
        }


@pytest.mark.parametrize(
    ("machines", "workers", "actor", "fit"),
    [
        ([{"CPU": 32}, {"CPU": 4, "GPU": 1}], 8, (1, 4), 1),  # nine cores and a GPU: nowhere
        ([{"CPU": 16, "GPU": 8}], 4, (1, 5), 3),
        ([{"CPU": 16, "GPU": 2}, {"CPU": 16, "GPU": 2}], 1, (1, 2), 4),
        ([{"CPU": 4}, {"CPU": 4}, {"CPU": 4}], 2, (0, 3), 3),
        ([{"CPU": 2}], 8, (0, 2), 1),
        ([{}], 0, (0, 1), 1),
    ],
)
def test_actors_are_no_larger_than_a_machine_that_can_have_them(machines, workers, actor, fit):
    """An actor that fits nowhere would wait for room forever."""
    room = actors_on(Cluster(*machines), ExtractionSettings(workers=workers))
    assert ((room.gpus, room.cores), room.fit) == (actor, fit)
