"""Devices that an extraction computes on: this process's, those of a job, or a Ray cluster's."""

import math
import os
from dataclasses import dataclass
from typing import Any

import torch

from tutelage.extraction.ranks import processes
from tutelage.extraction.settings import ExtractionSettings

__all__ = ["Actors", "Devices", "actors_on", "cores", "devices_of_job", "most_of_a_machine"]


@dataclass(frozen=True)
class Devices:
    """Devices that compute at once.

    Attributes:
        workers: Processes or actors.
        speedup: How many times as fast as one of them they are together; less than their number where
            they share cores or a GPU.
        words: Description, for users.
    """

    workers: int
    speedup: float
    words: str


@dataclass(frozen=True)
class Actors:
    """Actors of a Ray cluster.

    Attributes:
        gpus: GPUs of an actor.
        cores: Cores of an actor.
        fit: How many fit into the cluster.
        words: The cluster's resources, for users.
    """

    gpus: float
    cores: int
    fit: int
    words: str


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def devices_of_job(device: torch.device) -> Devices:
    """Return the devices of this process and of those that torchrun started with it.

    Processes of other machines are taken to share their machine as those of this one do.

    Args:
        device: Where this process computes.

    Example:
        >>> devices_of_job(torch.device("cpu")).workers
        1
    """
    count, local = processes(), int(os.environ.get("LOCAL_WORLD_SIZE") or 1)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        own = cores() / (local * threads)
        name = f"cpu, {threads} thread{'' if threads == 1 else 's'}"
    else:
        accelerators = torch.accelerator.device_count()
        own = accelerators / local
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    if count == 1:
        return Devices(1, 1.0, f"one process ({name})")
    return Devices(count, max(1.0, count * min(1.0, own)), f"{count} processes ({name} each)")


def actors_on(ray: Any, settings: ExtractionSettings) -> Actors:
    """Return the actors that a cluster has room for.

    An actor takes a GPU where the cluster has some and the device is not the CPU, and one core and those
    of the processes that decode, but no more than a machine with a GPU has.

    Args:
        ray: The module, connected.
        settings: Device and workers.
    """
    on_cpu = settings.device is not None and settings.pick_device().type == "cpu"
    machines, have = _machines(ray), ray.cluster_resources()
    gpus = 0 if on_cpu or not have.get("GPU", 0) else 1
    able = [one for one in machines if one.get("GPU", 0) >= gpus]
    most = max((one.get("CPU", 0) for one in able), default=0)
    own = int(max(1, min(1 + settings.workers, most)))
    fit = sum(
        int(min(one.get("CPU", 0) // own, one["GPU"] // gpus if gpus else math.inf)) for one in able
    )
    words = f"Ray cluster of {int(have.get('CPU', 1))} cores and {have.get('GPU', 0):g} GPUs"
    return Actors(float(gpus), own, max(1, fit), words)


def most_of_a_machine(ray: Any, resource: str) -> float:
    """Return how much the machine of a cluster has that has most of a resource.

    Args:
        ray: The module, connected.
        resource: ``"CPU"`` or ``"GPU"``.
    """
    return float(max((one.get(resource, 0) for one in _machines(ray)), default=0))


def _machines(ray: Any) -> list[dict[str, float]]:
    """The resources of each machine of a cluster."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
