"""Pairs of similar rows, found without comparing all with all."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt64

__all__ = ["MOST", "Nearest", "Pairs", "candidates"]

MOST = 4096
"""Rows of one bucket that a row is compared with at most, so that time grows with the rows."""

Pairs = tuple[Int64[np.ndarray, " _"], Int64[np.ndarray, " _"]]
"""The earlier and the later row of each pair."""


def candidates(keys: UInt64[np.ndarray, "rows bands"], *, most: int = MOST) -> Iterator[Pairs]:
    """Yield pairs of rows that agree in a band, the lower number first; some come twice.

    The rows are sorted by each band in turn, so that those that agree in it lie side by side: in a
    bucket. Within a bucket the rows most alike in their other bands are neighbours, and each is
    compared with its next ``most`` neighbours.
    """
    for band in range(keys.shape[1]):
        by_band = (*(keys[:, other] for other in range(keys.shape[1])), keys[:, band])
        order = np.lexsort(by_band)
        key = keys[order, band]
        place = np.arange(len(order))
        for step in range(1, min(most + 1, len(order))):
            place = place[: np.searchsorted(place, len(order) - step)]
            place = place[key[place] == key[place + step]]
            if not len(place):
                break
            first, second = order[place], order[place + step]
            yield np.minimum(first, second), np.maximum(first, second)


class Nearest:
    """The most similar earlier row of each row, kept while pairs go by.

    Args:
        rows: Number of rows.
    """

    def __init__(self, rows: int) -> None:
        self.partner: Int64[np.ndarray, " rows"] = np.full(rows, -1, dtype=np.int64)
        self.distance: Float[np.ndarray, " rows"] = np.full(rows, np.inf)

    def add(
        self,
        pairs: Pairs,
        distance: Float[np.ndarray, " pairs"],
        *,
        where: Bool[np.ndarray, " pairs"],
    ) -> None:
        """Take note of some pairs, and of those only where a condition holds."""
        earlier, row, distance = pairs[0][where], pairs[1][where], distance[where]
        # The last of equal rows counts in an assignment: it must be the nearest, then the first.
        order = np.lexsort((-earlier, -distance))
        earlier, row, distance = earlier[order], row[order], distance[order]
        nearer = distance < self.distance[row]
        self.partner[row[nearer]] = earlier[nearer]
        self.distance[row[nearer]] = distance[nearer]

    def each(self) -> Iterator[tuple[int, int, float]]:
        """Yield each row that has a partner, with the partner and the distance."""
        for row in np.flatnonzero(self.partner >= 0).tolist():
            yield row, int(self.partner[row]), float(self.distance[row])
