"""Order of the rows in training: shuffled batches, and batches paired with unlabelled rows."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64
from torch.utils.data import Sampler

__all__ = ["PairedBatches", "RowView", "ShuffledBatches", "rows_in_order", "view_seed"]

EPOCHS = 720_721
"""More epochs than a run has. Less 1 it is a multiple of 1 to 16, so that of up to 15 cached views of a row
each seed begins with the next."""


class RowView(NamedTuple):
    """One row of a batch.

    Attributes:
        row: The row's number.
        seed: Decides the row's augmented view, in whichever process it is decoded.
    """

    row: int
    seed: int


def view_seed(row: int, *, rows: int, seed: int, epoch: int) -> int:
    """Return the seed of a row's augmented view: ``row + rows * (720721 * seed + epoch)``.

    Rows, epochs and runs of other seeds have seeds of their own. The number does not depend on the
    batch, so a resumed run draws the same views.

    Args:
        row: The row's number, below ``rows``.
        rows: All training rows.
        seed: The run's seed.
        epoch: The epoch, from 0.
    """
    return row + rows * (EPOCHS * seed + epoch)


def rows_in_order(rows: Sequence[int], batch_size: int) -> list[list[RowView]]:
    """Return batches of these rows, each once, in order; the last batch may be smaller."""
    views = [RowView(row, row) for row in rows]
    return [views[start : start + batch_size] for start in range(0, len(views), batch_size)]


class ShuffledBatches(Sampler[list[RowView]]):
    """A fixed number of batches of rows that are shuffled anew in each epoch.

    The order of an epoch follows from seed and epoch alone, so a run can start at any batch. At the
    end of an epoch, rows that do not fill a batch are left out.

    Args:
        rows: Numbers of the rows to draw from.
        batch_size: Rows of a batch, at most ``len(rows)``.
        batches: Number of the last batch plus 1.
        start: Number of the first batch, from 0.
        seed: Decides the order of every epoch.
        total: All training rows, of which ``rows`` may be a part; by default ``rows.stop``.
        beside: Number of the rows that batches of the same numbers are drawn from at the same time.
            Orders of about equally many rows resemble each other, so that up to twice as many have an
            order of their own; without it, the order of that epoch.
    """

    def __init__(
        self,
        rows: range,
        batch_size: int,
        *,
        batches: int,
        start: int = 0,
        seed: int,
        total: int | None = None,
        beside: int | None = None,
    ) -> None:
        self.rows = rows
        self.batch_size = batch_size
        self.drop_last = True  # accelerate asks for it when it shares batches among processes
        self._batches = batches
        self._start = start
        self._seed = seed
        self._total = rows.stop if total is None else total
        alike = beside is not None and beside <= 2 * len(rows) and len(rows) <= 2 * beside
        self._stream = (1,) if alike else ()

    def __len__(self) -> int:
        return self._batches - self._start

    def __iter__(self) -> Iterator[list[RowView]]:
        batches_per_epoch = len(self.rows) // self.batch_size
        order: Int64[np.ndarray, " rows"] | None = None
        for batch in range(self._start, self._batches):
            epoch, position = divmod(batch, batches_per_epoch)
            if order is None or position == 0:
                numbers = np.random.default_rng((self._seed, epoch, *self._stream))
                order = numbers.permutation(len(self.rows))
            drawn = order[position * self.batch_size : (position + 1) * self.batch_size]
            yield self._views(drawn.tolist(), epoch)

    def _views(self, drawn: Sequence[int], epoch: int) -> list[RowView]:
        numbers = [self.rows[number] for number in drawn]
        return [
            RowView(row, view_seed(row, rows=self._total, seed=self._seed, epoch=epoch))
            for row in numbers
        ]


class PairedBatches(Sampler[list[RowView]]):
    """Batches of labelled rows, each followed by a batch of unlabelled rows.

    Args:
        labelled: The batches of labelled rows.
        unlabelled: As many batches of unlabelled rows.
    """

    def __init__(self, labelled: ShuffledBatches, unlabelled: ShuffledBatches) -> None:
        self.batch_size = labelled.batch_size + unlabelled.batch_size
        self.drop_last = True
        self._labelled = labelled
        self._unlabelled = unlabelled

    def __len__(self) -> int:
        return len(self._labelled)

    def __iter__(self) -> Iterator[list[RowView]]:
        for labelled, unlabelled in zip(self._labelled, self._unlabelled, strict=True):
            yield labelled + unlabelled
