"""Devices that an extraction computes on: this process's, those of a job, or a Ray cluster's."""

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

    An actor takes a GPU where the cluster has some and the device is not the CPU, else a core, and the
    cores of the processes that decode.

    Args:
        ray: The module, connected.
        settings: Device and workers.
    """
    on_cpu = settings.device is not None and settings.pick_device().type == "cpu"
    have = ray.cluster_resources()
    all_cores, all_gpus = int(have.get("CPU", 1)), have.get("GPU", 0)
    gpus = 0.0 if on_cpu or not all_gpus else 1.0
    own = int(max(1, min(1 + settings.workers, most_of_a_machine(ray, "CPU"))))
    fit = int(all_gpus / gpus) if gpus else all_cores // own
    words = f"Ray cluster of {all_cores} cores and {all_gpus:g} GPUs"
    return Actors(gpus, own, max(1, fit), words)


def most_of_a_machine(ray: Any, resource: str) -> float:
    """Return how much the machine of a cluster has that has most of a resource.

    Args:
        ray: The module, connected.
        resource: ``"CPU"`` or ``"GPU"``.
    """
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return float(max((one.get(resource, 0) for one in machines), default=0))
