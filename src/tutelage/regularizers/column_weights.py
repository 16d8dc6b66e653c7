"""Weights of the teachers' columns: learned one a column, a learned matrix, or none."""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = [
    "ColumnWeights",
    "Dense",
    "Diagonal",
    "Identity",
    "Weights",
    "build_column_weights",
    "check_inner_steps",
]

Weights = Literal["diagonal", "identity", "dense"]


class ColumnWeights(nn.Module):
    """A map of teacher features ``[batch, columns]`` to weighted features, of the same shape or not.

    Args:
        columns: The number of columns.
    """

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.columns = columns

    def forward(self, features: Float[Tensor, "batch columns"]) -> Float[Tensor, "batch columns"]:
        """Return the weighted features."""
        raise NotImplementedError

    def column_weights(self) -> Float[Tensor, " columns"]:
        """Return the weight of each column, detached."""
        raise NotImplementedError


class Diagonal(ColumnWeights):
    """A learned weight for each column: ``ψ diag(sigmoid(s))``, 1/2 at the start.

    Example:
        >>> Diagonal(3)(torch.ones(1, 3))
        tensor([[0.5000, 0.5000, 0.5000]], grad_fn=<MulBackward0>)
    """

    def __init__(self, columns: int) -> None:
        super().__init__(columns)
        self.scores = nn.Parameter(torch.zeros(columns))

    def forward(self, features: Float[Tensor, "batch columns"]) -> Float[Tensor, "batch columns"]:
        """Return ``ψ diag(sigmoid(s))``."""
        return features * self.scores.sigmoid()

    def column_weights(self) -> Float[Tensor, " columns"]:
        """Return ``sigmoid(s)``."""
        return self.scores.detach().sigmoid()


class Dense(ColumnWeights):
    """A learned matrix: ``ψA``, with entries of ``A`` from N(0, 1/columns) at the start.

    Example:
        >>> Dense(3)(torch.ones(2, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(self, columns: int) -> None:
        super().__init__(columns)
        self.map = nn.Parameter(torch.randn(columns, columns) / columns**0.5)

    def forward(self, features: Float[Tensor, "batch columns"]) -> Float[Tensor, "batch columns"]:
        """Return ``ψA``."""
        return features @ self.map

    def column_weights(self) -> Float[Tensor, " columns"]:
        """Return the length of each column's row in ``A``."""
        lengths: Tensor = self.map.detach().norm(dim=1)
        return lengths


class Identity(ColumnWeights):
    """No weights: ``ψ``.

    Example:
        >>> Identity(3)(torch.ones(1, 3))
        tensor([[1., 1., 1.]])
    """

    def forward(self, features: Float[Tensor, "batch columns"]) -> Float[Tensor, "batch columns"]:
        """Return the features."""
        return features

    def column_weights(self) -> Float[Tensor, " columns"]:
        """Return ones."""
        return torch.ones(self.columns)


KINDS: Mapping[str, type[ColumnWeights]] = {
    "diagonal": Diagonal,
    "identity": Identity,
    "dense": Dense,
}


def build_column_weights(kind: Weights, columns: int) -> ColumnWeights:
    """Return column weights by the name of their kind.

    Raises:
        ValueError: If there is no such kind.
    """
    if kind not in KINDS:
        raise ValueError(f"weights must be one of {', '.join(KINDS)}, not {kind!r}")
    return KINDS[kind](columns)


def check_inner_steps(inner_steps: int, *, weights: Weights, memory: int = 0) -> None:
    """Refuse updates of weights alone that are negative in number, or where nothing is learned.

    They are refused beside a memory of recent rows, too, which would remember a batch in each of them.

    Raises:
        ValueError: If they are.
    """
    if inner_steps < 0:
        raise ValueError(f"inner_steps must not be negative, got {inner_steps}")
    if inner_steps and weights == "identity":
        raise ValueError(
            f"inner_steps = {inner_steps} updates the weights alone, and weights = 'identity' has "
            "none to learn; leave one of them out"
        )
    if inner_steps and memory:
        raise ValueError(
            f"inner_steps = {inner_steps} and memory = {memory}: a batch would be remembered again in "
            "each inner step; leave one of them out"
        )
