"""Entries of the cache: their status, size and age, and verification of their files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tutelage.cache.journal import written_parts
from tutelage.cache.key import FeatureKey
from tutelage.cache.locks import try_lock
from tutelage.cache.manifest import (
    KEY,
    MANIFEST,
    Manifest,
    read_key,
)
from tutelage.cache.refusals import REFUSED
from tutelage.errors import CacheError
from tutelage.files import file_digest

__all__ = ["CacheEntry", "DamagedFile", "list_entries", "verify_entry"]

_DIGEST = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class CacheEntry:
    """One folder of the cache: the features of one split by one teacher.

    Attributes:
        folder: The folder.
        status: ``"damaged"``: files are missing, cut or unreadable. ``"unfinished"``: the extraction
            did not end, or is running.
        reason: What is damaged, or how far an unfinished extraction came.
        key: What the features are a function of; None if it cannot be read.
        width: Columns; None before the first row was written.
        bytes: Size on disk.
        last_used: Seconds since 1970.
        in_use: Whether a process is writing the entry.
        source: The teacher as the config named it; empty if the entry is not complete.
    """

    folder: Path
    status: Literal["complete", "unfinished", "damaged"]
    reason: str
    key: FeatureKey | None
    width: int | None
    bytes: int
    last_used: float
    in_use: bool
    source: str = ""

    @property
    def teacher(self) -> str:
        """The teacher: as the config named it, else by its identity, else ``?``."""
        identity = self._identity
        kind = [identity[name] for name in ("scheme", "architecture") if name in identity]
        named = self.source or identity.get("source") or identity.get("name")
        return named or ":".join(kind) or "?"

    @property
    def teacher_names(self) -> frozenset[str]:
        """Every name that the teacher can be chosen by."""
        return frozenset({self.teacher, *self._identity.values()})

    @property
    def _identity(self) -> Mapping[str, str]:
        return {} if self.key is None else self.key.source

    @property
    def split(self) -> str:
        """The split's name."""
        return "?" if self.key is None else self.key.split

    @property
    def rows(self) -> int | None:
        """How many rows there are, or are to be."""
        return None if self.key is None else self.key.rows


@dataclass(frozen=True)
class DamagedFile:
    """A file that differs from what was written.

    Attributes:
        file: Its path.
        reason: How it differs.
    """

    file: str
    reason: str


def list_entries(root: Path) -> list[CacheEntry]:
    """Return the entries under a folder, most recently used first; foreign files are ignored."""
    if not root.is_dir():
        return []
    folders = [f for f in root.iterdir() if _DIGEST.fullmatch(f.name) and f.is_dir()]
    return sorted((_entry(folder) for folder in folders), key=lambda e: -e.last_used)


def verify_entry(entry: CacheEntry) -> list[DamagedFile]:
    """Read every file of an entry, and return those that differ from what was written.

    An unfinished entry has no digests to compare with: its parts are checked when it is resumed.
    """
    folder = entry.folder
    if entry.status == "unfinished":
        return []
    try:
        read_key(folder)
    except CacheError as error:
        return [DamagedFile(str(folder / KEY), str(error))]
    try:
        manifest = Manifest.read(folder)
    except CacheError as error:
        return [DamagedFile(str(folder / MANIFEST), str(error))]
    damaged = []
    for record in manifest.files:
        path = folder / record.name
        if not path.is_file():
            damaged.append(DamagedFile(str(path), "is missing"))
        elif path.stat().st_size != record.bytes:
            damaged.append(
                DamagedFile(str(path), f"has {path.stat().st_size} bytes instead of {record.bytes}")
            )
        elif file_digest(path) != record.digest:
            damaged.append(DamagedFile(str(path), "its bytes are not those that were written"))
    if not damaged:
        try:
            manifest.check(folder)
        except CacheError as error:
            damaged.append(DamagedFile(str(folder), str(error)))
    return damaged


def _entry(folder: Path) -> CacheEntry:
    key: FeatureKey | None = None
    width: int | None = None
    status: Literal["complete", "unfinished", "damaged"] = "complete"
    reason = source = ""
    files = [f for f in folder.iterdir() if f.is_file()]
    finished = (folder / MANIFEST).exists()
    with try_lock(folder, create=False) as free:
        try:
            begun = finished or {f.name for f in files} != {REFUSED}
            key = read_key(folder) if begun else None
            if finished:
                manifest = Manifest.read(folder)
                width, source = manifest.layout.width, manifest.source
                manifest.check(folder)
            else:
                status = "unfinished"
                width, reason = _progress(folder)
        except CacheError as error:
            status, reason = "damaged", str(error)
    times = [f.stat().st_mtime for f in files] or [folder.stat().st_mtime]
    return CacheEntry(
        folder=folder,
        status=status,
        reason=reason,
        key=key,
        width=width,
        bytes=sum(f.stat().st_size for f in files),
        last_used=(folder / MANIFEST).stat().st_mtime if finished else max(times),
        in_use=not free,
        source=source,
    )


def _progress(folder: Path) -> tuple[int | None, str]:
    """Return the width and the progress of an unfinished entry."""
    try:
        progress = written_parts(folder)
    except CacheError:
        return None, "its journal cannot be read; the next extraction starts over"
    if progress is None:
        return None, "nothing is written yet, or only the manifest is missing"
    layout, count = progress
    return layout.width, f"{count} of {layout.parts} parts are written"
