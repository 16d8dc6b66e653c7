"""How few of a teacher's columns the learned weights keep."""

import math
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

__all__ = ["Sparsity", "sparsity"]

SHARE = 10
"""The top columns are one in so many."""


@dataclass(frozen=True)
class Sparsity:
    """How the energy ``ρ²`` of the weights of a teacher is spread over its columns.

    Attributes:
        columns: Number of columns ``d``.
        top: Share of the energy in the tenth of the columns that has most of it, 0.1 to 1:
            ``sum_{k in top} ρ_k² / sum_k ρ_k²`` over ``ceil(d / 10)`` columns. Equal weights give a tenth;
            all columns of a single one give 1.
        effective: Number of columns that as many equal weights would have, 1 to ``d``: the participation
            ratio ``(sum_k ρ_k²)² / sum_k ρ_k⁴``.
    """

    columns: int
    top: float
    effective: float


def sparsity(rho: Float[Tensor, " columns"]) -> Sparsity | None:
    """Return how sparse weights are; None where all are 0.

    Args:
        rho: Weights of a teacher's columns.

    Example:
        >>> import torch
        >>> sparsity(torch.tensor([1.0, 1.0, 0.0, 0.0]))
        Sparsity(columns=4, top=0.5, effective=2.0)
    """
    energy = rho.double().square()
    total = float(energy.sum())
    if total == 0:
        return None
    most = math.ceil(len(energy) / SHARE)
    return Sparsity(
        columns=len(energy),
        top=float(energy.topk(most).values.sum()) / total,
        effective=total**2 / float(energy.square().sum()),
    )
