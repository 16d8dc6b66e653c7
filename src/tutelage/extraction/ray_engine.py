"""Extraction on a Ray cluster: actors hold the teacher and compute parts, this process writes them."""

import importlib.util
import os
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_connection, gethostname
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tutelage.errors import ConfigError, MissingExtraError, SourceError, first_line
from tutelage.extraction.devices import Actors, actors_on
from tutelage.extraction.parts import ComputedPart, PartComputer

__all__ = ["call_on_actor", "check_ray", "computed_by_ray", "connect", "enter", "result_of"]

Made = TypeVar("Made")

_RESTARTS = 3
"""How often a lost actor is started again, on any machine, before the others take its parts."""
_QUEUED = 2
"""Tasks that an actor has: one that it computes, and the next."""
_LARGEST_TASK = 8
"""Parts of a task."""
REACHED = 10.0
"""Seconds within which the head of a cluster accepts a connection."""


def check_ray(engine: str) -> None:
    """Refuse the engine ``"ray"`` where it is not installed.

    Raises:
        MissingExtraError: If so.
    """
    if engine == "ray" and importlib.util.find_spec("ray") is None:
        raise MissingExtraError("ray", extra="ray", purpose="the engine 'ray'")


def connect() -> Any:
    """Connect to the cluster at ``$RAY_ADDRESS``, else start one on this machine; return ``ray``.

    Ray's usage reports are switched off. Processes of a cluster that is started here have the priority of
    this one; Ray's own default is the lowest but four, at which they wait for all that others compute.

    Raises:
        MissingExtraError: If Ray is not installed.
        ConfigError: If the cluster cannot be reached.
    """
    check_ray("ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")
    # Else the next version's rule for CUDA_VISIBLE_DEVICES is announced as a warning.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    if not ray.is_initialized():
        refuse_unreachable(os.environ.get("RAY_ADDRESS", ""))
        try:
            ray.init(log_to_driver=False, include_dashboard=False, logging_level="ERROR")
        except (ConnectionError, RuntimeError, ValueError) as error:
            address = os.environ.get("RAY_ADDRESS", "this machine")
            raise ConfigError(
                f"no Ray cluster at {address}: {error}; start one with 'ray start --head', set "
                "RAY_AUTH_MODE=token if it asks for a token, or unset RAY_ADDRESS to use this machine "
                "alone"
            ) from error
    return ray


def refuse_unreachable(address: str) -> None:
    """Refuse an address at which nothing answers; Ray itself would try for minutes.

    Args:
        address: ``$RAY_ADDRESS``: ``host:port``, ``ray://host:port``, or a word such as ``auto``.

    Raises:
        ConfigError: If no connection is accepted.
    """
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        if not (parts.hostname and parts.port):
            return
        create_connection((parts.hostname, parts.port), timeout=REACHED).close()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"RAY_ADDRESS = {address!r}: nothing answers there ({error}); start a cluster with 'ray start "
            "--head', which prints its address, or unset RAY_ADDRESS to use this machine alone"
        ) from error


def enter(folder: Path) -> None:
    """Enter the folder of the command, from which relative paths are meant, in a process of a cluster.

    Machines of a cluster otherwise work where ``ray start`` was called.

    Raises:
        ConfigError: If the machine has no such folder.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        raise ConfigError(
            f"{gethostname()} of the Ray cluster cannot enter {folder}, where this command was started "
            f"({error.strerror}); every machine needs this folder, and data, cache and runs at the same paths"
        ) from error


def result_of(task: Any) -> Any:
    """Return what a task returned, or raise what it raised, without the traceback that Ray adds.

    Raises:
        RayError: If its process was lost.
    """
    import ray

    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from error


class _Worker:
    """A process of the cluster that holds the teacher, which it fetches again if it is restarted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._computer: PartComputer | None = None

    def computed(self, teacher: list[Any]) -> str:
        """Return precision and kind of device."""
        return self._load(teacher).computed

    def compute(self, teacher: list[Any], parts: Sequence[int]) -> list[ComputedPart]:
        """Return the features of parts."""
        return list(self._load(teacher).compute(parts))

    def _load(self, teacher: list[Any]) -> PartComputer:
        if self._computer is None:
            import ray

            enter(self._folder)
            sent = ray.get(teacher[0])
            self._computer = PartComputer(sent.source, sent.split, sent.layout, sent.settings)
        return self._computer


@dataclass(eq=False)
class _Actor:
    """A worker with the tasks that it was given; none before it is ready."""

    handle: Any
    ready: Any
    tasks: dict[Any, list[int]] = field(default_factory=dict)


def computed_by_ray(
    computer: PartComputer, missing: Sequence[int], *, advance: Callable[[int], None]
) -> Generator[ComputedPart, None, None]:
    """Yield parts that the actors of a cluster compute, in any order.

    An actor takes a GPU where the cluster has some and the device is not the CPU, else a core, and the
    cores of the processes that decode. It has at most two tasks, so that no more waits in the
    cluster's memory than this process can write. A lost actor is started again three times; then
    the others compute its parts.

    Args:
        computer: The teacher, the rows and the settings; computes nothing in this process.
        missing: Numbers of the parts.
        advance: Receives the number of rows of each part.

    Raises:
        SourceError: If all actors died.
        ConfigError: If a machine of the cluster lacks the folder of the command.
        Exception: What the teacher raised.
    """
    ray = connect()
    room = actors_on(ray, computer.settings)
    count = max(1, min(room.fit, len(missing)))
    kind = ray.remote(_Worker).options(
        num_gpus=room.gpus,
        num_cpus=room.cores,
        max_restarts=_RESTARTS,
        max_task_retries=_RESTARTS,
    )
    teacher = [
        ray.put(computer)
    ]  # in a list, so that an actor fetches it once and not for each task
    actors = []
    for _ in range(count):
        handle = kind.remote(Path.cwd())
        actors.append(_Actor(handle, ready=handle.computed.remote(teacher)))
    waiting = deque(missing)
    try:
        while waiting or any(actor.tasks for actor in actors):
            for actor in actors:
                while actor.ready is None and waiting and len(actor.tasks) < _QUEUED:
                    size = max(1, min(_LARGEST_TASK, len(waiting) // (2 * count)))
                    parts = [waiting.popleft() for _ in range(min(size, len(waiting)))]
                    actor.tasks[actor.handle.compute.remote(teacher, parts)] = parts
            pending = [task for actor in actors for task in (actor.tasks or [actor.ready]) if task]
            (first,), _ = ray.wait(pending, num_returns=1)
            actor = next(one for one in actors if first in one.tasks or first is one.ready)
            try:
                given = result_of(first)
            except ray.exceptions.RayError as error:
                actors.remove(actor)
                waiting.extendleft(part for parts in actor.tasks.values() for part in parts)
                if not actors:
                    raise SourceError(
                        "all processes of the Ray cluster that held the teacher died, most often for "
                        f"want of memory; parts that are written are kept: {error}"
                    ) from error
                continue
            if first is actor.ready:
                actor.ready, computer.computed = None, given
                continue
            del actor.tasks[first]
            for part in given:
                advance(len(part.features))
                yield part
    finally:
        for actor in actors:
            ray.kill(actor.handle)


def call_on_actor(room: Actors, work: Callable[..., Made], *given: Any) -> Made:
    """Call a function in one task with the resources of an actor, and return what it returns.

    Args:
        room: The actors of the cluster.
        work: A function of a module.
        given: Its arguments.

    Raises:
        SourceError: If its process died.
        Exception: What the function raised.
    """
    ray = connect()
    task = ray.remote(_called).options(num_gpus=room.gpus, num_cpus=room.cores, max_retries=0)
    try:
        made: Made = result_of(task.remote(work, given, Path.cwd()))
    except ray.exceptions.RayError as error:
        raise SourceError(
            "the process of the Ray cluster that held the teacher died, most often for want of memory: "
            f"{first_line(error)}"
        ) from error
    return made


def _called(work: Callable[..., Made], given: Sequence[Any], folder: Path) -> Made:
    enter(folder)
    return work(*given)
