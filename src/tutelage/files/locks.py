"""Locks between processes: a wait for one is told after seconds, and a lock of moments is not awaited for ever."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from tutelage.errors import TrainingError

__all__ = ["STOPPED", "LongWait", "acquire", "hold_file", "tell"]

SAID_AFTER = 5.0
"""Seconds after which a wait is told."""
AT_MOST = 300.0
"""Seconds that a lock is awaited which processes hold for moments."""
STOPPED = "one that was stopped (Ctrl-Z) holds it, too"
"""Told with each lock: such a process looks as if there were none."""


def tell(line: str) -> None:
    """Report one line on standard error, from any process; of several of a launcher only the first speaks.

    It goes through the logger ``tutelage``: processes that train side by side have no progress reports.
    """
    if os.environ.get("RANK", "0") == "0":
        logging.getLogger("tutelage").warning(line)


@contextmanager
def hold_file(
    path: Path, *, doing: str, briefly: bool, note: Callable[[str], None] = tell
) -> Iterator[None]:
    """Hold the lock of a file, and wait for it if another process holds it.

    Args:
        path: The lock's file; its folder exists.
        doing: What a process does that holds it, such as ``"writes the table"``.
        briefly: Whether that takes moments; then the wait has an end.
        note: Receives one line if the wait lasts.

    Raises:
        TrainingError: If another process holds a lock of moments for minutes.
    """
    lock = FileLock(path)
    acquire(lock, doing=doing, briefly=briefly, note=note)
    try:
        yield
    finally:
        lock.release()


def acquire(
    lock: BaseFileLock,
    *,
    doing: str,
    briefly: bool,
    note: Callable[[str], None] = tell,
    after: float | None = None,
) -> None:
    """Wait for a lock; the arguments are those of ``hold_file``.

    Args:
        lock: The lock; the caller releases it.
        doing: What a process does that holds it.
        briefly: Whether that takes moments.
        note: Receives one line if the wait lasts.
        after: Seconds until then; by default a few.

    Raises:
        TrainingError: If another process holds a lock of moments for minutes.
    """
    after = SAID_AFTER if after is None else after
    try:
        lock.acquire(timeout=after)
    except Timeout:
        pass
    else:
        return
    note(
        f"waiting for another process that {doing}: it holds {lock.lock_file}; {STOPPED}. If there is "
        "none, remove that file"
    )
    try:
        lock.acquire(timeout=max(0.0, AT_MOST - after) if briefly else -1)
    except Timeout:
        raise TrainingError(
            f"another process that {doing} has held {lock.lock_file} for {AT_MOST / 60:g} minutes, "
            f"although that takes moments; {STOPPED}. End or continue it, then repeat this command; if "
            "there is none, remove that file"
        ) from None


class LongWait:
    """A loop that waits for other processes, told once when it lasts.

    Args:
        after: Seconds until then; by default a few.
    """

    def __init__(self, *, after: float | None = None) -> None:
        self._after = SAID_AFTER if after is None else after
        self._began: float | None = None
        self._told = False

    def goes_on(self, words: Callable[[], str], *, note: Callable[[str], None] = tell) -> None:
        """Note that the loop waits still.

        Args:
            words: Gives the line that is told: what is waited for, which file, and what to do.
            note: Receives it.
        """
        now = time.monotonic()
        if self._began is None:
            self._began = now
        if not self._told and now - self._began >= self._after:
            self._told = True
            note(words())

    def ends(self) -> None:
        """Note that something came; a later wait is a new one."""
        self._began, self._told = None, False
