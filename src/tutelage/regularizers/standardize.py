"""Bring every teacher column to the same scale before a regularizer sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from tutelage.regularizers.preparation import Evidence, FeatureTable

__all__ = ["Standardized"]


class Standardized(nn.Module):
    """A regularizer that sees ``(ψ - mean) / std`` in place of ``ψ``, for each teacher.

    Without it, columns and teachers with large values dominate the kernel. A column that never
    varies becomes 0. What the regularizer learns in ``prepare``, it learns from the same features.

    Args:
        regularizer: Any regularizer.
        mean: Each teacher's column means over the training rows, by name.
        std: Each teacher's column standard deviations, likewise.

    Example:
        >>> from tutelage import AFTLoss
        >>> inner = AFTLoss(8, {"dino": 3})
        >>> wrapped = Standardized(inner, {"dino": torch.zeros(3)}, std={"dino": torch.ones(3)})
        >>> student, dino = torch.randn(4, 8), torch.randn(4, 3)
        >>> torch.equal(wrapped(student, {"dino": dino}), inner(student, {"dino": dino}))
        True
    """

    def __init__(
        self,
        regularizer: nn.Module,
        mean: Mapping[str, Float[Tensor, " columns"]],
        *,
        std: Mapping[str, Float[Tensor, " columns"]],
    ) -> None:
        super().__init__()
        if mean.keys() != std.keys():
            raise ValueError(
                f"mean is of teachers {list(mean)}, std of {list(std)}; give both of the same"
            )
        self.regularizer = regularizer
        self.names = tuple(mean)
        for index, name in enumerate(self.names):
            scale = torch.where(std[name] > 0, 1 / std[name], torch.zeros_like(std[name]))
            self.register_buffer(f"mean{index}", mean[name].float())
            self.register_buffer(f"scale{index}", scale.float())

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: Mapping[str, Tensor]
    ) -> Float[Tensor, ""]:
        """Return the regularizer's value on standardised teacher features."""
        value: Tensor = self.regularizer(student, self.standardized(teacher))
        return value

    def prepare(self, evidence: Evidence) -> None:
        """Prepare the regularizer, if it is one that prepares, on standardised teacher features."""
        prepare = getattr(self.regularizer, "prepare", None)
        if prepare is not None:
            prepare(replace(evidence, teachers=_StandardizedTable(self, evidence.teachers)))

    def standardized(self, teacher: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``(ψ - mean) / std`` for each teacher, where the means are."""
        columns = {}
        for index, name in enumerate(self.names):
            mean, scale = self.get_buffer(f"mean{index}"), self.get_buffer(f"scale{index}")
            columns[name] = (teacher[name].to(mean) - mean) * scale
        return columns


@dataclass(frozen=True)
class _StandardizedTable:
    """A table whose features are standardized as they are read."""

    by: Standardized
    table: FeatureTable

    @property
    def widths(self) -> Mapping[str, int]:
        return self.table.widths

    def __len__(self) -> int:
        return len(self.table)

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Tensor]:
        return self.by.standardized(self.table.gather(indices))
