"""Encoding of rows: decoded in worker processes, computed on the device, copied back in the background."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from tutelage.data.base import Rows
from tutelage.errors import SourceError, TutelageError, out_of_memory
from tutelage.extraction.batching import Budget, cut
from tutelage.inputs import Cuts
from tutelage.inputs.workers import Failure, raising
from tutelage.teachers.base import Encoder, checked

__all__ = ["Encoded", "encode_rows"]

_IN_FLIGHT = 2
"""Batches whose copy to the CPU may be in progress."""


class InputBatch(NamedTuple):
    """Padded inputs of some rows, with the rows' numbers and how many of them were cut."""

    rows: Tensor
    inputs: Mapping[str, Tensor]
    cuts: Cuts


@dataclass(frozen=True)
class Encoded:
    """Features of some rows, on the CPU.

    Attributes:
        rows: The rows' numbers, in any order.
        features: Features of these rows.
        cuts: How many of the rows were too long for the teacher.
    """

    rows: Int64[Tensor, " batch"]
    features: Float[Tensor, "batch width"]
    cuts: Cuts


def encode_rows(
    source: Encoder,
    rows: Rows,
    *,
    parts: Sequence[range],
    budget: Budget,
    device: torch.device,
    workers: int,
) -> Iterator[Encoded]:
    """Encode all rows of some parts, part after part.

    A batch holds rows of one part only, and depends on the part and the budget alone.

    Args:
        source: The teacher, on the device.
        rows: All rows.
        parts: Numbers of the rows of each part.
        budget: Largest size of a batch.
        device: Where the teacher computes.
        workers: Processes that decode and tokenize; 0 decodes in this process.

    Raises:
        SourceError: If the features' width is not the teacher's, or a single row does
            not fit in memory.
        TutelageError: If a row cannot be prepared, or a worker process dies.
    """
    pieces = list(_pieces(source, parts, budget))
    loader: DataLoader[Any] = DataLoader(
        _InputBatches(source, rows, pieces=pieces, budget=budget),
        batch_size=None,
        collate_fn=_unchanged,
        num_workers=min(workers, len(pieces)),
        pin_memory=device.type == "cuda",
    )
    forward = _Forward(source, device)
    in_flight: deque[tuple[InputBatch, Tensor, torch.cuda.Event | None]] = deque()
    for batch in chain.from_iterable(raising(loader)):
        in_flight.append((batch, *_to_host(forward(batch.inputs, len(batch.rows)))))
        if len(in_flight) > _IN_FLIGHT or device.type == "cpu":
            yield _wait(in_flight.popleft())
    while in_flight:
        yield _wait(in_flight.popleft())


def _pieces(source: Encoder, parts: Sequence[range], budget: Budget) -> Iterator[range]:
    """Yield the rows that a worker prepares at once: a batch of images, or a part of texts to sort."""
    for part in parts:
        step = budget.rows if source.modality == "image" else len(part)
        for start in range(part.start, part.stop, step):
            yield range(start, min(start + step, part.stop))


class _InputBatches(Dataset[Any]):
    """Padded batches of each piece of rows."""

    def __init__(
        self, source: Encoder, rows: Rows, *, pieces: Sequence[range], budget: Budget
    ) -> None:
        self.prepare, self.cost, self.collate = source.prepare, source.cost, source.collate
        self.rows = rows
        self.pieces = pieces
        self.budget = budget

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, number: int) -> list[InputBatch] | Failure:
        piece = self.pieces[number]
        try:
            prepared = [self.prepare(self.rows[index]) for index in piece]
            groups = cut([self.cost(row) for row in prepared], self.budget)
            return [
                InputBatch(
                    torch.tensor([piece[i] for i in group]),
                    self.collate([prepared[i] for i in group]),
                    Cuts.of(prepared[i] for i in group),
                )
                for group in groups
            ]
        except TutelageError as error:
            return Failure.of(error)


def _unchanged(content: Any) -> Any:
    return content


class _Forward:
    """Runs the teacher; halves batches that do not fit in memory, for good."""

    def __init__(self, source: Encoder, device: torch.device) -> None:
        self.source = source
        self.device = device
        self.pieces = 1

    def __call__(self, batch: Mapping[str, Tensor], rows: int) -> Tensor:
        while True:
            size = -(-rows // self.pieces)
            try:
                return torch.cat(
                    [
                        self._encode(batch, range(start, min(start + size, rows)))
                        for start in range(0, rows, size)
                    ]
                )
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                reason = str(error)
            # Outside the handler, because the error keeps the frames and so the tensors alive.
            if size == 1:
                raise SourceError(
                    f"not even one row fits in the memory of {self.device}: {reason}; use a smaller "
                    "teacher, shorter texts, or another device"
                )
            self.pieces *= 2
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    @torch.inference_mode()
    def _encode(self, batch: Mapping[str, Tensor], rows: range) -> Tensor:
        inputs = {name: tensor[rows.start : rows.stop] for name, tensor in batch.items()}
        features = self.source.encode(
            {name: tensor.to(self.device, non_blocking=True) for name, tensor in inputs.items()}
        )
        return checked(features, rows=len(rows), width=self.source.width)


def _to_host(features: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
    """Start the copy to the CPU; the event is done when the copy is.

    Doubles and whole numbers stay exact: what is lost of them is judged where they are stored.
    """
    exact = features.dtype in (torch.float64, torch.int32, torch.int64)
    dtype = torch.float64 if exact else torch.float32
    if features.device.type != "cuda":
        return features.cpu().to(dtype), None
    host = torch.empty(features.shape, dtype=dtype, pin_memory=True)
    host.copy_(features, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(features.device))
    return host, event


def _wait(copy: tuple[InputBatch, Tensor, torch.cuda.Event | None]) -> Encoded:
    """Wait for the end of a batch's copy to the CPU."""
    batch, features, event = copy
    if event is not None:
        event.synchronize()
    return Encoded(rows=batch.rows, features=features, cuts=batch.cuts)
