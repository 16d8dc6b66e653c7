"""LogME: how well features explain targets, as the evidence of a Bayesian linear model."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64, Num
from torch import Tensor

__all__ = ["LogME", "Moments", "logme"]

ITERATIONS = 11
TOLERANCE = 1e-3
GUARD = 1e-5
ROWS, STRIP = 1024, 192  # of features, multiplied at once: they stay in a processor's cache


@dataclass(frozen=True)
class Moments:
    """All that LogME must know of features ``F`` and targets ``Y``: columns² numbers.

    Attributes:
        gram: ``FᵀF``.
        cross: ``FᵀY``.
        squares: ``‖y‖²`` of each target.
        rows: Rows of both.

    Example:
        >>> features, targets = torch.randn(50, 8), torch.eye(2)[torch.arange(50) % 2]
        >>> together = Moments.of(zip(features.split(20), targets.split(20)))
        >>> together.select(torch.arange(5)).gram.shape  # those of the first five columns
        torch.Size([5, 5])
    """

    gram: Float64[Tensor, "columns columns"]
    cross: Float64[Tensor, "columns targets"]
    squares: Float64[Tensor, " targets"]
    rows: int

    @classmethod
    def of(
        cls, blocks: Iterable[tuple[Float[Tensor, "block columns"], Num[Tensor, "block targets"]]]
    ) -> "Moments":
        """Add up the moments of blocks of rows; one block is held at a time.

        Args:
            blocks: Features and targets of the same rows.

        Raises:
            ValueError: If there are no rows.
        """
        products: Tensor | None = None
        columns = rows = 0
        for features, targets in blocks:
            for few, aims in zip(
                torch.split(features, ROWS), torch.split(targets, ROWS), strict=True
            ):
                both = torch.cat([_exact(few), _exact(aims)], dim=1)
                if products is None:
                    products = both.new_zeros(both.shape[1], both.shape[1])
                    columns = few.shape[1]
                _add_products(both, products)
                rows += len(both)
        if products is None or not rows:
            raise ValueError("LogME needs rows, and there are none")
        gram = products[:columns, :columns].triu()
        return cls(
            gram=gram + gram.triu(1).T,
            cross=products[:columns, columns:].clone(),
            squares=products.diagonal()[columns:].clone(),
            rows=rows,
        )

    def select(self, columns: Int64[Tensor, " chosen"]) -> "Moments":
        """Return the moments of some of the columns, as if there were no others."""
        columns = columns.to(self.gram.device)
        return Moments(self.gram[columns][:, columns], self.cross[columns], self.squares, self.rows)


@dataclass(frozen=True)
class LogME:
    """The evidence of a Bayesian linear model for each target, and its posterior means.

    Attributes:
        score: Mean of the evidences, in nats a row; the more, the better features explain targets.
        evidences: Of each target.
        means: The weights' posterior means.
    """

    score: float
    evidences: Float64[Tensor, " targets"]
    means: Float64[Tensor, "targets columns"]


def logme(moments: Moments) -> LogME:
    """Return the evidence of features for targets at the best strengths of prior and noise.

    With ``F = U s Vᵀ`` of N rows and d columns, ``σ = s²``, and for a target ``y``: ``x = Uᵀy``,
    ``r = ‖y‖² - ‖x‖²``. From α = β = 1, up to 11 times, for each target until |Δt| / t ≤ 1e-3:

        t = α/β;  γ = Σ σ/(σ+t);  m² = Σ σx²/(t+σ)²;  e² = Σ x²/(1+σ/t)² + r
        α = γ/(m² + 1e-5);  β = (N-γ)/(e² + 1e-5)

        evidence = (d/2 ln α + N/2 ln β - ½ Σ ln(α+βσ) - β/2 e² - α/2 m² - N/2 ln 2π) / N
        mean     = V (s x/(t+σ))

    Sums go over the min(N, d) singular values that exist. ``σ`` and ``V`` are eigenvalues and
    -vectors of ``FᵀF``, ``x = Vᵀ(Fᵀy)/s``: one factorisation, whatever the number of rows and
    targets. Where σ is nothing but rounding it counts as 0, and so does x: its share stays in r.

    Args:
        moments: Of features and targets; for classes, one-hot.

    Raises:
        ValueError: If all features are zero.

    Source:
        You et al. 2021, arXiv 2102.11005, section 4, for the evidence; You et al. 2022, arXiv
        2110.10545, for the fixed-point iteration.

    Example:
        >>> features = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> same, mixed = torch.eye(2)[[0, 0, 1, 1]], torch.eye(2)[[0, 1, 0, 1]]
        >>> known, unknown = (logme(Moments.of([(features, y)])) for y in (same, mixed))
        >>> known.score > unknown.score
        True
    """
    rows, width = moments.rows, len(moments.gram)
    values, vectors = torch.linalg.eigh(moments.gram)
    values, vectors = values[-min(rows, width) :], vectors[:, -min(rows, width) :]
    floor = max(rows, width) * torch.finfo(values.dtype).eps * values[-1]
    if not floor > 0:
        raise ValueError("LogME is undefined for features that are all zero")
    sigma = torch.where(values > floor, values, 0)[:, None]
    roots = sigma.sqrt()
    x = torch.where(sigma > 0, vectors.T @ moments.cross / roots, 0)
    squared = x.square()
    rest = (moments.squares - squared.sum(dim=0)).clamp_min(0)

    t = alpha = beta = torch.ones_like(rest)
    going = torch.ones_like(rest, dtype=torch.bool)
    for _ in range(ITERATIONS):
        t = torch.where(going, alpha / beta, t)
        gamma = (sigma / (sigma + t)).sum(dim=0)
        m2 = (sigma * squared / (t + sigma).square()).sum(dim=0)
        e2 = (squared / (1 + sigma / t).square()).sum(dim=0) + rest
        alpha, beta = gamma / (m2 + GUARD), (rows - gamma) / (e2 + GUARD)
        going &= (alpha / beta - t).abs() / t > TOLERANCE
        if not going.any():
            break

    evidences = (
        width / 2 * alpha.log()
        + rows / 2 * (beta.log() - math.log(2 * math.pi))
        - (alpha + beta * sigma).log().sum(dim=0) / 2
        - (beta * e2 + alpha * m2) / 2
    ) / rows
    means = (vectors @ (roots * x / (t + sigma))).T
    return LogME(evidences.mean().item(), evidences, means)


def _add_products(columns: Tensor, products: Tensor) -> None:
    """Add the upper triangle of the columns' inner products; the lower one mirrors it."""
    for start in range(0, len(products), STRIP):
        strip = columns[:, start : start + STRIP]
        products[start : start + STRIP, start:].addmm_(strip.T, columns[:, start:])


def _exact(numbers: Tensor) -> Tensor:
    """In float64, on the CPU where the device has none."""
    return numbers.cpu().double() if numbers.device.type == "mps" else numbers.double()
