"""Standardize regression targets, and bring outputs back to their units. PyTorch only."""

from dataclasses import dataclass
from typing import Self

from jaxtyping import Float
from torch import Tensor

__all__ = ["TargetScaling", "varies"]


@dataclass(frozen=True)
class TargetScaling:
    """Mean and standard deviation of each regression target, over training rows.

    Attributes:
        mean: In the target's unit.
        std: In the target's unit, above 0.

    Example:
        >>> import torch
        >>> scaling = TargetScaling.of(torch.tensor([[1.0], [3.0], [torch.nan]]))
        >>> scaling.standardize(torch.tensor([[4.0]])), scaling.to_units(torch.tensor([[2.0]]))
        (tensor([[2.]]), tensor([[4.]]))
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, labels: Float[Tensor, "rows targets"]) -> Self:
        """Measure the targets that are known; one that does not vary keeps its unit."""
        columns = [column[~column.isnan()].double() for column in labels.T]
        means = tuple(float(column.mean()) if len(column) else 0.0 for column in columns)
        # Equal numbers deviate from their computed mean by its rounding.
        stds = tuple(
            float(column.std(correction=0)) if varies(column) else 1.0 for column in columns
        )
        return cls(means, stds)

    @property
    def float32_steps(self) -> tuple[float, ...]:
        """The distance between neighboring float32 numbers at each target's mean, in deviations."""
        return tuple(
            2.0**-23 * abs(mean) / std for mean, std in zip(self.mean, self.std, strict=True)
        )

    def standardize(self, values: Float[Tensor, "*rows targets"]) -> Float[Tensor, "*rows targets"]:
        """Return values at mean 0 and standard deviation 1."""
        mean, std = values.new_tensor(self.mean), values.new_tensor(self.std)
        return (values - mean) / std

    def to_units(self, values: Float[Tensor, "*rows targets"]) -> Float[Tensor, "*rows targets"]:
        """Return standardized values in the targets' units."""
        return values * values.new_tensor(self.std) + values.new_tensor(self.mean)


def varies(column: Float[Tensor, " rows"]) -> bool:
    """Return whether numbers differ from each other.

    Example:
        >>> import torch
        >>> varies(torch.full((3,), 0.1, dtype=torch.float64)), varies(torch.arange(3.0))
        (False, True)
    """
    return len(column) > 0 and bool(column.min() < column.max())
