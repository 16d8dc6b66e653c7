"""How strongly the loss of a softmax regression bends: what its descent is preconditioned with."""

import torch
from jaxtyping import Float32
from torch import Tensor

from tutelage.probe.standardised import Standardised

__all__ = ["Curvature"]

SAMPLE = 4
"""The spectrum is that of so many rows a column, spread over all rows, or of all where fewer."""

RANK = 2048
"""At most so many directions are told apart; the others share their mean."""


class Curvature:
    """The spectrum of standardised columns ``Z``, and the inverse Hessian that follows from it.

    Where all ``K`` classes are equally likely, the Hessian of ``c * sum CE + |W|² / 2`` is

        (c / K) (I - 11ᵀ / K) ⊗ ZᵀZ + I

    and nowhere above ``K / 2`` times its first part (Böhning's bound). With
    ``ZᵀZ = V diag(values) Vᵀ`` its inverse costs two products with ``V``, whatever ``c`` is.

    Args:
        columns: Standardised, so that the intercept bends by itself.

    Source:
        Böhning 1992, "Multinomial logistic regression algorithm", for the bound.
    """

    def __init__(self, columns: Standardised) -> None:
        width = columns.width
        sample = columns.sample(SAMPLE * width if width <= RANK else RANK)
        if len(sample) < width:
            values, left = _spectrum(sample @ sample.T)
            vectors = (sample.T @ left) / values.clamp_min(1e-6 * values[-1]).sqrt()
        else:
            values, vectors = _spectrum(sample.T @ sample)
        every = len(columns) / len(sample)
        self._values = values * every
        self._vectors = vectors
        total = float(sample.square().sum())
        self._others = max(0.0, total - float(values.sum())) * every / max(1, width - len(values))
        self._rows = len(columns)

    def solve(
        self, gradient: Float32[Tensor, "classes columns"], *, c: float
    ) -> Float32[Tensor, "classes columns"]:
        """Return the inverse Hessian's product with a gradient; its last column is the intercept's.

        Args:
            gradient: Of the objective.
            c: What ``ZᵀZ`` is multiplied by.
        """
        weight = gradient[:, :-1]
        others = 1 / (1 + c * self._others)
        found = torch.empty_like(gradient)
        inside = (weight @ self._vectors) * (1 / (1 + c * self._values) - others)
        torch.addmm(weight, inside, self._vectors.T, beta=others, out=found[:, :-1])
        found[:, -1] = gradient[:, -1] / (c * self._rows)
        return found


def _spectrum(gram: Tensor) -> tuple[Tensor, Tensor]:
    # Not every accelerator has an eigensolver, and it is one call.
    values, vectors = torch.linalg.eigh(gram.cpu())
    return values.clamp_min(0).to(gram.device), vectors.to(gram.device)
