"""The training rows that a regularizer may learn from before training."""

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
    """The training rows as a regularizer learns from them; rows to evaluate on are never among them.

    Attributes:
        teachers: The teachers' features of the training rows.
        labels: Labels of the same rows: class numbers, -100 for an unlabelled row; for several labels
            or regression targets a column each (0 and 1, or standardized), NaN for a missing one.
        classes: The number of classes, labels or targets.
        student: Computes the features of the untrained student, of the same rows in the same order.
        seed: Seed of random draws; the global random state must stay as it is.
        device: Device to compute on.

    Raises:
        ValueError: If labels and rows differ in number.

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
                f"features; give one label a row, {UNLABELLED} for an unlabelled row"
            )

    def check_teachers(self, widths: Mapping[str, int]) -> None:
        """Check that the teachers are those of a regularizer.

        Raises:
            ValueError: If names or widths differ.
        """
        if dict(self.teachers.widths) != dict(widths):
            raise ValueError(f"expected teachers {dict(widths)}, got {dict(self.teachers.widths)}")

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Float[Tensor, "batch width"]]:
        """Return every teacher's features of these rows as float32 on ``device``."""
        return {
            name: features.to(self.device, torch.float32)
            for name, features in self.teachers.gather(indices).items()
        }

    def blocks(self, rows: int = 4096) -> Iterator[dict[str, Float[Tensor, "block width"]]]:
        """Yield all rows in order, ``rows`` at a time, as ``gather`` returns them."""
        for indices in torch.split(torch.arange(len(self.teachers)), rows):
            yield self.gather(indices)
