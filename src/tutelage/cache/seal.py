"""From files that are full to a folder that is finished."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch

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
from tutelage.cache.statistics import RunningMoments
from tutelage.files import sync_folder, write_atomically

__all__ = ["seal"]


def seal(
    folder: Path, *, key: str, ids: Sequence[str], layout: Layout, computed: str, source: str = ""
) -> Manifest:
    """Read all features once for digests and statistics, and write the manifest.

    Killed anywhere in here, a process leaves full files under their final names, so that the
    next one comes back to this point and writes the same bytes.
    """
    moments = RunningMoments(layout.width)
    shards = [_read_through(folder, shard, key, layout, moments) for shard in range(layout.shards)]
    write_statistics(folder, moments)
    write_atomically(folder / IDS, id_lines(ids))
    files = (*shards, *records(folder, (IDS, STATISTICS)))
    manifest = Manifest(key=key, layout=layout, files=files, computed=computed, source=source)
    (folder / JOURNAL).unlink(missing_ok=True)
    sync_folder(folder)
    manifest.write(folder)
    return manifest


def _read_through(
    folder: Path, shard: int, key: str, layout: Layout, moments: RunningMoments
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
            rows = torch.frombuffer(content, dtype=DTYPES[layout.dtype]).view(-1, layout.width)
            moments.update(rows)
    return FileRecord(name, size, digest.hexdigest())
