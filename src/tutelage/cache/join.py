"""Cached features of several teachers, beside the rows that a student trains on."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from tutelage.cache.features import Features
from tutelage.errors import CacheError

__all__ = ["ChainedRows", "TeacherRows"]


class TeacherRows:
    """Finds each row's features by the row's id.

    Ids are matched once; a gather is then one indexed read a teacher. The rows may be some of
    those that were cached, in any order.

    Args:
        features: By the teacher's name.
        ids: The rows' ids, in the order that ``gather`` numbers them.

    Raises:
        CacheError: If a row has no features; the message names it.

    Attributes:
        features: As given.
        widths: Columns of each teacher.

    Example:
        >>> teachers = TeacherRows({"dino": features}, ids=split.ids)  # doctest: +SKIP
        >>> teachers.gather(torch.tensor([3, 0]))["dino"].shape  # doctest: +SKIP
        torch.Size([2, 1536])
    """

    def __init__(self, features: Mapping[str, Features], ids: Sequence[str]) -> None:
        self.features = dict(features)
        self.widths = {name: one.width for name, one in self.features.items()}
        self._rows = {name: _matched(name, one, ids) for name, one in self.features.items()}
        self._count = len(ids)

    def __len__(self) -> int:
        return self._count

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Float[Tensor, "batch width"]]:
        """Return every teacher's features of these rows, as stored, on the CPU.

        Raises:
            IndexError: If a number is negative, or no row's.
        """
        found = {}
        for name, features in self.features.items():
            rows = self._rows[name]
            found[name] = features.gather(
                indices if rows is None else rows.index_select(0, indices)
            )
        return found


class ChainedRows:
    """The rows of several ``TeacherRows``, numbered through: all of the first, then the next.

    Raises:
        CacheError: If they are not of the same teachers.
    """

    def __init__(self, parts: Sequence[TeacherRows]) -> None:
        self.parts = tuple(parts)
        self.widths = self.parts[0].widths
        if any(part.widths != self.widths for part in self.parts):
            raise CacheError("rows of different teachers cannot be chained")
        self._ends = torch.tensor([len(part) for part in self.parts]).cumsum(0)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Float[Tensor, "batch width"]]:
        """Return every teacher's features of these rows, as stored, on the CPU."""
        owner = torch.bucketize(indices, self._ends, right=True)
        order = owner.argsort(stable=True)
        back = order.argsort()
        found = []
        for number, part in enumerate(self.parts):
            mine = indices[order][owner[order] == number]
            found.append(part.gather(mine - (int(self._ends[number]) - len(part))))
        return {
            name: torch.cat([one[name] for one in found]).index_select(0, back)
            for name in self.widths
        }


def _matched(name: str, features: Features, ids: Sequence[str]) -> Int64[Tensor, " rows"] | None:
    """The cached row of each id; None where both are in the same order."""
    if features.ids is ids or (len(features) == len(ids) and list(features.ids) == list(ids)):
        return None
    numbers = {one: number for number, one in enumerate(features.ids)}
    try:
        return torch.tensor([numbers[one] for one in ids], dtype=torch.int64)
    except KeyError:
        missing = [one for one in ids if one not in numbers]
        raise CacheError(
            f"teacher {name!r} has no cached features for the row {missing[0]!r}"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            + f"; its {len(features)} cached rows are of split {features.key.split!r}, and begin "
            f"with {features.ids[0]!r}: extract the features of the rows you train on"
        ) from None
