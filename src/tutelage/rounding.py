"""Columns of features that vary by no more than rounding."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["JITTER", "varies_by_rounding"]

JITTER = 8.0
"""A column that varies by less than so many roundings of its mean varies by the teacher's own."""


def varies_by_rounding(
    mean: Float[Tensor, " columns"], std: Float[Tensor, " columns"]
) -> Bool[Tensor, " columns"]:
    """Return which columns are constant but for the rounding of float32, in which teachers compute.

        std <= 8 ε |mean|,    ε = 2⁻²³

    Divided by its deviation, such a column would be noise as large as any other column.

    Args:
        mean: Mean of each column.
        std: Standard deviation of each column.

    Example:
        >>> varies_by_rounding(torch.tensor([0.3, 0.3, 0.0]), torch.tensor([1e-8, 1e-6, 0.0]))
        tensor([ True, False,  True])
    """
    return std <= JITTER * torch.finfo(torch.float32).eps * mean.abs()
