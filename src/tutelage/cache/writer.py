"""Writer of an entry: part by part, so that a killed process loses at most one part."""

import errno
import json
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.cache.disk import writing_features
from tutelage.cache.journal import Journal
from tutelage.cache.key import FeatureKey
from tutelage.cache.layout import DTYPES, Layout, read_header
from tutelage.cache.manifest import IDS, JOURNAL, KEY, MANIFEST, STATISTICS, Manifest
from tutelage.cache.precision import refuse_loss
from tutelage.cache.seal import seal
from tutelage.errors import CacheError, SourceError
from tutelage.files import (
    allocate,
    digest_of,
    remove_leftovers,
    sync_folder,
    write_atomically,
)

__all__ = ["FeatureWriter"]

PARTIAL = ".partial"


class FeatureWriter:
    """Writes one entry's folder; made by ``FeatureStore.writer``, which holds the entry's lock.

    Every features file has its full size from the start, under a name that ends in ``.partial``. A
    part is written to its position, synced, and added to the journal with its digest. The next writer
    treats a part as missing if it is not in the journal or does not match its digest. A full file gets
    its final name. ``finish`` reads all files again for digests and statistics, and writes the
    manifest last.

    Args:
        folder: The entry's folder.
        key: What the features are a function of.
        ids: The rows' ids, in order.
        layout: Parts and files.
        complete: Whether another process finished the entry before this one had the lock.

    Attributes:
        missing: Numbers of the parts to write, in order.
        rounded: Faint columns that the precision rounds away, in parts that this wrote.
    """

    def __init__(
        self, folder: Path, *, key: FeatureKey, ids: Sequence[str], layout: Layout, complete: bool
    ) -> None:
        self.folder = folder
        self.key = key
        self.ids = ids
        self.layout = layout
        self.complete = complete
        self.missing: dict[int, None] = {}
        self._remaining: Counter[int] = Counter()
        self.rounded = torch.zeros(layout.width, dtype=torch.bool)
        self._open: tuple[int, int] | None = None
        self._digest = key.digest
        self._journal = Journal(folder, layout)
        if complete:
            return
        with writing_features(folder, needed=self._needed):
            folder.mkdir(parents=True, exist_ok=True)
            for name in (KEY, JOURNAL, IDS, STATISTICS, MANIFEST):
                remove_leftovers(folder / name)
            write_atomically(folder / KEY, json.dumps(key.to_json(), indent=1).encode() + b"\n")
            self.missing = dict.fromkeys(self._resume())
            self._remaining = Counter(map(layout.shard_of, self.missing))
            self._refuse_small_disk()

    def write(self, part: int, features: Float[Tensor, "rows width"]) -> None:
        """Write a part, durably.

        Args:
            part: The part's number.
            features: Features of the part's rows.

        Raises:
            SourceError: If a row holds NaN or infinity.
            PrecisionError: If the stored precision cannot hold the numbers.
            CacheError: If the shape is wrong, or the disk is full.
        """
        rows = self.layout.part(part)
        if tuple(features.shape) != (len(rows), self.layout.width):
            raise CacheError(
                f"part {part} has the shape {tuple(features.shape)} instead of "
                f"{(len(rows), self.layout.width)}"
            )
        content = self._checked(features, rows).numpy().data.cast("B")
        shard = self.layout.shard_of(part)
        header = self.layout.header(shard, key=self._digest)
        offset = len(header) + (rows.start - self.layout.shard(shard).start) * self.layout.row_bytes
        with writing_features(self.folder, needed=self._needed):
            descriptor = self._descriptor(shard)
            _write_at(descriptor, content, offset)
            os.fsync(descriptor)
            self._journal.add(part, digest_of(content))
            del self.missing[part]
            self._remaining[shard] -= 1
            if not self._remaining[shard]:
                self._complete_shard(shard)

    def finish(self, computed: str = "", *, source: str = "") -> Manifest:
        """Write ids, statistics and, last, the manifest.

        Args:
            computed: Precision and kind of device that computed the features.
            source: The teacher as the user named it.

        Raises:
            CacheError: If parts are missing, or the disk is full.
        """
        if self.missing:
            raise CacheError(f"{len(self.missing)} parts of {self.folder} are not written yet")
        self.close()
        with writing_features(self.folder, needed=self._needed):
            return seal(
                self.folder,
                key=self._digest,
                ids=self.ids,
                layout=self.layout,
                computed=computed,
                source=source,
            )

    def discard(self) -> None:
        """Delete what is written of this entry."""
        self.close()
        for path in (*self.folder.glob("features-*"), self.folder / JOURNAL, self.folder / KEY):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # the lock's file may be in it
            self.folder.rmdir()

    def close(self) -> None:
        """Close the open file."""
        if self._open is not None:
            os.close(self._open[1])
            self._open = None

    def _checked(self, features: Tensor, rows: range) -> Tensor:
        wrong = ~torch.isfinite(features)
        if wrong.any():
            row = int(wrong.any(dim=1).nonzero()[0])
            raise SourceError(
                f"the teacher returned NaN or infinity in {int(wrong[row].sum())} of "
                f"{features.shape[1]} columns for the row {self.ids[rows.start + row]!r}; check "
                "that row and the teacher's precision (rows before it are kept)"
            )
        dtype = DTYPES[self.layout.dtype]
        given = features.detach().cpu()
        # From float64 by way of float32, as features of every other source come.
        stored = given.float().to(dtype).contiguous()
        ids = self.ids[rows.start : rows.stop]
        self.rounded |= refuse_loss(given, stored, ids=ids, total=self.layout.rows)
        return stored

    def _descriptor(self, shard: int) -> int:
        if self._open is not None and self._open[0] == shard:
            return self._open[1]
        self.close()
        path = self._partial(shard)
        # A file under its final name with a part that no longer matches becomes unfinished again.
        if (self.folder / self.layout.name(shard)).exists():
            (self.folder / self.layout.name(shard)).replace(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        self._open = (shard, descriptor)
        header = self.layout.header(shard, key=self._digest)
        size = self.layout.shard_bytes(shard, key=self._digest)
        if os.fstat(descriptor).st_size != size:
            try:
                allocate(descriptor, size)
            except OSError:
                self.close()
                path.unlink()
                raise
        _write_at(descriptor, memoryview(header), 0)
        return descriptor

    def _complete_shard(self, shard: int) -> None:
        self.close()
        self._partial(shard).replace(self.folder / self.layout.name(shard))
        sync_folder(self.folder)

    def _partial(self, shard: int) -> Path:
        return self.folder / (self.layout.name(shard) + PARTIAL)

    def _resume(self) -> list[int]:
        """Return the missing parts, and make files and journal agree on them."""
        noted = self._journal.read()
        kept: dict[int, str] = {}
        for shard in range(self.layout.shards):
            parts = self.layout.parts_of(shard)
            final = self.folder / self.layout.name(shard)
            path = final if final.exists() else self._partial(shard)
            if not path.exists():
                continue
            try:
                read_header(
                    path,
                    expected=self.layout.header(shard, key=self._digest),
                    size=self.layout.shard_bytes(shard, key=self._digest),
                )
            except CacheError:
                path.unlink()
                continue
            if noted is None and path == final:
                # Of an older version, which removed the journal before it wrote the manifest.
                kept |= dict.fromkeys(parts, "")
                continue
            kept |= self._matching(path, shard, noted or {})
        missing = [part for part in range(self.layout.parts) if part not in kept]
        if missing or noted is not None:
            self._journal.restart({part: digest for part, digest in kept.items() if digest})
        names = {self.layout.name(shard) for shard in range(self.layout.shards)}
        for path in self.folder.glob("features-*"):
            if path.name.removesuffix(PARTIAL) not in names:
                path.unlink()
        for shard in set(range(self.layout.shards)).difference(map(self.layout.shard_of, missing)):
            if self._partial(shard).exists():
                self._complete_shard(shard)
        return missing

    def _matching(self, path: Path, shard: int, noted: dict[int, str]) -> dict[int, str]:
        """Return the parts of a file whose bytes match their digest in the journal."""
        matching: dict[int, str] = {}
        with path.open("rb") as file:
            file.seek(len(self.layout.header(shard, key=self._digest)))
            for part in self.layout.parts_of(shard):
                size = len(self.layout.part(part)) * self.layout.row_bytes
                if part not in noted:
                    file.seek(size, os.SEEK_CUR)
                elif digest_of(file.read(size)) == noted[part]:
                    matching[part] = noted[part]
        return matching

    def _needed(self) -> int:
        """Return the bytes that the missing files take."""
        total = 0
        for shard in range(self.layout.shards):
            if not (
                self._partial(shard).exists() or (self.folder / self.layout.name(shard)).exists()
            ):
                total += self.layout.shard_bytes(shard, key=self._digest)
        ids = sum(len(name) + 3 for name in self.ids)
        return total + (0 if (self.folder / IDS).exists() else ids)

    def _refuse_small_disk(self) -> None:
        disk = os.statvfs(self.folder)
        needed, free = self._needed(), disk.f_bavail * disk.f_frsize
        if needed > free:
            raise OSError(errno.ENOSPC, f"{free / 1e9:.2f} GB are free")


def _write_at(descriptor: int, content: memoryview, offset: int) -> None:
    """Write all bytes; a single call may write fewer."""
    while content:
        done = os.pwrite(descriptor, content, offset)
        content, offset = content[done:], offset + done
