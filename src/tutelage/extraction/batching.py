"""Batches of rows of similar length, as large as memory allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from tutelage.data.base import Rows
from tutelage.errors import out_of_memory
from tutelage.teachers.base import Encoder

__all__ = ["Budget", "choose_budget", "cut"]

_MAX_IMAGES, _MAX_TEXTS = 128, 512
"""Rows of a batch where memory is large. A worker decodes the images of a batch one after the other: the
device waits for the first, and all batches in preparation are held in memory."""
_MEMORY_SHARE = 0.6
"""Share of free memory to use; the rest is for fragmentation and for other processes."""


@dataclass(frozen=True)
class Budget:
    """Largest size of a batch.

    Attributes:
        rows: Largest number of rows.
        cost: Largest product of the number of rows and the highest cost among them (tokens after
            padding); None for no limit.
    """

    rows: int
    cost: int | None = None


def cut(costs: Sequence[int], budget: Budget) -> list[list[int]]:
    """Group rows of similar cost into batches within a budget, the most costly first.

    Padding is then small, and a lack of memory shows in the first batch.

    Args:
        costs: Cost of each row.
        budget: Largest size of a batch.

    Returns:
        The row numbers of each batch.

    Example:
        >>> cut([2, 9, 3, 8], Budget(rows=2))
        [[1, 3], [2, 0]]
    """
    batches: list[list[int]] = []
    highest = 0
    for index in sorted(range(len(costs)), key=lambda i: (-costs[i], i)):
        batch = batches[-1] if batches else None
        fits = (
            batch is not None
            and len(batch) < budget.rows
            and (budget.cost is None or (len(batch) + 1) * highest <= budget.cost)
        )
        if batch is not None and fits:
            batch.append(index)
        else:
            batches.append([index])
            highest = costs[index]
    return batches


def choose_budget(
    source: Encoder,
    rows: Rows,
    *,
    batch_size: int | Literal["auto"],
    device: torch.device,
) -> Budget:
    """Return the budget for a teacher on a device.

    On CUDA, ``"auto"`` measures the memory of two small batches of the most costly among 64 rows, and
    fills a share of the free memory, with at most 128 images or 512 texts. On other devices it is 32
    images, or 4,096 tokens in at most 128 texts.

    Args:
        source: The teacher, on the device.
        rows: The rows to encode.
        batch_size: Rows per batch, or ``"auto"``.
        device: The device.
    """
    if batch_size != "auto":
        return Budget(rows=batch_size)
    if device.type == "cuda":
        return _measured(source, rows, device)
    return Budget(rows=32) if source.modality == "image" else Budget(rows=128, cost=4096)


def _measured(source: Encoder, rows: Rows, device: torch.device) -> Budget:
    step = max(1, len(rows) // 64)
    prepared = [source.prepare(rows[i]) for i in range(0, len(rows), step)]
    prepared.sort(key=source.cost, reverse=True)
    costly, longest = prepared[0], source.cost(prepared[0])

    def peak(count: int) -> int:
        batch = {
            name: tensor.to(device) for name, tensor in source.collate([costly] * count).items()
        }
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        with torch.inference_mode():
            source.encode(batch)
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before

    peak(1)  # libraries allocate their workspace at the first call
    small, large = 4, 16
    try:
        bytes_per_row = (peak(large) - peak(small)) / (large - small)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return Budget(rows=small)
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    fitting = max(1, int(_MEMORY_SHARE * free / max(bytes_per_row, 1.0)))
    if longest <= 1:
        return Budget(rows=min(fitting, _MAX_IMAGES))
    return Budget(rows=_MAX_TEXTS, cost=fitting * longest)
