"""Completing an entry whose files are full: digests, statistics, ids and manifest."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from tutelage.cache.journal import Journal
from tutelage.cache.layout import DTYPES, Layout
from tutelage.cache.manifest import (
    IDS,
    JOURNAL,
    STATISTICS,
    FileRecord,
    Manifest,
    id_lines,
    records,
    write_statistics,
)
from tutelage.cache.statistics import RowCounter, RunningMoments
from tutelage.errors import CacheError
from tutelage.files import digest_of, sync_folder, write_atomically

__all__ = ["seal"]


def seal(
    folder: Path, *, key: str, ids: Sequence[str], layout: Layout, computed: str, source: str = ""
) -> Manifest:
    """Read all features once for digests and statistics, and write the manifest last.

    If the process is killed here, the full files keep their final names, so that the next process
    starts again at this point and writes the same bytes.

    Args:
        folder: The entry's folder.
        key: Digest of the key.
        ids: The rows' ids, in order.
        layout: Parts and files.
        computed: Precision and kind of device that computed the features.
        source: The teacher as the user named it.

    Raises:
        CacheError: If a part is not what the journal says was written.
    """
    moments, counter = RunningMoments(layout.width), RowCounter()
    written = Journal(folder, layout).read() or {}
    shards = [
        _read_through(folder, shard, key, layout, (moments, counter), written)
        for shard in range(layout.shards)
    ]
    write_statistics(folder, moments, counter.counts)
    write_atomically(folder / IDS, id_lines(ids))
    files = (*shards, *records(folder, (IDS, STATISTICS)))
    manifest = Manifest(key=key, layout=layout, files=files, computed=computed, source=source)
    manifest.write(folder)
    (folder / JOURNAL).unlink(missing_ok=True)
    sync_folder(folder)
    return manifest


def _read_through(
    folder: Path,
    shard: int,
    key: str,
    layout: Layout,
    statistics: tuple[RunningMoments, RowCounter],
    written: Mapping[int, str],
) -> FileRecord:
    name, digest = layout.name(shard), hashlib.blake2b(digest_size=16)
    size = 0
    with (folder / name).open("rb") as file:
        header = file.read(len(layout.header(shard, key=key)))
        digest.update(header)
        size += len(header)
        for part in layout.parts_of(shard):
            content = bytearray(len(layout.part(part)) * layout.row_bytes)
            size += file.readinto(content)
            digest.update(content)
            if part in written and written[part] != digest_of(memoryview(content)):
                raise CacheError(
                    f"{folder / name} does not give back what was written to part {part}: the disk "
                    "is failing, or something else writes there; run the same command again, or "
                    "choose another cache folder"
                )
            rows = torch.frombuffer(content, dtype=DTYPES[layout.dtype]).view(-1, layout.width)
            for one in statistics:
                one.update(rows)
    return FileRecord(name, size, digest.hexdigest())
