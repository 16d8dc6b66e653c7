"""Extraction of a teacher's features of a split: read from the cache, or computed and cached."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

from tutelage.cache.digests import CHECK_UP_TO
from tutelage.cache.features import Features
from tutelage.cache.handover import Handover
from tutelage.cache.key import Dtype, FeatureKey, rows_digest
from tutelage.cache.precision import refuse_loss
from tutelage.cache.refusals import note_refusal, refusal
from tutelage.cache.store import FeatureStore
from tutelage.cache.writer import FeatureWriter
from tutelage.data.base import Split
from tutelage.errors import CacheError, PrecisionError, SourceError
from tutelage.extraction.doubts import doubts
from tutelage.extraction.parts import PartComputer, is_encoder, part_rows
from tutelage.extraction.ranks import computed_by_all, help_leader, processes, rank
from tutelage.extraction.ray_engine import computed_by_ray
from tutelage.extraction.settings import ExtractionSettings
from tutelage.files import human_size
from tutelage.inputs import Cuts
from tutelage.progress import Progress, Silent
from tutelage.teachers.base import Source

__all__ = ["cached_features", "extract_split", "feature_key"]


def feature_key(source: Source, split: Split, *, dtype: Dtype = "float16") -> FeatureKey:
    """Return the cache key of a teacher's features of a split."""
    return FeatureKey(
        dict(source.identity()),
        split=split.name,
        rows=len(split),
        content=rows_digest(split),
        dtype=dtype,
    )


def extract_split(
    source: Source,
    split: Split,
    *,
    store: FeatureStore,
    settings: ExtractionSettings | None = None,
    name: str = "teacher",
    spec: str = "",
    progress: Progress | None = None,
) -> Features:
    """Return a teacher's features of a split, computing what is not cached yet.

    An interrupted extraction is continued; if another process extracts the same features, this waits
    for it, and the processes of one job, as torchrun starts them, share the work. On a CPU the result
    is the same, bit for bit, however often it was interrupted and whoever computed it. Teachers
    compute in bfloat16 or float16 if the device does so fast and features are stored as float16.
    Features that float16 cannot hold are stored as float32, and this is noted; so are features that
    tell little, see ``doubts``.

    Args:
        source: The teacher.
        split: The rows.
        store: The cache.
        settings: Precision, batch size, workers and device.
        name: Name of the teacher in progress reports.
        spec: The teacher as the user wrote it, e.g. ``timm:resnet18``; for listings of the cache.
        progress: Receives progress reports. Silent by default.

    Raises:
        SourceError: If the teacher returns NaN or infinity, the wrong width, or does not fit in memory.
        CacheError: If cached files are damaged, the disk is full, float32 cannot hold a value, or the
            remote cache cannot be used.
    """
    settings, progress = settings or ExtractionSettings(), progress or Silent()
    label = f"{name}, {split.name}"
    _fetch(source, split, store, settings, label=label, progress=progress)
    features = cached_features(source, split, store=store, dtype=settings.dtype)
    if features is not None:
        progress.note(f"{name}: features of the {len(split)} rows of {split.name} are cached")
        if features.bytes > CHECK_UP_TO:
            progress.note(
                f"{name}: {human_size(features.bytes)} are used without reading them first; "
                "'tutelage cache verify' compares them with what was written"
            )
    else:
        if store.remote is not None:
            store.remote.check_writable()
        named: dict[str, Any] = {"name": name, "spec": spec, "progress": progress}
        refused = None
        if settings.dtype != "float32":
            refused = refusal(store.folder(feature_key(source, split, dtype="float32")))
        if refused is None:
            try:
                features = _extract(source, split, store, settings, **named)
            except PrecisionError as error:
                if settings.dtype == "float32":
                    raise
                refused = error.reason
        if features is None:
            progress.note(
                f"{name}: {refused}; the features of {split.name} are stored as float32, at "
                "twice the size"
            )
            wide = replace(settings, dtype="float32")
            features = _extract(source, split, store, wide, refused=refused, **named)
    if rank() == 0:
        store.put(features.key, progress=progress, label=label)
    for doubt in doubts(features):
        progress.note(f"{name}: {doubt}")
    return features


def _fetch(
    source: Source,
    split: Split,
    store: FeatureStore,
    settings: ExtractionSettings,
    *,
    label: str,
    progress: Progress,
) -> None:
    """Fetch features from the remote cache; those in float32 where float16 could not hold them."""
    if store.remote is None:
        return
    dtypes: tuple[Dtype, ...] = (settings.dtype, "float32")
    for dtype in dict.fromkeys(dtypes):
        key = feature_key(source, split, dtype=dtype)
        if store.fetch(key, progress=progress, label=label):
            return


def cached_features(
    source: Source, split: Split, *, store: FeatureStore, dtype: Dtype = "float16"
) -> Features | None:
    """Return a teacher's features of a split from the cache, as ``extract_split`` would store them.

    Features in float32 stand for those in float16 only where the latter cannot hold them, so that
    what else lies in the cache changes no number.
    """
    features = store.open(feature_key(source, split, dtype=dtype), split.ids)
    if features is not None or dtype == "float32":
        return features
    key = feature_key(source, split, dtype="float32")
    wide = store.open(key, split.ids)
    if wide is None or refusal(store.folder(key)) is not None:
        return wide
    return None if _survives(wide, part_rows(source)) else wide


def _survives(features: Features, step: int) -> bool:
    """Whether float16 holds features, judged by parts as they are written."""
    rows = len(features)
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        values = features.read(start, stop)
        try:
            refuse_loss(values, values.half(), ids=features.ids[start:stop], total=rows)
        except PrecisionError:
            return False
    return True


def _extract(
    source: Source,
    split: Split,
    store: FeatureStore,
    settings: ExtractionSettings,
    *,
    name: str,
    spec: str,
    progress: Progress,
    refused: str | None = None,
) -> Features:
    """Compute and cache the features of a split; ``refused`` is why float16 does not hold them."""
    key = feature_key(source, split, dtype=settings.dtype)
    layout = store.layout(key, width=source.width, part_rows=part_rows(source))
    computer = PartComputer(source, split, layout, settings)
    wide = store.folder(feature_key(source, split, dtype="float32"))
    handover = Handover(store.folder(key))

    def refuse_as_another_did() -> None:
        if settings.dtype != "float32" and (reason := refusal(wide)) is not None:
            raise PrecisionError(reason, advice="another process found this")

    shared = settings.engine == "local" and is_encoder(source)
    if shared and rank() and processes() > 1:
        help_leader(computer, store.folder(key), ended=refuse_as_another_did)
    with store.writer(
        key, ids=split.ids, width=source.width, part_rows=part_rows(source), progress=progress
    ) as writer:
        if refused is not None:
            note_refusal(writer.folder, refused)
        if not writer.complete:
            refuse_as_another_did()
            with progress.track(f"extract {name}, {split.name}", len(split), unit="rows") as update:
                try:
                    cuts = _write_missing(writer, computer, update=update)
                except PrecisionError as error:
                    note_refusal(wide, error.reason)  # before others can hold the lock
                    handover.clear()
                    writer.discard()
                    raise
                except SourceError:
                    handover.clear()  # a part of it may hold what cannot be written
                    raise
            if cuts.cut:
                progress.note(f"{name}: {cuts.words(split.name)}")
            if writer.rounded.any():
                progress.note(
                    f"{name}: {int(writer.rounded.sum())} of {source.width} columns vary so little "
                    f"beside the others that {settings.dtype} rounds them away (column "
                    f"{int(writer.rounded.nonzero()[0])}); cache.dtype = 'float32' would keep them"
                )
            writer.finish(computer.computed, source=spec)
        handover.clear()
    if (features := store.open(key, split.ids)) is None:
        raise CacheError(f"{store.folder(key)} was deleted while it was written")
    return features


def _write_missing(
    writer: FeatureWriter, computer: PartComputer, *, update: Callable[[int], None]
) -> Cuts:
    """Compute and write the parts that are missing; return how many rows were cut."""
    layout, missing = writer.layout, list(writer.missing)
    done, cuts = layout.rows - sum(len(layout.part(part)) for part in missing), Cuts()

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        update(done)

    advance(0)
    if computer.settings.engine == "ray" and is_encoder(computer.source):
        computed = computed_by_ray(computer, missing, advance=advance)
    elif processes() > 1 and is_encoder(computer.source):
        computed = computed_by_all(computer, writer, advance=advance)
    else:
        computed = computer.compute(missing, advance=advance)
    # One part is written while the next is computed.
    with ThreadPoolExecutor(1) as pool, closing(computed):
        writing: Future[None] | None = None
        for block in computed:
            cuts += block.cuts
            if writing is not None:
                writing.result()
            writing = pool.submit(writer.write, block.part, block.features)
        if writing is not None:
            writing.result()
    return cuts
