"""The journal of an unfinished entry: the layout, and each part that is written, with its digest."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tutelage.cache.layout import Layout
from tutelage.cache.manifest import JOURNAL
from tutelage.errors import CacheError
from tutelage.files import write_atomically

__all__ = ["Journal", "written_parts"]


class Journal:
    """``progress.jsonl`` in an entry's folder.

    Its first line holds the layout. A line is appended after a part is synced, so a part that is not
    in the journal counts as missing.

    Args:
        folder: The entry's folder.
        layout: The layout of the parts.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._path = folder / JOURNAL
        self._plan = {"layout": vars(layout)}

    def read(self) -> dict[int, str] | None:
        """Return the digest of each part that is written.

        Returns:
            None if there is no journal; an empty dictionary if it is of another layout.
        """
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return None
        digests: dict[int, str] = {}
        try:
            if json.loads(lines[0]) != self._plan:
                return digests
            for line in lines[1:]:
                entry = json.loads(line)
                digests[entry["part"]] = entry["digest"]
        except (ValueError, KeyError, TypeError):
            pass  # the process was killed inside the last line
        return digests

    def restart(self, digests: Mapping[int, str]) -> None:
        """Replace the journal by one with these parts."""
        lines = [self._plan, *({"part": p, "digest": d} for p, d in digests.items())]
        write_atomically(self._path, b"".join(_line(line) for line in lines))

    def add(self, part: int, digest: str) -> None:
        """Append a part, durably."""
        with self._path.open("ab") as file:
            file.write(_line({"part": part, "digest": digest}))
            file.flush()
            os.fsync(file.fileno())


def written_parts(folder: Path) -> tuple[Layout, int] | None:
    """Return the layout in an entry's journal and how many parts are written; None without a journal.

    Raises:
        CacheError: If the journal cannot be read.
    """
    try:
        first, *rest = (folder / JOURNAL).read_bytes().splitlines()
        return Layout(**json.loads(first)["layout"]), len(rest)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise CacheError(f"{folder / JOURNAL} cannot be read: {error}") from error


def _line(content: Any) -> bytes:
    return json.dumps(content).encode() + b"\n"
