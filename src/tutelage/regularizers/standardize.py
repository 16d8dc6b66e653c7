"""Standardization of the teachers' columns in front of any regularizer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from tutelage.regularizers.base import Regularizer, RegularizerWrapper
from tutelage.regularizers.columns import TeacherFeatures
from tutelage.regularizers.preparation import FeatureTable, TrainingEvidence
from tutelage.rounding import varies_by_rounding

__all__ = ["Standardized"]


class Standardized(RegularizerWrapper):
    """A regularizer on ``(ψ - mean) / std`` in place of ``ψ``, for each teacher.

    Without it, columns and teachers with large values dominate the kernel. A column that is constant,
    or varies by its rounding alone, becomes 0. ``prepare`` of the regularizer learns from
    standardized features too.

    Args:
        regularizer: Any regularizer.
        mean: Each teacher's column means over the training rows, by name.
        std: Each teacher's column standard deviations over the training rows, by name.

    Attributes:
        mean: Means of the columns of all teachers, side by side.
        scale: Factors of the same columns: ``1 / std``, or 0 for a constant one.

    Raises:
        ValueError: If the statistics are of other teachers.

    Example:
        >>> from tutelage import AFTLoss
        >>> inner = AFTLoss(8, {"dino": 3})
        >>> wrapped = Standardized(inner, {"dino": torch.zeros(3)}, std={"dino": torch.ones(3)})
        >>> student, dino = torch.randn(4, 8), torch.randn(4, 3)
        >>> torch.equal(wrapped(student, {"dino": dino}), inner(student, {"dino": dino}))
        True
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        regularizer: Regularizer,
        mean: Mapping[str, Float[Tensor, " columns"]],
        *,
        std: Mapping[str, Float[Tensor, " columns"]],
    ) -> None:
        super().__init__(regularizer)
        names = self.teachers.names
        for statistic, given in (("mean", mean), ("std", std)):
            if not isinstance(given, Mapping) or given.keys() != set(names):
                known = (
                    list(given)
                    if isinstance(given, Mapping)
                    else f"{type(given).__name__}, not by name"
                )
                raise ValueError(f"expected a {statistic} of teachers {list(names)}, got {known}")
        constant = {n: varies_by_rounding(mean[n], std[n]) for n in names}
        scales = [torch.where(constant[n], torch.zeros_like(std[n]), 1 / std[n]) for n in names]
        self.register_buffer("mean", torch.cat([mean[name].float() for name in names]))
        self.register_buffer("scale", torch.cat([scale.float() for scale in scales]))

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the regularizer's loss on standardized teacher features, which are given by name."""
        if not isinstance(teacher, Mapping):
            raise ValueError("Standardized needs the teachers' features by name, as its means are")
        return super().forward(student, self.standardized(teacher))

    def prepare(self, evidence: TrainingEvidence) -> None:
        """Prepare the regularizer on standardized teacher features."""
        super().prepare(replace(evidence, teachers=_StandardizedTable(self, evidence.teachers)))

    def standardized(self, teacher: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ``(ψ - mean) / std`` for each teacher, on the device of the means."""
        if teacher.keys() != set(self.teachers.names):
            raise ValueError(f"expected teachers {list(self.teachers.names)}, got {list(teacher)}")
        for name, width in self.teachers.by_name.items():
            if teacher[name].shape[1:] != (width,):  # arithmetic would repeat a single column
                raise ValueError(
                    f"expected features of teacher {name!r} of shape [batch, {width}], "
                    f"got {tuple(teacher[name].shape)}"
                )
        means, scales = self.teachers.split(self.mean), self.teachers.split(self.scale)
        return {n: (teacher[n].to(means[n]) - means[n]) * scales[n] for n in self.teachers.names}


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
