"""Shares of several teachers in the variance that a kernel sees, and the word when one has it all."""

from collections.abc import Mapping, Sequence

from torch import Tensor

__all__ = ["ALMOST_ALL", "lopsided", "variance_shares"]

ALMOST_ALL = 0.95
"""Share from which on one teacher is said to decide alone."""


def variance_shares(
    deviations: Mapping[str, Tensor],
    *,
    standardized: bool,
    weights: Mapping[str, Tensor] | None = None,
) -> dict[str, float]:
    """Return each teacher's share of the variance of all their columns, as a kernel sums it.

        share_k ∝ Σ_j (ρ_j std_j)²    over the columns j of teacher k; std_j is 1 if standardized

    Args:
        deviations: Standard deviation of each teacher's columns, by name.
        standardized: Whether each column that varies is brought to deviation 1.
        weights: ``ρ`` of the teachers that have one, by name; others are left out. All are 1 by
            default.

    Returns:
        Shares by name, which sum to 1; empty if nothing varies.

    Example:
        >>> import torch
        >>> loud, quiet = torch.tensor([3.0]), torch.tensor([1.0])
        >>> variance_shares({"loud": loud, "quiet": quiet}, standardized=False)
        {'loud': 0.9, 'quiet': 0.1}
    """
    variances: dict[str, float] = {}
    for name, deviation in deviations.items():
        if weights is not None and name not in weights:
            continue
        variance = (deviation > 0).double() if standardized else deviation.double().square()
        if weights is not None:
            variance = variance * weights[name].double().square()
        variances[name] = float(variance.sum())
    total = sum(variances.values())
    return {name: value / total for name, value in variances.items()} if total > 0 else {}


def lopsided(
    kernels: Sequence[Mapping[str, Tensor]],
    *,
    standardized: bool,
    weights: Mapping[str, Tensor] | None = None,
) -> list[str]:
    """Return a sentence for each kernel in which one of several teachers has over 95 % of the variance.

    Args:
        kernels: For each kernel the standard deviations of its teachers' columns, by name.
        standardized: Whether each column that varies is brought to deviation 1.
        weights: Learned ``ρ`` of the teachers, by name; before training there are none.
    """
    sentences = []
    for deviations in kernels:
        shares = variance_shares(deviations, standardized=standardized, weights=weights)
        if len(shares) < 2 or max(shares.values()) <= ALMOST_ALL:
            continue
        most = max(shares, key=shares.__getitem__)
        others = [name for name in shares if name != most]
        advice = (
            "a teacher that hardly counts costs time alone"
            if standardized
            else "transfer.standardize = true lets every column count alike"
        )
        sentences.append(
            f"{'' if weights is None else 'after training, '}{most} holds "
            f"{min(shares[most], 0.9999):.2%} of the variance of the teachers' features, so "
            f"{' and '.join(others)} hardly {'counts' if len(others) == 1 else 'count'}: {advice}"
        )
    return sentences
