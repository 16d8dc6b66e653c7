"""Locks of cache entries, between processes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tutelage.cache.disk import writing_features
from tutelage.files.locks import acquire, tell

__all__ = ["hold_lock", "try_lock"]


@contextmanager
def hold_lock(
    folder: Path, *, doing: str, note: Callable[[str], None] = tell, after: float | None = None
) -> Iterator[None]:
    """Hold the lock of an entry's folder, and wait for it if another process holds it.

    Args:
        folder: The entry's folder. It need not exist.
        doing: What a process does that holds it, such as ``"fetches these features"``.
        note: Receives one line if the wait lasts.
        after: Seconds until then; by default a few.

    Raises:
        CacheError: If the lock's file cannot be written.
    """
    path = _lock_path(folder)
    with writing_features(folder.parent, needed=lambda: 1):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        acquire(lock, doing=doing, briefly=False, note=note, after=after)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def try_lock(folder: Path, *, create: bool) -> Iterator[bool]:
    """Hold the lock of an entry's folder if no other process does; yield whether it is free.

    Args:
        folder: The entry's folder.
        create: Whether to make the lock's file. Reading processes do not; without a file, no process
            is writing.
    """
    path = _lock_path(folder)
    if create:
        path.parent.mkdir(exist_ok=True)
    elif not path.exists():
        yield True
        return
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError) as error:
        # Who may not lock may not write either, so an OSError means that nothing is in use here.
        yield not isinstance(error, Timeout)
        return
    try:
        yield True
    finally:
        lock.release()


def _lock_path(folder: Path) -> Path:
    return folder.parent / ".locks" / f"{folder.name}.lock"
