"""Claims of an entry's parts among processes, so that each is computed once."""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from tutelage.cache.disk import writing_features

__all__ = ["PartClaims"]


class PartClaims:
    """Claims of parts: byte ``n`` of one file is locked by the process that computes part ``n``.

    The system drops the locks of a killed process, whose parts others can then claim.

    Args:
        folder: The entry's folder. It need not exist.

    Attributes:
        path: The file.

    Raises:
        CacheError: If the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder.parent / ".locks" / f"{folder.name}.parts"
        with writing_features(folder.parent, needed=lambda: 1):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        self.path = path
        self._held: set[int] = set()

    def take(self, parts: Iterable[int], *, at_most: int) -> list[int]:
        """Claim the first of some parts that no process has claimed."""
        taken: list[int] = []
        for part in parts:
            if len(taken) == at_most:
                break
            if part in self._held:
                continue
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, part)
            except BlockingIOError:
                continue
            except PermissionError:  # how some systems say that it is locked
                continue
            self._held.add(part)
            taken.append(part)
        return taken

    def drop(self, part: int) -> None:
        """Give up the claim of a part, as it is done."""
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, part)
        self._held.discard(part)

    def close(self) -> None:
        """Give up all claims."""
        os.close(self._descriptor)
        self._held.clear()
