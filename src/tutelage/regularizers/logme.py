"""LogME: the evidence of a Bayesian linear model from features to targets."""

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
ROWS, STRIP = 1024, 192  # rows and columns multiplied at once: they stay in a processor's cache


@dataclass(frozen=True)
class Moments:
    """Second moments of features ``F`` and targets ``Y``, from which LogME is computed.

    Attributes:
        gram: ``FᵀF``.
        cross: ``FᵀY``.
        squares: ``‖y‖²`` of each target.
        rows: The number of rows.

    Example:
        >>> features, targets = torch.randn(50, 8), torch.eye(2)[torch.arange(50) % 2]
        >>> moments = Moments.of(zip(features.split(20), targets.split(20)))
        >>> moments.select(torch.arange(5)).gram.shape  # those of the first five columns
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
        """Sum the moments of blocks of rows; one block is in memory at a time.

        Args:
            blocks: Features and targets of the same rows.

        Raises:
            ValueError: If there are no rows.
        """
        products: Tensor | None = None
        columns = rows = 0
        for features, targets in blocks:
            for some_features, some_targets in zip(
                torch.split(features, ROWS), torch.split(targets, ROWS), strict=True
            ):
                exact = _exact(some_features)
                joined = torch.cat([exact, _exact(some_targets).to(exact.device)], dim=1)
                if products is None:
                    products = joined.new_zeros(joined.shape[1], joined.shape[1])
                    columns = some_features.shape[1]
                _add_products(joined, products)
                rows += len(joined)
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
        """Return the moments of some of the columns."""
        columns = columns.to(self.gram.device)
        return Moments(self.gram[columns][:, columns], self.cross[columns], self.squares, self.rows)


@dataclass(frozen=True)
class LogME:
    """The evidence of a Bayesian linear model for each target, and its posterior means.

    Attributes:
        score: Mean of the evidences, in nats a row; higher where features explain targets better.
        comparable_score: The same with every column counted: also between features of which some have
            more columns than rows.
        evidences: The evidence of each target.
        means: Posterior means of the weights.
    """

    score: float
    comparable_score: float
    evidences: Float64[Tensor, " targets"]
    means: Float64[Tensor, "targets columns"]


def logme(moments: Moments) -> LogME:
    """Return the evidence of features for targets, maximized over prior and noise precision.

    With ``F = U s Vᵀ`` of N rows and d columns, ``σ = s²``, and for a target ``y``: ``x = Uᵀy``,
    ``r = ‖y‖² - ‖x‖²``. From α = β = 1, up to 11 times, for each target until |Δt| / t ≤ 1e-3:

        t = α/β;  γ = Σ σ/(σ+t);  m² = Σ σx²/(t+σ)²;  e² = Σ x²/(1+σ/t)² + r
        α = γ/(m² + 1e-5);  β = (N-γ)/(e² + 1e-5)

        evidence = (d/2 ln α + N/2 ln β - ½ Σ ln(α+βσ) - β/2 e² - α/2 m² - N/2 ln 2π) / N
        mean     = V (s x/(t+σ))

    Sums go over the min(N, d) singular values, as in the authors' code. With more columns than rows, the
    evidence as the paper defines it, by the determinant of the d x d matrix ``α + β FᵀF``, is lower by
    ``(d - N)/2 ln α / N``: 200 rows of 1,000 columns of noise have a score of 15.4, and an evidence of
    -0.8. ``comparable_score`` is that of the paper; B-Tuning takes ``score``.

    ``σ`` and ``V`` are eigenvalues and eigenvectors of ``FᵀF``, ``x = Vᵀ(Fᵀy)/s``: one factorization for
    any number of rows and targets. A ``σ`` that is only rounding counts as 0, and so does its ``x``,
    whose share stays in ``r``.

    Args:
        moments: Moments of features and targets; classes are one-hot.

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
    active = torch.ones_like(rest, dtype=torch.bool)
    for _ in range(ITERATIONS):
        t = torch.where(active, alpha / beta, t)
        gamma = (sigma / (sigma + t)).sum(dim=0)
        m2 = (sigma * squared / (t + sigma).square()).sum(dim=0)
        e2 = (squared / (1 + sigma / t).square()).sum(dim=0) + rest
        alpha, beta = gamma / (m2 + GUARD), (rows - gamma) / (e2 + GUARD)
        active &= (alpha / beta - t).abs() / t > TOLERANCE
        if not active.any():
            break

    evidences = (
        width / 2 * alpha.log()
        + rows / 2 * (beta.log() - math.log(2 * math.pi))
        - (alpha + beta * sigma).log().sum(dim=0) / 2
        - (beta * e2 + alpha * m2) / 2
    ) / rows
    unreached = max(0, width - rows) / 2 * alpha.log() / rows
    means = (vectors @ (roots * x / (t + sigma))).T
    return LogME(
        score=evidences.mean().item(),
        comparable_score=(evidences - unreached).mean().item(),
        evidences=evidences,
        means=means,
    )


def _add_products(columns: Tensor, products: Tensor) -> None:
    """Add the upper triangle of the columns' inner products."""
    for start in range(0, len(products), STRIP):
        strip = columns[:, start : start + STRIP]
        products[start : start + STRIP, start:].addmm_(strip.T, columns[:, start:])


def _exact(numbers: Tensor) -> Tensor:
    """Return the numbers in float64, on the CPU if the device has no float64."""
    return numbers.cpu().double() if numbers.device.type == "mps" else numbers.double()
