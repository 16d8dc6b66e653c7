"""Rows through a teacher: decoded by worker processes, computed on the device, in flight."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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


class Batch(NamedTuple):
    """Some rows by their numbers, padded, and how many of them were cut."""

    rows: Tensor
    inputs: Mapping[str, Tensor]
    cuts: Cuts


@dataclass(frozen=True)
class Encoded:
    """Features of some rows, on the CPU.

    Attributes:
        rows: Their numbers; not in order.
        features: One row each.
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
    """Encode all rows of some parts; a part's last batch comes before the next part's first.

    Batches never cross a part, and are a function of the part and the budget alone.

    Raises:
        SourceError: If the features' width is not the teacher's, a worker dies, or not even one
            row fits the memory.
        TutelageError: What ``prepare`` raised in a worker.
    """
    pieces = list(_pieces(source, parts, budget))
    loader: DataLoader[Any] = DataLoader(
        _Batches(source, rows, pieces=pieces, budget=budget),
        batch_size=None,
        collate_fn=_unchanged,
        num_workers=min(workers, len(pieces)),
        pin_memory=device.type == "cuda",
    )
    forward = _Forward(source, device)
    flying: deque[tuple[Batch, Tensor, torch.cuda.Event | None]] = deque()
    for batch in _batches(loader):
        flying.append((batch, *_to_host(forward(batch.inputs, len(batch.rows)))))
        if len(flying) > _IN_FLIGHT or device.type == "cpu":
            yield _landed(flying.popleft())
    while flying:
        yield _landed(flying.popleft())


def _pieces(source: Encoder, parts: Sequence[range], budget: Budget) -> Iterator[range]:
    """What a worker prepares at once: a batch of images, or a part of texts to sort by length."""
    for part in parts:
        step = budget.rows if source.modality == "image" else len(part)
        for start in range(part.start, part.stop, step):
            yield range(start, min(start + step, part.stop))


class _Batches(Dataset[Any]):
    """Prepared and padded batches of each piece."""

    def __init__(
        self, source: Encoder, rows: Rows, *, pieces: Sequence[range], budget: Budget
    ) -> None:
        self.prepare, self.cost, self.collate = source.prepare, source.cost, source.collate
        self.rows = rows
        self.pieces = pieces
        self.budget = budget

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, number: int) -> list[Batch] | Failure:
        piece = self.pieces[number]
        try:
            prepared = [self.prepare(self.rows[index]) for index in piece]
            groups = cut([self.cost(one) for one in prepared], self.budget)
            return [
                Batch(
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


def _batches(loader: "DataLoader[Any]") -> Iterator[Batch]:
    try:
        for found in raising(loader):
            yield from found
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise SourceError(
            f"a worker process that decodes rows died ({error}); most often memory was short, or "
            "/dev/shm too small: set fewer workers, or 0"
        ) from error


class _Forward:
    """The teacher on its device, in as many pieces a batch as its memory asks for."""

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
            # Outside the handler: the error holds the frames that hold the tensors.
            if size == 1:
                raise SourceError(
                    f"not even one row fits the memory of {self.device}: {reason}; use a smaller "
                    "teacher, shorter texts, or another device"
                )
            self.pieces *= 2
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    @torch.inference_mode()
    def _encode(self, batch: Mapping[str, Tensor], rows: range) -> Tensor:
        some = {name: tensor[rows.start : rows.stop] for name, tensor in batch.items()}
        features = self.source.encode(
            {name: tensor.to(self.device, non_blocking=True) for name, tensor in some.items()}
        )
        return checked(features, rows=len(rows), width=self.source.width)


def _to_host(features: Tensor) -> tuple[Tensor, torch.cuda.Event | None]:
    """Start the way to the CPU; the event tells when it is over."""
    if features.device.type != "cuda":
        return features.to("cpu", torch.float32), None
    host = torch.empty(features.shape, dtype=torch.float32, pin_memory=True)
    host.copy_(features, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(features.device))
    return host, event


def _landed(flying: tuple[Batch, Tensor, torch.cuda.Event | None]) -> Encoded:
    batch, features, event = flying
    if event is not None:
        event.synchronize()
    return Encoded(rows=batch.rows, features=features, cuts=batch.cuts)
