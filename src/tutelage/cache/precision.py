"""Whether features survive the precision that they are stored in."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tutelage.errors import PrecisionError
from tutelage.rounding import JITTER
from tutelage.widened import widened

__all__ = ["refuse_loss", "rounded_away"]

LOST = 1e-2
"""Share of a column's variance that its rounding error may have."""
FAINT = 1e-8
"""Share of the columns' mean variance below which a column is noise beside the others."""
ROWS = 32
"""Rows from which on a variance is judged."""


def refuse_loss(
    features: Float[Tensor, "rows width"],
    stored: Float[Tensor, "rows width"],
    *,
    ids: Sequence[str],
    total: int,
) -> Bool[Tensor, " width"]:
    """Refuse values that are too large for the stored precision, and columns that it rounds away.

    Columns that vary by less than a ten-thousandth of what the others do, as dead units of a network
    do, are not worth twice the size.

    Args:
        features: Finite features.
        stored: The same in the precision of the cache.
        ids: The rows' ids.
        total: Rows of the entry; parts of fewer than 32 are judged if they are all there is.

    Returns:
        The faint columns that are rounded away.

    Raises:
        PrecisionError: Naming the row, or the column.
    """
    name = str(stored.dtype).removeprefix("torch.")
    widest = stored.dtype == torch.float32
    advice = (
        "write them at another scale, for example with the mean subtracted"
        if widest
        else 'set the cache\'s dtype to "float32" (cache.dtype)'
    )
    infinite = ~torch.isfinite(stored)
    if infinite.any():
        row = int(infinite.any(dim=1).nonzero()[0])
        raise PrecisionError(
            f"the row {ids[row]!r} has a value of {float(features[row].abs().max()):.4g}, but the "
            f"largest {name} is {torch.finfo(stored.dtype).max:.4g}",
            advice=advice,
        )
    if len(features) < max(3, min(ROWS, total)):
        return torch.zeros(features.shape[1], dtype=torch.bool)
    rounded = rounded_away(features, stored)
    if not rounded.any():
        return rounded
    variance = features.double().var(dim=0, correction=0)
    lost = rounded & (variance > FAINT * variance.mean())
    if lost.any():
        column = int(lost.nonzero()[0])
        values = features[:, column]
        raise PrecisionError(
            f"{int(lost.sum())} of {features.shape[1]} columns do not survive {name}: column "
            f"{column} lies between {float(values.min()):.7g} and {float(values.max()):.7g}, where "
            f"rounding takes more than {LOST:.0%} of its variance",
            advice=advice,
        )
    return rounded


def rounded_away(
    features: Float[Tensor, "rows width"], stored: Float[Tensor, "rows width"]
) -> Bool[Tensor, " width"]:
    """Return which columns lose over 1 % of their variance to the stored precision.

        var(stored - x) > 0.01 var(x)

    Large means (1000 ± 0.1 in float16) and small values (below 1e-7) do; constant columns do not.

    Example:
        >>> x = torch.tensor([[0.0, 1000.0], [0.5, 1000.1], [1.0, 1000.2]])
        >>> rounded_away(x, x.half())
        tensor([False,  True])
    """
    wide = widened(features)
    variance, mean = torch.var_mean(wide, dim=0, correction=0)
    error = (stored.to(wide.dtype) - wide).var(dim=0, correction=0)
    own_rounding = JITTER * torch.finfo(wide.dtype).eps * mean
    return (error > LOST * variance) & (variance > own_rounding.square())
