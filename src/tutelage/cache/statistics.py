"""Running mean and standard deviation of columns, in one pass and in float64."""

from array import array
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["RowCounter", "RowCounts", "RunningMoments"]

_ROWS = 256


class RunningMoments:
    """Mean and population standard deviation of columns, updated block by block.

    With ``n``, ``m`` and ``s`` the count, mean and sum of squared deviations so far, and ``n'``,
    ``m'``, ``s'`` those of a block, and ``d = m' - m``:

        m <- m + d n' / (n + n')
        s <- s + s' + d² n n' / (n + n')

    The result depends only on the rows and on where blocks begin, bit for bit: sums are taken row by
    row in one thread.

    Source:
        Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing
        sample variances", eq. 2.1.

    Example:
        >>> moments = RunningMoments(1)
        >>> moments.update(torch.tensor([[1.0], [3.0]]))
        >>> moments.mean, moments.std
        (array([2.]), array([1.]))
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self.mean: NDArray[np.float64] = np.zeros(width)
        self._squares: NDArray[np.float64] = np.zeros(width)

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation, divided by the number of rows."""
        std: NDArray[np.float64] = np.sqrt(self._squares / max(self.count, 1))
        return std

    def update(self, rows: Float[Tensor, "rows width"]) -> None:
        """Add rows, a few hundred at a time, so that they stay in the processor's cache."""
        for start in range(0, len(rows), _ROWS):
            # numpy sums along rows in one fixed order; torch's order depends on its threads.
            block = rows[start : start + _ROWS].to(torch.float64).numpy()
            count = len(block)
            mean = block.sum(axis=0) / count
            block -= mean
            squares = np.einsum("ij,ij->j", block, block)
            total = self.count + count
            shift = mean - self.mean
            self._squares += squares + shift**2 * (self.count * count / total)
            self.mean = self.mean + shift * (count / total)
            self.count = total


@dataclass(frozen=True)
class RowCounts:
    """How many rows of a matrix are zero or repeated.

    Attributes:
        zero: Rows that are zero in every column.
        first_zero: Number of the first of them; -1 if there is none.
        repeated: Rows that equal an earlier one.
    """

    zero: int
    first_zero: int
    repeated: int


class RowCounter:
    """Counts zero and repeated rows, block by block; a row takes 8 bytes.

    Example:
        >>> counter = RowCounter()
        >>> counter.update(torch.tensor([[1.0, 2.0], [0.0, 0.0], [1.0, 2.0]]))
        >>> counter.counts
        RowCounts(zero=1, first_zero=1, repeated=1)
    """

    def __init__(self) -> None:
        self._zero, self._first_zero = 0, -1
        self._hashes = array("q")

    @property
    def counts(self) -> RowCounts:
        """The counts of the rows so far."""
        distinct = len(np.unique(np.frombuffer(self._hashes, dtype=np.int64)))
        return RowCounts(self._zero, self._first_zero, len(self._hashes) - distinct)

    def update(self, rows: Float[Tensor, "rows width"]) -> None:
        """Add rows."""
        zero = (rows == 0).all(dim=1)
        if self._first_zero < 0 and zero.any():
            self._first_zero = len(self._hashes) + int(zero.nonzero()[0])
        self._zero += int(zero.sum())
        self._hashes.extend(hash(row.tobytes()) for row in rows.numpy())
