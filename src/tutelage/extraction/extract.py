"""A teacher's features of a split: from the cache, or computed and cached."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal, TypeGuard

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.cache.features import Features
from tutelage.cache.key import Dtype, FeatureKey, rows_digest
from tutelage.cache.layout import DTYPES
from tutelage.cache.store import FeatureStore
from tutelage.cache.writer import FeatureWriter
from tutelage.data.base import Split
from tutelage.errors import CacheError, SourceError
from tutelage.extraction.batching import choose_budget
from tutelage.extraction.encoding import Encoded, encode_rows
from tutelage.inputs import Cuts
from tutelage.teachers.base import Encoder, Precomputed, Source, checked

__all__ = ["compute_dtype", "extract", "feature_key", "is_encoder", "part_rows", "pick_device"]

_PART_ROWS = {"image": 512, "text": 2048}
"""Texts are sorted by length inside a part, so more are better; images take longer each."""
_BLOCK = 4096


def feature_key(source: Source, split: Split, *, dtype: Dtype = "float16") -> FeatureKey:
    """Return the key of a teacher's features of a split."""
    if dtype not in DTYPES:
        raise CacheError(f"features can be stored as {' or '.join(DTYPES)}, not {dtype!r}")
    return FeatureKey(
        dict(source.identity()),
        split=split.name,
        rows=len(split),
        content=rows_digest(split),
        dtype=dtype,
    )


def extract(
    source: Source,
    split: Split,
    *,
    store: FeatureStore,
    dtype: Dtype = "float16",
    workers: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    device: torch.device | str | None = None,
    on_progress: Callable[[int], None] | None = None,
    on_cuts: Callable[[Cuts], None] | None = None,
) -> Features:
    """Return a teacher's features of a split, computing what is not cached yet.

    Goes on where a killed process ended, and waits for one that extracts the same. On a CPU the
    result is the same, bit for bit, however often it was interrupted. Teachers compute in
    bfloat16 or float16 where the device does that fast and the features are stored as float16.

    Args:
        source: The teacher.
        split: The rows.
        store: The cache.
        dtype: How features are stored.
        workers: Processes that decode and tokenize; 0 does it in this one.
        batch_size: Rows at once, or ``"auto"``: by the memory that is free. Where memory does not
            suffice after all, batches are halved.
        device: Where the teacher computes; by default CUDA, then MPS, then the CPU.
        on_progress: Called with the number of rows done.
        on_cuts: Called once with how many rows were too long for the teacher, where some of those
            that were computed now were.

    Raises:
        SourceError: If the teacher gives NaN or infinity, the wrong width, or fits no memory.
        CacheError: If cached files are damaged, the disk is full, or a value is beyond float16.
    """
    key = feature_key(source, split, dtype=dtype)
    tell = on_progress or _silent
    found = store.open(key, split.ids)
    if found is None:
        with store.writer(
            key, ids=split.ids, width=source.width, part_rows=part_rows(source)
        ) as writer:
            if not writer.complete:
                where = pick_device(device)
                cuts = _write_missing(
                    writer,
                    source,
                    split,
                    workers=workers,
                    batch_size=batch_size,
                    device=where,
                    tell=tell,
                )
                if cuts.cut and on_cuts is not None:
                    on_cuts(cuts)
                precision = str(compute_dtype(where, dtype)).removeprefix("torch.")
                writer.finish(f"{precision} on {where.type}" if is_encoder(source) else "")
        found = store.open(key, split.ids)
        if found is None:
            raise CacheError(f"{store.folder(key)} was deleted while it was written")
    tell(len(split))
    return found


def part_rows(source: Source) -> int:
    """Rows of a part: what a killed process loses."""
    return _PART_ROWS[source.modality] if is_encoder(source) else _BLOCK


def pick_device(device: torch.device | str | None) -> torch.device:
    """Return the device that is asked for, else the fastest there is."""
    if device is not None:
        return torch.device(device)
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def compute_dtype(device: torch.device, dtype: Dtype) -> torch.dtype:
    """Return the precision that a teacher computes in."""
    if dtype == "float32" or device.type == "cpu":
        return torch.float32
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
        return torch.bfloat16
    return torch.float16


def is_encoder(source: Source) -> TypeGuard[Encoder]:
    """Whether a teacher computes its features, rather than reads them."""
    return hasattr(source, "encode")


def _is_precomputed(source: Source) -> TypeGuard[Precomputed]:
    return hasattr(source, "read")


def _silent(_: int) -> None:
    pass


def _write_missing(
    writer: FeatureWriter,
    source: Source,
    split: Split,
    *,
    workers: int,
    batch_size: int | Literal["auto"],
    device: torch.device,
    tell: Callable[[int], None],
) -> Cuts:
    layout = writer.layout
    missing = list(writer.missing)
    parts = [layout.part(number) for number in missing]
    done, cuts = len(split) - sum(map(len, parts)), Cuts()

    def advance(rows: int) -> None:
        nonlocal done
        done += rows
        tell(done)

    def counted(batches: Iterator[Encoded]) -> Iterator[Encoded]:
        nonlocal cuts
        for batch in batches:
            cuts += batch.cuts
            yield batch

    advance(0)
    if is_encoder(source):
        source.to(device, compute_dtype(device, layout.dtype))
        with torch.inference_mode():
            budget = choose_budget(source, split.rows, batch_size=batch_size, device=device)
        encoded = encode_rows(
            source, split.rows, parts=parts, budget=budget, device=device, workers=workers
        )
        blocks = _assembled(counted(encoded), parts, width=layout.width, advance=advance)
    elif _is_precomputed(source):
        blocks = _read(source, split, parts, advance=advance)
    else:
        raise SourceError(f"{type(source).__name__} has neither encode() nor read()")
    # One part is written while the next is computed.
    with ThreadPoolExecutor(1) as pool:
        writing: Future[None] | None = None
        for number, block in zip(missing, blocks, strict=True):
            if writing is not None:
                writing.result()
            writing = pool.submit(writer.write, number, block)
        if writing is not None:
            writing.result()
    return cuts


def _assembled(
    encoded: Iterator[Encoded],
    parts: Sequence[range],
    *,
    width: int,
    advance: Callable[[int], None],
) -> Iterator[Float[Tensor, "rows width"]]:
    """Put batches, which are sorted by length, back into the order of each part's rows."""
    for part in parts:
        block = torch.empty(len(part), width)
        todo = len(part)
        while todo:
            batch = next(encoded)
            block[batch.rows - part.start] = batch.features
            todo -= len(batch.rows)
            advance(len(batch.rows))
        yield block


def _read(
    source: Precomputed, split: Split, parts: Sequence[range], *, advance: Callable[[int], None]
) -> Iterator[Float[Tensor, "rows width"]]:
    for part in parts:
        yield checked(source.read(split, part), rows=len(part), width=source.width)
        advance(len(part))
