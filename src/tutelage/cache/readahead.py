"""Asking the disk for random rows before they are read from a mapped file."""

import os
import resource
from collections.abc import Iterable
from contextlib import suppress
from itertools import repeat

__all__ = ["ReadAhead"]

ASKED = 1000
"""Gathers that ask for their rows after one that waited for the disk."""


class ReadAhead:
    """Decides whether a gather asks for its rows before it reads them, and asks.

    A page of a mapped file that is not in memory is read when it is touched, one after the other: 64
    rows are 64 waits for the disk. ``posix_fadvise`` asks for all of them at once, and returns. Of
    pages that are in memory it would take as long as the gather itself. So rows are asked for after a
    gather that had to wait (a major page fault), a thousand times, and then one gather tries again
    without.

    Example:
        >>> ahead = ReadAhead()
        >>> ahead.wanted
        False
    """

    def __init__(self) -> None:
        self._left = 0
        self._faults = 0

    @property
    def wanted(self) -> bool:
        """Whether the next gather is to ask for its rows."""
        return self._left > 0

    def ask(self, files: Iterable[int], offsets: Iterable[int], *, size: int) -> None:
        """Ask for ``size`` bytes at each offset of each descriptor."""
        self._left -= 1
        with suppress(OSError):  # advice alone: not every file system takes it
            for _ in map(
                os.posix_fadvise, files, offsets, repeat(size), repeat(os.POSIX_FADV_WILLNEED)
            ):
                pass

    def begin(self) -> None:
        """Begin a gather that did not ask."""
        self._faults = _major_faults()

    def end(self) -> None:
        """End it: those that follow ask if it waited for the disk."""
        if _major_faults() > self._faults:
            self._left = ASKED


def _major_faults() -> int:
    """Page faults of this thread that read from a disk; 0 where they or advice are unknown."""
    if not hasattr(resource, "RUSAGE_THREAD") or not hasattr(os, "posix_fadvise"):
        return 0
    return resource.getrusage(resource.RUSAGE_THREAD).ru_majflt
