"""What a method may look at before training starts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from tutelage.tasks.labels import UNLABELLED

__all__ = ["UNLABELLED", "FeatureTable", "TrainingEvidence"]


@runtime_checkable
class FeatureTable(Protocol):
    """Numbered rows with a matrix of features for each teacher; see ``tutelage.cache.table``."""

    @property
    def widths(self) -> Mapping[str, int]:
        """Columns of each teacher."""

    def __len__(self) -> int:
        """Return how many rows there are."""

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Float[Tensor, "batch _"]]:
        """Return every teacher's features of these rows, in this order, of any floating dtype."""


@dataclass(frozen=True)
class TrainingEvidence:
    """What a method may look at before training: training rows, never those it is evaluated on.

    Attributes:
        teachers: The teachers' features of the training rows.
        labels: Of the same rows: class numbers, -100 where a row has none; or, where there are
            several labels or regression targets, a column each (0 and 1, or standardised), NaN for none.
        classes: How many classes, labels or targets there are.
        student: Computes the student's features as it begins, of the same rows in the same order.
        seed: Seeds what a method draws; the global random state is left alone.
        device: Where a method computes.

    Raises:
        ValueError: If there is not one label a row.

    Example:
        >>> class Rows:
        ...     widths = {"dino": 2}
        ...     def __len__(self):
        ...         return 3
        ...     def gather(self, indices):
        ...         return {"dino": torch.eye(3, 2)[indices].half()}
        >>> evidence = TrainingEvidence(
        ...     Rows(),
        ...     labels=torch.tensor([0, 1, UNLABELLED]),
        ...     classes=2,
        ...     student=lambda: torch.ones(3, 4),
        ...     seed=0,
        ...     device=torch.device("cpu"),
        ... )
        >>> [block["dino"].shape for block in evidence.blocks(2)]
        [torch.Size([2, 2]), torch.Size([1, 2])]
    """

    teachers: FeatureTable
    labels: Shaped[Tensor, "rows ..."]
    classes: int
    student: Callable[[], Float[Tensor, "rows width"]]
    seed: int
    device: torch.device

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.teachers):
            raise ValueError(
                f"there are {len(self.labels)} labels for {len(self.teachers)} rows of teachers' "
                f"features; give one a row, {UNLABELLED} where there is none"
            )

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Float[Tensor, "batch width"]]:
        """Return every teacher's features of these rows as float32 on ``device``."""
        return {
            name: features.to(self.device, torch.float32)
            for name, features in self.teachers.gather(indices).items()
        }

    def blocks(self, rows: int = 4096) -> Iterator[dict[str, Float[Tensor, "block width"]]]:
        """Go through all rows in order, ``rows`` at a time, as ``gather`` gives them."""
        for indices in torch.split(torch.arange(len(self.teachers)), rows):
            yield self.gather(indices)
