"""Points of a search that machines share through ``tune.storage`` alone, without a common folder.

The storage gives every point a number that no other process gets. The process that works on it notes its
folder's token, and the time every half minute; a point whose time is five minutes old is anybody's.
"""

import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from tutelage.files.locks import hold_file

__all__ = ["GivenParameters", "beating", "hold", "may_take"]

HOLDER, SEEN = "holder", "seen"
BEAT = 30.0
"""Seconds between two notes that a point is worked on."""
LOST = 300.0
"""Seconds without a note after which the process is taken for lost; clocks may differ by less."""


class GivenParameters(BaseSampler):
    """A sampler that draws nothing: each parameter has the value that it is given.

    Args:
        values: By name.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return nothing: each parameter stands alone."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return the value of a parameter."""
        return self._values[param_name]


def hold(trial: optuna.Trial, folder: Path) -> None:
    """Note that a process of this folder works on a point.

    Args:
        trial: The point.
        folder: The folder of the search.
    """
    trial.set_user_attr(SEEN, time.time())
    trial.set_user_attr(HOLDER, _token(folder))


def may_take(study: optuna.Study, left: FrozenTrial, folder: Path) -> bool:
    """Whether a point that some process began may be continued by one of this folder.

    That of the same folder holds a lock while it lives; of others the notes tell.

    Args:
        study: The study.
        left: A running trial.
        folder: The folder of the search.
    """
    if left.user_attrs.get(HOLDER) == _token(folder):
        return True
    seen = left.user_attrs.get(SEEN)
    if seen is None:  # its process was killed before its first note, or is about to write it
        optuna.Trial(study, left._trial_id).set_user_attr(SEEN, time.time())
        return False
    return bool(time.time() - seen > LOST)


@contextmanager
def beating(trial: optuna.Trial) -> Iterator[None]:
    """Note the time again and again while the block works on a point."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT):
            # A storage that fails now is told where the score is written.
            with suppress(Exception):
                trial.set_user_attr(SEEN, time.time())

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _token(folder: Path) -> str:
    """Return what identifies a folder, wherever it is mounted."""
    path = folder / "trials" / ".token"
    with hold_file(path.with_suffix(".lock"), doing="begins this search", briefly=True):
        if not path.exists():
            path.write_text(uuid.uuid4().hex)
        return path.read_text()
