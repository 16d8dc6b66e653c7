"""Files that are there whole or not at all, and full disks that say so."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tutelage.errors import CacheError

__all__ = ["allocate", "in_words", "sync_folder", "telling_full_disk", "write_whole"]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
_UNSUPPORTED = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}


def in_words(size: float) -> str:
    """Return a number of bytes as people read it.

    Example:
        >>> in_words(3_200_000_000)
        '3.2 GB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


@contextmanager
def telling_full_disk(folder: Path, *, needed: Callable[[], int]) -> Iterator[None]:
    """Turn a full or forbidden disk into one ``CacheError`` that says what is needed."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise CacheError(
                f"no room for features in {folder}: {in_words(needed())} more are needed "
                f"({error.strerror}). What was extracted so far is kept: make room, or choose "
                "another cache folder, and run the same command again"
            ) from error
        if error.errno in _REFUSED:
            raise CacheError(
                f"{folder} cannot be written ({error.strerror}); choose another cache folder"
            ) from error
        raise


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Write under a temporary name, sync, rename: a reader sees all of it or nothing."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def allocate(descriptor: int, size: int) -> None:
    """Reserve a file's whole size, so that a full disk shows before hours of work."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
            return
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    os.ftruncate(descriptor, size)
