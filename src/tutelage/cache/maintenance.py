"""What lies in a cache, whether it is still whole, and how it goes."""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from tutelage.cache.key import FeatureKey
from tutelage.cache.manifest import (
    IDS,
    JOURNAL,
    KEY,
    MANIFEST,
    STATISTICS,
    Manifest,
    file_digest,
    read_key,
)
from tutelage.errors import CacheError

__all__ = ["Entry", "Freed", "Problem", "list_entries", "problems", "prune_entries"]

_DIGEST = re.compile(r"[0-9a-f]{32}")
_TRASH = ".trash-"
_OURS = re.compile(
    "|".join(re.escape(n) for n in (KEY, MANIFEST, IDS, STATISTICS, JOURNAL))
    + r"|features-\d{5}-of-\d{5}\.safetensors"
)


@dataclass(frozen=True)
class Entry:
    """One folder of the cache.

    Attributes:
        folder: Where it lies.
        status: ``"damaged"`` where files are missing, cut or unreadable; ``reason`` says which.
        reason: What is wrong, or how far an unfinished entry is.
        key: What the features are a function of; None where that cannot be read.
        width: Columns; None before the first row was written.
        bytes: Size on disk.
        last_used: Seconds since 1970.
        in_use: Whether a process is writing it now.
    """

    folder: Path
    status: Literal["complete", "unfinished", "damaged"]
    reason: str
    key: FeatureKey | None
    width: int | None
    bytes: int
    last_used: float
    in_use: bool

    @property
    def source(self) -> str:
        """The teacher, by what its identity has of source, name, or scheme and architecture."""
        identity = {} if self.key is None else self.key.source
        parts = [identity[name] for name in ("scheme", "architecture") if name in identity]
        return identity.get("source") or identity.get("name") or ":".join(parts) or "?"

    @property
    def split(self) -> str:
        """The split's name."""
        return "?" if self.key is None else self.key.split

    @property
    def rows(self) -> int | None:
        """How many rows there are, or are to be."""
        return None if self.key is None else self.key.rows


@dataclass(frozen=True)
class Problem:
    """A file that is not as it was written."""

    file: str
    reason: str


@dataclass(frozen=True)
class Freed:
    """What was deleted, or would be.

    Attributes:
        bytes: Their size on disk.
        entries: The entries.
        in_use: Entries that met the conditions, but are being written.
    """

    bytes: int
    entries: tuple[Entry, ...]
    in_use: tuple[Entry, ...]


def list_entries(root: Path) -> list[Entry]:
    """All entries under a folder, most recently used first; other files are passed over."""
    if not root.is_dir():
        return []
    folders = [f for f in root.iterdir() if _DIGEST.fullmatch(f.name) and f.is_dir()]
    return sorted((_entry(folder) for folder in folders), key=lambda e: -e.last_used)


def problems(entry: Entry) -> list[Problem]:
    """Read every file of an entry and compare it with its digest.

    An unfinished entry has no digests to compare with; its parts are checked when it is resumed.
    """
    folder = entry.folder
    if entry.status == "unfinished":
        return []
    try:
        read_key(folder)
    except CacheError as error:
        return [Problem(str(folder / KEY), str(error))]
    try:
        manifest = Manifest.read(folder)
    except CacheError as error:
        return [Problem(str(folder / MANIFEST), str(error))]
    found = []
    for record in manifest.files:
        path = folder / record.name
        if not path.is_file():
            found.append(Problem(str(path), "is missing"))
        elif path.stat().st_size != record.bytes:
            found.append(
                Problem(str(path), f"has {path.stat().st_size} bytes instead of {record.bytes}")
            )
        elif file_digest(path) != record.digest:
            found.append(Problem(str(path), "its bytes are not those that were written"))
    if not found:
        try:
            manifest.check(folder)
        except CacheError as error:
            found.append(Problem(str(folder), str(error)))
    return found


def prune_entries(
    root: Path,
    *,
    older_than: float | None = None,
    unfinished: bool = False,
    damaged: bool = False,
    source: str | None = None,
    everything: bool = False,
    dry_run: bool = False,
) -> Freed:
    """Delete entries; never one that is being written, nor a file that is not ours.

    Conditions of different kinds narrow each other; ``unfinished`` and ``damaged`` together
    mean either.

    Args:
        root: The cache's folder.
        older_than: Days since the entry was last used.
        unfinished: Entries without a manifest.
        damaged: Entries with missing, cut or changed files; every byte is read.
        source: Entries of this teacher: any value of its identity.
        everything: All entries.
        dry_run: Delete nothing; say what would be.

    Raises:
        CacheError: If no condition is given.
    """
    if not (everything or unfinished or damaged or source or older_than is not None):
        raise CacheError("say what to prune: older_than, unfinished, damaged, source or everything")
    if older_than is not None and not older_than >= 0:
        raise CacheError(f"older_than is a number of days from 0 up, not {older_than:g}")
    wanted = {s for s, on in (("unfinished", unfinished), ("damaged", damaged)) if on}
    freed, busy = [], []
    for entry in list_entries(root):
        identity = {} if entry.key is None else entry.key.source
        if (
            (source is not None and source not in {entry.source, *identity.values()})
            or (older_than is not None and time.time() - entry.last_used < older_than * 86400)
            or (wanted and _found(entry, thorough=damaged) not in wanted)
        ):
            continue
        with _try_lock(entry.folder, create=not dry_run) as free:
            if not free:
                busy.append(entry)
                continue
            freed.append(entry)
            if not dry_run:
                _delete(entry.folder)
    if not dry_run:
        for left in root.glob(f"{_TRASH}*"):
            shutil.rmtree(left, ignore_errors=True)
    return Freed(bytes=sum(e.bytes for e in freed), entries=tuple(freed), in_use=tuple(busy))


def _found(entry: Entry, *, thorough: bool) -> str:
    """The status of an entry, its bytes included where that is asked for."""
    return "damaged" if thorough and problems(entry) else entry.status


def _entry(folder: Path) -> Entry:
    key: FeatureKey | None = None
    width: int | None = None
    status: Literal["complete", "unfinished", "damaged"] = "complete"
    reason = ""
    files = [f for f in folder.iterdir() if f.is_file()]
    finished = (folder / MANIFEST).exists()
    with _try_lock(folder, create=False) as free:
        try:
            key = read_key(folder)
            if finished:
                manifest = Manifest.read(folder)
                width = manifest.layout.width
                manifest.check(folder)
            else:
                status = "unfinished"
                width, reason = _progress(folder)
        except CacheError as error:
            status, reason = "damaged", str(error)
    times = [f.stat().st_mtime for f in files] or [folder.stat().st_mtime]
    return Entry(
        folder=folder,
        status=status,
        reason=reason,
        key=key,
        width=width,
        bytes=sum(f.stat().st_size for f in files),
        last_used=(folder / MANIFEST).stat().st_mtime if finished else max(times),
        in_use=not free,
    )


def _progress(folder: Path) -> tuple[int | None, str]:
    try:
        first, *rest = (folder / JOURNAL).read_bytes().splitlines()
        layout = json.loads(first)["layout"]
        parts = -(-layout["rows"] // layout["part_rows"])
        return layout["width"], f"{len(rest)} of {parts} parts are written"
    except FileNotFoundError:
        return None, "nothing is written yet, or only the manifest is missing"
    except (ValueError, KeyError, TypeError):
        return None, "its progress cannot be read; extracting again starts over"


@contextmanager
def _try_lock(folder: Path, *, create: bool) -> Iterator[bool]:
    """Hold an entry's lock if nobody else does; only who is to delete makes the lock's file."""
    path = folder.parent / ".locks" / f"{folder.name}.lock"
    if create:
        path.parent.mkdir(exist_ok=True)
    elif not path.exists():
        yield True
        return
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError) as error:
        # Without the right to lock there is no right to write either.
        yield not isinstance(error, Timeout)
        return
    try:
        yield True
    finally:
        lock.release()


def _delete(folder: Path) -> None:
    """Move our files aside at once, so that no half entry is ever seen, and delete them."""
    trash = folder.with_name(f"{_TRASH}{folder.name}-{os.getpid()}")
    folder.replace(trash)
    strange = [f for f in trash.iterdir() if not _OURS.fullmatch(_stem(f.name))]
    if strange:
        folder.mkdir()
        for path in strange:
            path.replace(folder / path.name)
    shutil.rmtree(trash)


def _stem(name: str) -> str:
    """The name that a temporary or unfinished file is to get."""
    return re.sub(r"(\.[^.]*)?\.tmp$", "", name).removesuffix(".partial")
