"""A pool of processes for parallel runs; cores and GPUs are divided among them."""

import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import (
    active_children,
    get_context,
    get_start_method,
    parent_process,
    set_start_method,
)
from multiprocessing.queues import SimpleQueue
from typing import Literal, TypeVar

import torch

from tutelage.errors import ConfigError, TrainingError
from tutelage.extraction.devices import cores
from tutelage.extraction.ranks import processes
from tutelage.extraction.ray_engine import check_ray
from tutelage.training.storage import share_memory

__all__ = ["Pool", "check_cluster", "process_pool", "refuse_jobs", "refuse_launchers"]

Item = TypeVar("Item")
Made = TypeVar("Made")


def refuse_launchers() -> None:
    """Refuse to search in processes that torchrun or accelerate started: each would search by itself.

    Raises:
        ConfigError: If there are several.
    """
    if (count := processes()) > 1:
        raise ConfigError(
            f"this starts its runs itself, and was started in several processes (WORLD_SIZE = {count}); "
            "start it once, without torchrun or accelerate launch, and with --jobs for several runs at "
            "once"
        )


def refuse_jobs(jobs: int, engine: Literal["local", "ray"], gpus: float | None = None) -> None:
    """Refuse a number of processes together with Ray, Ray where it is not installed, and GPUs without it.

    Args:
        jobs: Processes on this machine.
        engine: ``"ray"`` for the tasks of a cluster in place of them.
        gpus: GPUs of a task.

    Raises:
        ConfigError: If they do not go together, there is no process, or a task cannot have so many GPUs.
        MissingExtraError: If Ray is not installed.
    """
    check_ray(engine)
    if jobs < 1:
        raise ConfigError(f"jobs = {jobs} would run nothing; give 1 or more")
    if gpus is not None and engine != "ray":
        raise ConfigError(
            f"--gpus {gpus:g} is what a run takes of a cluster, with --engine ray; on one machine --jobs "
            "says how many runs share what is there: leave --gpus out"
        )
    if gpus is not None and (not gpus > 0 or (gpus > 1 and gpus % 1)):
        raise ConfigError(
            f"--gpus {gpus:g}: a run takes a share of one GPU, such as 0.5, or a whole number of them"
        )
    if engine == "ray" and jobs > 1:
        raise ConfigError(
            f"--jobs {jobs} is for one machine; with --engine ray the cluster's cores and GPUs say how "
            "many runs there are at once: leave --jobs out"
        )


class Pool:
    """Processes that serve several batches of work; opened by ``process_pool``."""

    def __init__(self, executor: ProcessPoolExecutor | None) -> None:
        self._executor = executor

    def run(
        self, work: Callable[[Item], Made], items: Iterable[Item]
    ) -> Iterator[tuple[int, Made]]:
        """Yield each item's number and result, in the order in which they finish.

        Raises:
            TrainingError: If a process was killed, for example for want of memory.
        """
        if self._executor is None:
            for number, item in enumerate(items):
                yield number, work(item)
            return
        waiting: dict[Future[Made], int] = {
            self._executor.submit(work, item): number for number, item in enumerate(items)
        }
        try:
            for done in as_completed(waiting):
                yield waiting[done], done.result()
        except BrokenProcessPool as error:
            raise TrainingError(
                "a process that trained was killed, most often for want of memory; what is finished "
                "is kept: run the same command again with fewer --jobs"
            ) from error


def check_cluster(engine: Literal["local", "ray"], gpus: float | None = None) -> None:
    """Connect to the cluster, so that what is wrong with it is told before anything is computed.

    Raises:
        ConfigError: If it cannot be reached, or no machine of it has so many GPUs.
    """
    if engine == "ray":
        from tutelage.sweeps.ray_pool import RayPool

        RayPool(gpus)


@contextmanager
def process_pool(
    jobs: int, *, engine: Literal["local", "ray"] = "local", gpus: float | None = None
) -> Iterator[Pool]:
    """Open a pool of ``jobs`` processes; with one, all is done in this process.

    Small runs gain more from parallel runs than from threads, so the cores are divided. Each process
    computes on one GPU, where there are some; they take those that this one sees in turn. Ctrl-C ends
    them at once, and they end with this process, however it ends.

    Args:
        jobs: Processes on this machine.
        engine: ``"ray"`` for the tasks of a cluster in place of them.
        gpus: GPUs of a task, of which 0.5 is half a GPU; by default 1 where the cluster has some.

    Raises:
        ConfigError: If both are asked for, or the cluster cannot be reached.
        MissingExtraError: If Ray is not installed.
    """
    if engine == "ray":
        from tutelage.sweeps.ray_pool import RayPool

        refuse_jobs(jobs, engine, gpus)
        yield RayPool(gpus)
        return
    if jobs == 1:
        yield Pool(None)
        return
    context = get_context("spawn")
    names = context.SimpleQueue()
    for name in _gpus_in_turn(jobs):
        names.put(name)
    settings = (jobs, get_start_method(), names)
    others = set(active_children())
    with ProcessPoolExecutor(jobs, context, _share_machine, settings) as executor:
        try:
            yield Pool(executor)
        except (KeyboardInterrupt, SystemExit):
            # The executor would wait for all that has begun, and for one more that it has handed out.
            for process in set(active_children()) - others:
                process.terminate()
            raise
        finally:
            # What has not begun is left to the executor to cancel: its thread fails, and leaves processes
            # behind, where it meets work that others cancelled as a process dies (CPython 3.11).
            executor.shutdown(cancel_futures=True)


def _gpus_in_turn(jobs: int) -> list[str | None]:
    """The GPU of each process, as ``CUDA_VISIBLE_DEVICES`` names it; None where there is none."""
    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = named.split(",")[:count] if named else list(map(str, range(count)))
    return [names[job % count] if count else None for job in range(jobs)]


def _share_machine(jobs: int, start_method: str, names: SimpleQueue[str | None]) -> None:
    """Divide cores and GPUs; each process takes one of the GPUs' names.

    Workers that decode start as in the parent, or each would import PyTorch.
    """
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    if gpu := names.get():
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu  # is read when CUDA is first used
    set_start_method(start_method, force=True)
    warnings.filterwarnings("ignore", "This DataLoader will create")
    torch.set_num_threads(max(1, cores() // jobs))
    share_memory(jobs)


def _end_with_the_parent() -> None:
    """End this process once its parent is gone, even by a signal: it would train on, and then wait forever."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)
