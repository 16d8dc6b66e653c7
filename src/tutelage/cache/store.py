"""Store of cached features: open entries, write missing ones, list, verify and prune."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tutelage.cache.digests import refuse_changed_files
from tutelage.cache.entries import CacheEntry, DamagedFile, list_entries, verify_entry
from tutelage.cache.features import Features
from tutelage.cache.key import FeatureKey
from tutelage.cache.layout import SHARD_BYTES, Layout
from tutelage.cache.locks import hold_lock
from tutelage.cache.manifest import (
    IDS,
    JOURNAL,
    MANIFEST,
    Manifest,
    lines_digest,
    read_ids,
    read_key,
    read_statistics,
)
from tutelage.cache.prune import PruneResult, PruneRule, prune_entries
from tutelage.cache.remote import RemoteCache
from tutelage.cache.writer import FeatureWriter
from tutelage.errors import CacheError
from tutelage.progress import Progress, Silent

__all__ = ["FeatureStore"]

MB = 10**6
_NAMED = 6
"""Settings that a message names of those that two keys differ in."""
_ADVICE = "; remove it with: tutelage cache prune --damaged, and run the same command again"


class FeatureStore:
    """Cached features under one folder, with a folder for each key.

        <root>/<digest of the key>/key.json                       first: what the key covers
                                   features-00000-of-00001.safetensors
                                   ids.jsonl                      one id a line, in the rows' order
                                   statistics.safetensors         mean and std of each column
                                   manifest.json                  last: sizes and digests

    A folder without a manifest is unfinished; ``writer`` continues it.

    Args:
        root: The folder. It is created at the first write.
        mapped: Whether features are read through memory maps; see ``Features``.
        shard_bytes: Largest size of a file.
        remote: Where finished entries are fetched from and put; ``open`` reads the folder alone.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        mapped: bool = True,
        shard_bytes: int = SHARD_BYTES,
        remote: RemoteCache | None = None,
    ) -> None:
        self.root = Path(root)
        self.remote = remote
        self.mapped = mapped
        self.shard_bytes = shard_bytes

    def open(self, key: FeatureKey, ids: Sequence[str] | None = None) -> Features | None:
        """Return the features of a key, or None if they are not cached or not complete.

        Checks ids and all bytes, once a process; of an entry above 16 GiB sizes and headers only, which
        ``verify`` reads in full.

        Args:
            key: What the features are a function of.
            ids: Ids of the expected rows, in order; by default those that were written.

        Raises:
            CacheError: If files are missing, cut, changed or exchanged, or hold other rows.
        """
        folder = self.folder(key)
        if not (folder / MANIFEST).exists():
            return None
        try:
            read_key(folder)
            manifest = Manifest.read(folder)
            if manifest.key != key.digest:
                raise CacheError(f"{folder / MANIFEST} belongs to another key")
            manifest.check(folder)
            refuse_changed_files(folder, manifest)
            mean, std, row_counts = read_statistics(folder, width=manifest.layout.width)
        except CacheError as error:
            raise CacheError(f"{error}{_ADVICE}") from error
        if ids is None:
            ids = read_ids(folder)
        elif len(ids) != key.rows or lines_digest(ids) != manifest.record(IDS).digest:
            raise CacheError(_other_rows(folder, ids))
        with suppress(OSError):  # a cache without permission to write can still be read
            os.utime(folder / MANIFEST)
            (folder / JOURNAL).unlink(
                missing_ok=True
            )  # of a process killed right after the manifest
        return Features(
            folder,
            key=key,
            ids=ids,
            layout=manifest.layout,
            mean=mean,
            std=std,
            row_counts=row_counts,
            bytes=manifest.bytes,
            mapped=self.mapped,
        )

    def fetch(self, key: FeatureKey, *, progress: Progress, label: str = "") -> bool:
        """Fetch a key's entry from the remote cache, if the folder lacks it and it is there.

        Args:
            key: What the features are a function of.
            progress: Receives the megabytes that have arrived.
            label: What the features are of.

        Returns:
            Whether the folder has it now.

        Raises:
            CacheError: If the place cannot be reached, a file is damaged, or the disk is full.
        """
        folder = self.folder(key)
        if (folder / MANIFEST).exists():
            return True
        size = None if self.remote is None else self.remote.size(folder.name)
        if self.remote is None or size is None:
            return False
        with progress.track(f"fetch {label}", 1 + size // MB, unit="MB") as update:
            return self.remote.fetch(
                folder, report=lambda count: update(count // MB), note=progress.note
            )

    def put(self, key: FeatureKey, *, progress: Progress, label: str = "") -> None:
        """Put a key's finished entry into the remote cache, unless it is there.

        Args:
            key: What the features are a function of.
            progress: Receives the megabytes that were sent.
            label: What the features are of.

        Raises:
            CacheError: If the place cannot be written.
        """
        folder = self.folder(key)
        if self.remote is None or self.remote.size(folder.name) is not None:
            return
        size = Manifest.read(folder).bytes
        with progress.track(f"put {label}", 1 + size // MB, unit="MB") as update:
            self.remote.put(folder, report=lambda count: update(count // MB))

    def may_hold(self, source: Mapping[str, str], *, split: str, rows: int) -> bool:
        """Whether features of so many rows of a split by a teacher are cached, whatever the rows hold.

        The rows need not be read for it, as they must be for the key.

        Args:
            source: Identity of the teacher.
            split: Name of the split.
            rows: Number of rows.
        """
        return any(
            entry.status == "complete"
            and entry.key is not None
            and (dict(entry.key.source), entry.key.split, entry.key.rows)
            == (dict(source), split, rows)
            for entry in self.entries()
        )

    @contextmanager
    def writer(
        self,
        key: FeatureKey,
        *,
        ids: Sequence[str],
        width: int,
        part_rows: int = 4096,
        progress: Progress | None = None,
    ) -> Iterator[FeatureWriter]:
        """Hold the key's lock and write its features.

        If another process is writing the same key, this waits for it, and the features are then
        complete. A killed process holds no lock.

        Args:
            key: What the features are a function of.
            ids: The rows' ids, in order.
            width: Columns.
            part_rows: Rows of a part; the same for every process that writes this key.
            progress: Is notified when this process waits for another. Silent by default.
        """
        if len(ids) != key.rows:
            raise CacheError(f"{len(ids)} ids were given for a key of {key.rows} rows")
        if not ids or width < 1:
            raise CacheError(f"there is nothing to cache: {len(ids)} rows, {width} columns")
        layout = self.layout(key, width=width, part_rows=part_rows)

        note = (progress or Silent()).note
        with hold_lock(self.folder(key), doing="extracts these features", note=note, after=0.0):
            complete = (self.folder(key) / MANIFEST).exists()
            writer = FeatureWriter(
                self.folder(key), key=key, ids=ids, layout=layout, complete=complete
            )
            try:
                yield writer
            finally:
                writer.close()

    def layout(self, key: FeatureKey, *, width: int, part_rows: int) -> Layout:
        """Return the parts and files of a key's features; see ``Layout.plan``."""
        return Layout.plan(
            key.rows, width, dtype=key.dtype, part_rows=part_rows, shard_bytes=self.shard_bytes
        )

    def folder(self, key: FeatureKey) -> Path:
        """Return the folder of a key, whether it exists or not."""
        return self.root / key.digest

    def entries(self) -> list[CacheEntry]:
        """Return all entries, complete or not, most recently used first."""
        return list_entries(self.root)

    def verify(self, entry: CacheEntry) -> list[DamagedFile]:
        """Read every byte of an entry, and return the files that differ from what was written."""
        return verify_entry(entry)

    def prune(self, rule: PruneRule, *, dry_run: bool = False) -> PruneResult:
        """Delete the entries that match a rule; in a dry run, only return them."""
        return prune_entries(self.root, rule, dry_run=dry_run)

    def why_missing(self, key: FeatureKey) -> str | None:
        """Return how the most similar entry differs from a key, in words: the first settings that do.

        Returns:
            None if no entry has the same split and at least one equal part of the teacher's identity.
        """
        closest: list[str] | None = None
        for entry in self.entries():
            other = entry.key
            if other is None or other == key or other.split != key.split:
                continue
            if not set(other.source.items()) & set(key.source.items()):
                continue
            differences = key.differences(other)
            if closest is None or len(differences) < len(closest):
                closest = differences
        if closest is None:
            return None
        more = len(closest) - _NAMED
        return "; ".join(closest[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _other_rows(folder: Path, ids: Sequence[str]) -> str:
    """Return the message for cached features that are not of these rows."""
    cached = read_ids(folder)
    if len(ids) != len(cached):
        difference = f"it holds {len(cached)} rows, but {len(ids)} are asked for"
    else:
        number = next((i for i, (a, b) in enumerate(zip(cached, ids, strict=True)) if a != b), None)
        difference = (
            f"its ids file was changed{_ADVICE}"
            if number is None
            else f"row {number} is {cached[number]!r}, but {ids[number]!r} is asked for"
        )
    return f"cached features in {folder} are of other rows: {difference}"
