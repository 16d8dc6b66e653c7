"""Deleting entries of the cache."""

import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tutelage.cache.entries import CacheEntry, list_entries, verify_entry
from tutelage.cache.handover import Handover
from tutelage.cache.locks import try_lock
from tutelage.cache.manifest import IDS, JOURNAL, KEY, MANIFEST, STATISTICS
from tutelage.cache.refusals import REFUSED
from tutelage.errors import CacheError

__all__ = ["PruneResult", "PruneRule", "prune_entries"]

_TRASH = ".trash-"
_OURS = re.compile(
    "|".join(re.escape(name) for name in (KEY, MANIFEST, IDS, STATISTICS, JOURNAL, REFUSED))
    + r"|features-\d{5}-of-\d{5}\.safetensors"
)
_UNFINISHED_FILE = re.compile(r"(\.[0-9]+-[0-9a-f]+)?\.tmp$|\.partial$")
_DAY = 86400


@dataclass(frozen=True)
class PruneRule:
    """Conditions on the entries to delete. An entry must meet all that are given.

    ``unfinished`` and ``damaged`` together mean either.

    Attributes:
        older_than: Days since the entry was last used.
        unfinished: Entries whose extraction did not end.
        damaged: Entries with missing, cut or changed files. To find them, every byte is read.
        teacher: Entries of this teacher: its source as in the config, or any part of its identity.
        everything: All entries.

    Raises:
        CacheError: If no condition is given, or ``older_than`` is negative.
    """

    older_than: float | None = None
    unfinished: bool = False
    damaged: bool = False
    teacher: str | None = None
    everything: bool = False

    def __post_init__(self) -> None:
        if not (
            self.everything
            or self.unfinished
            or self.damaged
            or self.teacher
            or self.older_than is not None
        ):
            raise CacheError(
                "a PruneRule needs a condition: older_than, unfinished, damaged, teacher or everything"
            )
        if self.older_than is not None and not self.older_than >= 0:
            raise CacheError(f"older_than is a number of days from 0 up, not {self.older_than:g}")

    def matches(self, entry: CacheEntry) -> bool:
        """Whether an entry meets every condition."""
        if self.teacher is not None and self.teacher not in entry.teacher_names:
            return False
        if self.older_than is not None and (time.time() - entry.last_used < self.older_than * _DAY):
            return False
        if not (self.unfinished or self.damaged):
            return True
        status = "damaged" if self.damaged and verify_entry(entry) else entry.status
        return (self.unfinished and status == "unfinished") or (
            self.damaged and status == "damaged"
        )


@dataclass(frozen=True)
class PruneResult:
    """Entries that were deleted, or would be in a dry run.

    Attributes:
        bytes: Size of the entries on disk.
        entries: The entries.
        in_use: Entries that matched, but are being written, and were kept.
    """

    bytes: int
    entries: tuple[CacheEntry, ...]
    in_use: tuple[CacheEntry, ...]


def prune_entries(root: Path, rule: PruneRule, *, dry_run: bool = False) -> PruneResult:
    """Delete the entries that match a rule; never one that is being written, nor a foreign file.

    Args:
        root: The cache's folder.
        rule: Which entries to delete.
        dry_run: Delete nothing; return what would be deleted.
    """
    deleted, in_use = [], []
    for entry in list_entries(root):
        if not rule.matches(entry):
            continue
        with try_lock(entry.folder, create=not dry_run) as free:
            if not free:
                in_use.append(entry)
                continue
            deleted.append(entry)
            if not dry_run:
                _delete(entry.folder)
                Handover(entry.folder).clear()
    if not dry_run:
        for leftover in root.glob(f"{_TRASH}*"):
            shutil.rmtree(leftover, ignore_errors=True)
    return PruneResult(
        bytes=sum(entry.bytes for entry in deleted), entries=tuple(deleted), in_use=tuple(in_use)
    )


def _delete(folder: Path) -> None:
    """Move the entry aside in one step, so that no process sees half of it, and delete our files."""
    trash = folder.with_name(f"{_TRASH}{folder.name}-{os.getpid()}")
    folder.replace(trash)
    foreign = [path for path in trash.iterdir() if not _is_ours(path.name)]
    if foreign:
        folder.mkdir()
        for path in foreign:
            path.replace(folder / path.name)
    shutil.rmtree(trash)


def _is_ours(name: str) -> bool:
    """Whether a file is one of the cache's, finished or not."""
    return _OURS.fullmatch(_UNFINISHED_FILE.sub("", name)) is not None
