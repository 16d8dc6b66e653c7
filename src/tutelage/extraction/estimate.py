"""Estimate of an extraction before it starts: rows, bytes, and measured seconds."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tutelage.cache.journal import written_parts
from tutelage.cache.key import FeatureKey
from tutelage.cache.layout import Layout
from tutelage.cache.refusals import refusal
from tutelage.cache.store import FeatureStore
from tutelage.data.base import Split
from tutelage.errors import CacheError
from tutelage.extraction.batching import Budget, choose_budget
from tutelage.extraction.encoding import encode_rows
from tutelage.extraction.extract import cached_features, feature_key
from tutelage.extraction.parts import is_encoder, part_rows
from tutelage.extraction.settings import ExtractionSettings, compute_dtype
from tutelage.teachers.base import Encoder, Source

__all__ = ["Estimate", "estimate"]

_SECONDS = 10.0
_BATCHES = 6


@dataclass(frozen=True)
class Estimate:
    """What the extraction of one split, and of its views, with one teacher takes.

    Attributes:
        rows: Rows of the split and of its views.
        cached: Rows that are cached already.
        width: Columns.
        bytes: Size on disk of all rows.
        seconds: Time for the rows that are not cached, extrapolated from ``measured`` rows.
        measured: Rows that were timed; 0 if nothing is to be computed.
    """

    rows: int
    cached: int
    width: int
    bytes: int
    seconds: float
    measured: int


def estimate(
    source: Source,
    split: Split,
    *,
    store: FeatureStore,
    settings: ExtractionSettings | None = None,
    views: Sequence[Split] = (),
) -> Estimate:
    """Time a few batches of rows from all over the split, and extrapolate.

    The first batch warms up and is not counted. Takes about ten seconds at most, unless one batch
    takes longer.

    Args:
        source: The teacher.
        split: The rows.
        store: The cache; rows that it has are not counted.
        settings: Precision, batch size, workers and device.
        views: Views of the split, whose features are extracted, too.
    """
    settings = settings or ExtractionSettings()
    wide = feature_key(source, split, dtype="float32")
    dtype = settings.dtype if refusal(store.folder(wide)) is None else "float32"
    layout = Layout.plan(
        len(split),
        source.width,
        dtype=dtype,
        part_rows=part_rows(source),
        shard_bytes=store.shard_bytes,
    )
    rows, cached, size = 0, 0, 0
    for one in (split, *views):
        key = feature_key(source, one, dtype=dtype)
        complete = cached_features(source, one, store=store, dtype=dtype) is not None
        rows += len(one)
        cached += len(one) if complete else _written_rows(store, key, layout)
        size += sum(layout.shard_bytes(shard, key=key.digest) for shard in range(layout.shards))
    measured, seconds = 0, 0.0
    if cached < rows and is_encoder(source):
        device = settings.pick_device()
        source.to(device, compute_dtype(device, dtype))
        with torch.inference_mode():
            budget = choose_budget(
                source, split.rows, batch_size=settings.batch_size, device=device
            )
        measured, seconds = _timed(
            source, split, budget=budget, device=device, workers=settings.workers
        )
    elif cached < rows:
        start = time.perf_counter()
        measured = min(len(split), layout.part_rows)
        source.read(split, range(measured))  # type: ignore[attr-defined]
        seconds = time.perf_counter() - start
    return Estimate(
        rows=rows,
        cached=cached,
        width=source.width,
        bytes=size,
        seconds=seconds * (rows - cached) / max(measured, 1),
        measured=measured,
    )


def _written_rows(store: FeatureStore, key: FeatureKey, layout: Layout) -> int:
    """Return the rows of an unfinished entry that are written, by its journal."""
    try:
        progress = written_parts(store.folder(key))
    except CacheError:
        return 0
    return 0 if progress is None else min(progress[1] * layout.part_rows, layout.rows)


def _timed(
    source: Encoder, split: Split, *, budget: Budget, device: torch.device, workers: int
) -> tuple[int, float]:
    count = min(len(split), budget.rows * _BATCHES)
    sample = split.rows.select([i * len(split) // count for i in range(count)])
    half = max(1, count // 2)
    parts = [range(start, min(start + half, count)) for start in range(0, count, half)]
    begin = start = time.perf_counter()
    first = measured = 0
    elapsed = 0.0
    for batch in encode_rows(
        source, sample, parts=parts, budget=budget, device=device, workers=workers
    ):
        now = time.perf_counter()
        if not first:
            first, start, elapsed = len(batch.rows), now, now - begin
            continue
        measured, elapsed = measured + len(batch.rows), now - start
        if now - begin > _SECONDS:
            break
    return (measured, elapsed) if measured else (first, elapsed)
