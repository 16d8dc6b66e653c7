"""Estimate of an extraction before it starts: rows, bytes, measured seconds, devices and memory."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from tutelage.cache.journal import written_parts
from tutelage.cache.key import Dtype, FeatureKey
from tutelage.cache.layout import Layout
from tutelage.cache.refusals import refusal
from tutelage.cache.store import FeatureStore
from tutelage.data.base import Split
from tutelage.errors import CacheError
from tutelage.extraction.batching import Budget
from tutelage.extraction.devices import Devices, actors_on, devices_of_job
from tutelage.extraction.encoding import encode_rows
from tutelage.extraction.extract import cached_features, feature_key
from tutelage.extraction.parts import is_encoder, part_rows, place
from tutelage.extraction.ray_engine import call_on_actor, connect
from tutelage.extraction.settings import ExtractionSettings, compute_dtype
from tutelage.teachers.base import Encoder, Source

__all__ = ["Estimate", "estimate"]

_SECONDS = 10.0
_BATCHES = 6


@dataclass(frozen=True)
class Estimate:
    """What the extraction of some splits with one teacher takes.

    Attributes:
        rows: Rows of all splits.
        cached: Rows that are cached already.
        width: Columns.
        bytes: Size on disk of all rows.
        seconds: Time for the rows that are not cached on all devices together, extrapolated from
            ``measured`` rows on one of them.
        measured: Rows that were timed; 0 if nothing is to be computed.
        weights: Bytes of the teacher's weights in the precision that it computes in; None where their
            number is not known.
        peak: Most bytes that the timed batches took of a CUDA device, the weights among them; None
            on other devices.
        devices: Who would compute; None if nothing is to be computed.
        keys: Digests of the cache entries.
    """

    rows: int
    cached: int
    width: int
    bytes: int
    seconds: float
    measured: int
    weights: int | None = None
    peak: int | None = None
    devices: Devices | None = None
    keys: tuple[str, ...] = ()

    @property
    def bytes_left(self) -> int:
        """Size on disk of the rows that are not cached."""
        return round(self.bytes * (self.rows - self.cached) / self.rows) if self.rows else 0


@dataclass(frozen=True)
class _Timing:
    """Seconds that some rows took on a device.

    Attributes:
        rows: Their number.
        seconds: For all of them.
        precision: Bytes of a weight.
        peak: Most bytes that they took of a CUDA device.
    """

    rows: int
    seconds: float
    precision: int
    peak: int | None


def estimate(
    source: Source,
    split: Split,
    *,
    store: FeatureStore,
    settings: ExtractionSettings | None = None,
    more: Sequence[Split] = (),
) -> Estimate:
    """Time a few batches of rows from all over a split, and extrapolate.

    The first batch warms up and is not counted. Takes about ten seconds at most, unless one batch
    takes longer. The rows are timed where they would be computed: in this process, as one of those of
    the job, or on a Ray cluster. Nothing is written.

    Args:
        source: The teacher.
        split: The rows.
        store: The cache; rows that it has are not counted.
        settings: Precision, batch size, workers, device and engine.
        more: Further splits whose features are extracted, such as views; they are taken to cost as
            much a row.

    Raises:
        ConfigError: If the Ray cluster cannot be reached.
        SourceError: If the teacher cannot encode the rows.
    """
    settings = settings or ExtractionSettings()
    wide = feature_key(source, split, dtype="float32")
    dtype = settings.dtype if refusal(store.folder(wide)) is None else "float32"
    rows, cached, size, parts = 0, 0, 0, 0
    keys = []
    for one in (split, *more):
        key = feature_key(source, one, dtype=dtype)
        keys.append(key.digest)
        layout = store.layout(key, width=source.width, part_rows=part_rows(source))
        complete = cached_features(source, one, store=store, dtype=dtype) is not None
        if not complete and store.remote is not None:  # to be fetched, which is not timed
            complete = store.remote.size(key.digest) is not None
        have = len(one) if complete else _written_rows(store, key, layout)
        rows, cached = rows + len(one), cached + have
        parts += -(-(len(one) - have) // layout.part_rows)
        size += sum(layout.shard_bytes(shard, key=key.digest) for shard in range(layout.shards))
    found = Estimate(rows, cached, source.width, size, seconds=0.0, measured=0, keys=tuple(keys))
    if cached == rows:
        return found
    if is_encoder(source):
        timing, devices = _on_devices(source, split, settings, dtype)
    else:
        timing, devices = _read(source, split), Devices(1, 1.0, "this process, which reads files")
    speedup = max(1.0, min(devices.speedup, parts))
    return replace(
        found,
        seconds=timing.seconds * (rows - cached) / timing.rows / speedup,
        measured=timing.rows,
        weights=None if source.parameters is None else source.parameters * timing.precision,
        peak=timing.peak,
        devices=devices,
    )


def _written_rows(store: FeatureStore, key: FeatureKey, layout: Layout) -> int:
    """Return the rows of an unfinished entry that are written, by its journal."""
    try:
        progress = written_parts(store.folder(key))
    except CacheError:
        return 0
    return 0 if progress is None else min(progress[1] * layout.part_rows, layout.rows)


def _read(source: Source, split: Split) -> _Timing:
    start, rows = time.perf_counter(), min(len(split), part_rows(source))
    source.read(split, range(rows))  # type: ignore[attr-defined]
    return _Timing(rows, time.perf_counter() - start, 0, None)


def _on_devices(
    source: Encoder, split: Split, settings: ExtractionSettings, dtype: Dtype
) -> tuple[_Timing, Devices]:
    """Time rows on one of the devices that would compute."""
    if settings.engine == "local":
        device = settings.pick_device()
        return _timed(source, split, settings, dtype), devices_of_job(device)
    room = actors_on(connect(), settings)
    timing = call_on_actor(room, _timed, source, split, settings, dtype)
    each = f"{room.gpus:g} GPU" if room.gpus else f"{room.cores} core{'s' * (room.cores > 1)}"
    return timing, Devices(room.fit, room.fit, f"{room.words}: {room.fit} actors ({each} each)")


def _timed(source: Encoder, split: Split, settings: ExtractionSettings, dtype: Dtype) -> _Timing:
    device = settings.pick_device()
    budget = place(source, split.rows, settings=settings, device=device, dtype=dtype)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    rows, seconds = _seconds(source, split, budget=budget, device=device, settings=settings)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    return _Timing(rows, seconds, compute_dtype(device, dtype).itemsize, peak)


def _seconds(
    source: Encoder,
    split: Split,
    *,
    budget: Budget,
    device: torch.device,
    settings: ExtractionSettings,
) -> tuple[int, float]:
    """Return how many rows were encoded in how many seconds."""
    count = min(len(split), budget.rows * _BATCHES)
    sample = split.rows.select([i * len(split) // count for i in range(count)])
    half = max(1, count // 2)
    parts = [range(start, min(start + half, count)) for start in range(0, count, half)]
    begin = start = time.perf_counter()
    first = measured = 0
    elapsed = 0.0
    for batch in encode_rows(
        source, sample, parts=parts, budget=budget, device=device, workers=settings.workers
    ):
        now = time.perf_counter()
        if not first:
            first, start, elapsed = len(batch.rows), now, now - begin
            continue
        measured, elapsed = measured + len(batch.rows), now - start
        if now - begin > _SECONDS:
            break
    return (measured, elapsed) if measured else (first, elapsed)
