"""Hold-outs and folds of the labelled rows, drawn by class."""

from collections.abc import Sequence

import torch
from jaxtyping import Int64
from torch import Tensor

from tutelage.errors import ConfigError, DataError
from tutelage.tasks import UNLABELLED

__all__ = ["drawn_holdout", "stratified_folds"]


def drawn_holdout(
    strata: Int64[Tensor, " rows"], *, share: float, seed: int, names: Sequence[str] = ()
) -> Int64[Tensor, " holdout"]:
    """Draw a share of the labelled rows, of each class the same as nearly as whole rows allow.

    Args:
        strata: The stratum of each row, as ``Task.strata`` gives it (its class);
            ``UNLABELLED`` for rows that are not drawn.
        share: Above 0, at most 0.5: every class of two rows or more keeps one that is not drawn.
        seed: Seed of the draw.
        names: Names of the strata for messages; by default their numbers.

    Returns:
        Numbers of rows, rising.

    Raises:
        ConfigError: If the share lies outside of its range.
        DataError: If a class has a single row, or the share is less than one row.

    Example:
        >>> labels = torch.tensor([0, 1, 0, 1, 0, 1, 0, 1])
        >>> labels[drawn_holdout(labels, share=0.25, seed=0)].sort().values
        tensor([0, 1])
    """
    if not 0 < share <= 0.5:
        raise ConfigError(f"a hold-out is a share above 0 and up to 0.5 of the rows, got {share:g}")
    by_class = _by_class(strata, seed=seed, purpose="hold-out", names=names)
    count = round(share * len(by_class))
    if count == 0:
        raise DataError(
            f"{share:g} of {len(by_class)} labelled rows is less than one row to hold out; give more "
            "rows or a larger share"
        )
    # Places two apart or more never take both rows of a class of two.
    places = (2 * torch.arange(count) + 1) * len(by_class) // (2 * count)
    return by_class[places].sort().values


def stratified_folds(
    strata: Int64[Tensor, " rows"], *, folds: int, seed: int, names: Sequence[str] = ()
) -> Int64[Tensor, " rows"]:
    """Deal the labelled rows out to folds; in each, every class's count differs by one at most.

    Args:
        strata: The stratum of each row, as ``Task.strata`` gives it (its class);
            ``UNLABELLED`` for rows that are not drawn.
        folds: Number of folds, two or more.
        seed: Seed of the draw.
        names: Names of the strata for messages; by default their numbers.

    Returns:
        Each row's fold, from 0; ``UNLABELLED`` for rows without a label.

    Raises:
        ConfigError: If there are fewer than two folds.
        DataError: If a class has a single row.

    Example:
        >>> stratified_folds(torch.tensor([1, 1, 0, 0, -100]), folds=2, seed=0).sort().values
        tensor([-100,    0,    0,    1,    1])
    """
    if folds < 2:
        raise ConfigError(f"cross-fitting needs two folds or more, got {folds}")
    by_class = _by_class(strata, seed=seed, purpose="folds", names=names)
    found = torch.full((len(strata),), UNLABELLED)
    found[by_class] = torch.arange(len(by_class)) % folds
    return found


def _by_class(
    labels: Int64[Tensor, " rows"], *, seed: int, purpose: str, names: Sequence[str]
) -> Int64[Tensor, " labelled"]:
    """The labelled rows' numbers, class after class, shuffled within each, as are the classes."""
    labelled = (labels != UNLABELLED).nonzero().flatten()
    counts = labels[labelled].bincount()
    if (counts == 1).any():
        single = (counts == 1).nonzero().flatten().tolist()
        name = repr(names[single[0]]) if names else single[0]
        more = len(single) - 1
        raise DataError(
            f"class {name} has a single row"
            + (f", and {more} more class{'es' if more > 1 else ''}" if more else "")
            + f", so no {purpose} can be drawn from it; add rows of it, or leave it out"
        )
    draw = torch.Generator().manual_seed(seed)
    shuffled = labelled[torch.randperm(len(labelled), generator=draw)]
    order = torch.randperm(len(counts), generator=draw)[labels[shuffled]]
    return shuffled[order.argsort(stable=True)]
