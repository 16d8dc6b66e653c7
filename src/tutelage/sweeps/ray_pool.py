"""A pool of tasks on a Ray cluster for parallel runs; the task of a lost worker is started again."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tutelage.errors import ConfigError, TrainingError, first_line
from tutelage.extraction.devices import most_of_a_machine
from tutelage.extraction.ray_engine import connect, enter, result_of
from tutelage.sweeps.processes import Pool
from tutelage.training.storage import share_memory

__all__ = ["RayPool"]

Item = TypeVar("Item")
Made = TypeVar("Made")

_RETRIES = 3
"""How often the task of a lost worker is started again; a run continues from its checkpoint."""


class RayPool(Pool):
    """Tasks of a cluster, each with a core, and a GPU where the cluster has some.

    The cluster is that at ``$RAY_ADDRESS``, else one of this machine. All machines need the folders of
    runs and cache at the same paths.

    Args:
        gpus: GPUs of a task: a share of one, or a whole number; by default 1 where the cluster has
            some.

    Raises:
        MissingExtraError: If Ray is not installed.
        ConfigError: If the cluster cannot be reached, or no machine of it has so many GPUs.
    """

    def __init__(self, gpus: float | None = None) -> None:
        super().__init__(None)
        self._ray = connect()
        most = most_of_a_machine(self._ray, "GPU")
        if gpus is not None and gpus > most:
            raise ConfigError(
                f"--gpus {gpus:g}: no machine of the Ray cluster has so many GPUs (at most {most:g}); "
                "give less, add a machine, or leave --gpus out"
            )
        self._gpus = gpus if gpus is not None else float(most > 0)

    def run(
        self, work: Callable[[Item], Made], items: Iterable[Item]
    ) -> Iterator[tuple[int, Made]]:
        """Yield each item's number and result, in the order in which they finish.

        Raises:
            TrainingError: If a worker was lost again and again, for example for want of memory.
            ConfigError: If a machine of the cluster lacks the folder of the command.
        """
        ray = self._ray
        task = ray.remote(_work).options(num_cpus=1, num_gpus=self._gpus, max_retries=_RETRIES)
        cores = max(1, int(most_of_a_machine(ray, "CPU")))
        folder = Path.cwd()
        waiting: dict[Any, int] = {
            task.remote(work, item, cores, folder): number for number, item in enumerate(items)
        }
        try:
            while waiting:
                (done,), _ = ray.wait(list(waiting), num_returns=1)
                result = result_of(done)
                yield waiting.pop(done), result
        except ray.exceptions.RayError as error:
            raise TrainingError(
                f"a worker that trained was lost {_RETRIES + 1} times, most often for want of memory "
                f"({first_line(error)}); what is finished is kept: run the same command again"
            ) from error
        finally:
            for one in waiting:
                ray.cancel(one, force=True)


def _work(work: Callable[[Item], Made], item: Item, cores: int, folder: Path) -> Made:
    enter(folder)
    share_memory(cores)  # as many may run on a machine
    return work(item)
