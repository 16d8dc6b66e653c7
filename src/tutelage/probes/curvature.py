"""Approximate inverse Hessian of a probe's loss, which preconditions its descent."""

import torch
from jaxtyping import Float32
from torch import Tensor

from tutelage.probes.standardize import StandardizedRows

__all__ = ["Curvature", "parts"]

SAMPLE = 8192
SAMPLE_NUMBERS = 2**24
"""The spectrum is measured on at most this many rows, and numbers (64 MB), spread over all."""

RANK = 128
"""At most this many directions are distinguished; all others are taken to have one curvature."""

POWERS = 2


class Curvature:
    """The leading spectrum of standardized columns ``Z``, and the inverse Hessian that follows.

    Where all ``K`` classes are equally likely, the Hessian of ``c * sum CE + |W|² / 2`` is

        (c / K) (I - 11ᵀ / K) ⊗ ZᵀZ + I

    and nowhere is its first part more than ``K / 2`` times that (Böhning's bound). Of independent
    labels it is ``(c / 4) ZᵀZ + I`` where both answers are equally likely, and nowhere more; of squared
    errors ``c ZᵀZ + I`` everywhere. ``ZᵀZ`` is taken
    as ``V diag(values) Vᵀ + others (I - VVᵀ)``, with its leading directions ``V`` and the mean of
    all other values: an inverse then costs two thin products, whatever ``c`` is.

    Args:
        columns: Standardized columns, so that the intercept's curvature is independent of the weights'.

    Source:
        Böhning 1992, "Multinomial logistic regression algorithm", for the bound; Halko, Martinsson
        and Tropp 2011, arXiv 0909.4061, algorithm 4.4, for the directions.
    """

    def __init__(self, columns: StandardizedRows) -> None:
        width = columns.width
        sample = columns.sample(min(SAMPLE, max(1, SAMPLE_NUMBERS // width)))
        share = len(columns) / len(sample)
        # Thin factorisations are done on the CPU: not every accelerator has them.
        draw = torch.Generator().manual_seed(0)
        basis = torch.randn(width, min(RANK, width), generator=draw)
        for _ in range(POWERS):
            basis = torch.linalg.qr(basis).Q.to(sample)
            basis = (sample.T @ (sample @ basis)).cpu()
        basis = torch.linalg.qr(basis).Q.to(sample)
        inside = sample @ basis
        values, turn = torch.linalg.eigh((inside.T @ inside).cpu())
        rest = float(sample.square().sum()) - float(values.sum())
        self._vectors = basis @ turn.to(sample)
        self._values = values.clamp_min(0).to(sample) * share
        self._others = max(0.0, rest) / max(1, width - len(values)) * share
        self._rows = len(columns)

    def solve(
        self, gradient: Float32[Tensor, " parameters"], *, c: float
    ) -> Float32[Tensor, " parameters"]:
        """Return the inverse Hessian's product with a gradient.

        Args:
            gradient: Of the weights, output after output, then of the intercepts.
            c: What ``ZᵀZ`` is multiplied by: ``c / K``, ``c / 4`` or ``c``.
        """
        weight, bias = parts(gradient, width=len(self._vectors))
        others = 1 / (1 + c * self._others)
        inside = (weight @ self._vectors) * (1 / (1 + c * self._values) - others)
        found = torch.addmm(weight, inside, self._vectors.T, beta=others)
        return torch.cat([found.flatten(), bias / (c * self._rows)])


def parts(
    parameters: Float32[Tensor, " parameters"], *, width: int
) -> tuple[Float32[Tensor, "classes width"], Float32[Tensor, " classes"]]:
    """Return views of the weights and the intercepts that lie in one vector.

    Example:
        >>> parts(torch.arange(6.0), width=2)
        (tensor([[0., 1.], [2., 3.]]), tensor([4., 5.]))
    """
    classes = len(parameters) // (width + 1)
    return parameters[:-classes].view(classes, width), parameters[-classes:]
