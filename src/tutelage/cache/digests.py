"""Check of a finished entry's files against the digests in its manifest."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tutelage.cache.manifest import IDS, STATISTICS, FileRecord, Manifest
from tutelage.errors import CacheError
from tutelage.files import file_digest

__all__ = ["CHECK_UP_TO", "refuse_changed_files"]

CHECK_UP_TO = 2**34
"""Entries of at most this many bytes are read in full before they are used: a second a gigabyte."""
THREADS = 4

_Stamp = tuple[int, int, int]
_CHECKED: dict[Path, _Stamp] = {}
"""Files that this process has read, as they were then; each is read once, however often it is opened."""


def refuse_changed_files(folder: Path, manifest: Manifest) -> None:
    """Compare an entry's bytes with what was written; of one above ``CHECK_UP_TO`` not the features.

    Raises:
        CacheError: If a file was changed; the message names it.
    """
    small = manifest.bytes <= CHECK_UP_TO
    records = [file for file in manifest.files if small or file.name in (IDS, STATISTICS)]
    stamps = {folder / file.name: _stamp(folder / file.name) for file in records}
    unread = [
        file for file in records if _CHECKED.get(folder / file.name) != stamps[folder / file.name]
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        problems = pool.map(lambda file: _problem(folder, file), unread)
        for problem in problems:
            if problem:
                raise CacheError(problem)
    _CHECKED.update(stamps)


def _stamp(path: Path) -> _Stamp:
    about = path.stat()
    return about.st_ino, about.st_size, about.st_mtime_ns


def _problem(folder: Path, file: FileRecord) -> str:
    path = folder / file.name
    try:
        same = file_digest(path) == file.digest
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    return "" if same else f"{path} was changed: its bytes are not those that were written"
