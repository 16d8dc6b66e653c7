"""Whether features tell anything of the labels: a test by permutation on a sample of rows."""

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor

from tutelage.cache.table import FeatureTable, as_table, matrix
from tutelage.tasks import has_label, label_columns
from tutelage.tasks.labels import are_classes

__all__ = ["rows_at_chance"]

SAMPLES = (512, 2048)
"""Rows of the test, and of the one that confirms it before anything is said."""
FEWEST = 32
"""Rows from which on the test can tell."""
ORDERS = 99
"""Permutations: features that tell nothing are beaten by one of them in 99 cases of 100."""
PENALTY = 0.1
"""The ridge's penalty, as a share of a row's mean energy."""


def rows_at_chance(
    features: Float[Tensor, "rows width"] | FeatureTable, labels: Shaped[Tensor, "rows ..."]
) -> int | None:
    """Return on how many rows a linear probe told nothing of the labels; None where it did.

    The probe is a ridge on standardized features, and each row is predicted by the other rows. What
    is measured is how well predictions agree with the labels, against 99 random orders of the
    labels. Features that belong to other rows are at chance, and so are features without any linear
    relation to the labels. Costs under a second: 512 rows are read, and 2,048 only before a warning.

    None also where nothing can be said: fewer than 32 labelled rows, or rows that share their class
    with another, labels that are all the same, or features that are.

    Args:
        features: A matrix, or a table, whose teachers' columns are read side by side.
        labels: Class numbers, or a column each label or target; those that are not known are left out.

    Source:
        The test is Mantel 1967, "The detection of disease clustering", on a ridge's predictions.

    Example:
        >>> labels = torch.arange(2).repeat(40)
        >>> rows_at_chance(torch.stack([labels, -labels], dim=1).float(), labels)
        >>> order = torch.randperm(80, generator=torch.Generator().manual_seed(0))
        >>> rows_at_chance(torch.stack([labels, -labels], dim=1)[order].float(), labels)
        80
    """
    table, draws = as_table(features), torch.Generator().manual_seed(0)
    labelled = has_label(labels).nonzero().flatten()
    order = labelled[torch.randperm(len(labelled), generator=draws)]
    tested = 0
    for size in SAMPLES:
        rows = order[:size].sort().values
        if len(rows) < FEWEST or len(rows) == tested:
            break
        if _of_shared_classes(labels[rows]) < FEWEST:
            return None
        likeness = _likeness(labels[rows])
        influence = _influence(matrix(table, rows).double())
        if influence is None or not bool(likeness.any()) or _agree(influence, likeness, draws):
            return None
        tested = len(rows)
    return tested or None


def _agree(
    influence: Float64[Tensor, "rows rows"],
    likeness: Float64[Tensor, "rows rows"],
    draws: torch.Generator,
) -> bool:
    """Whether like rows predict each other better than in any random order of the labels."""
    reached = (influence * likeness).sum()
    for _ in range(ORDERS):
        order = torch.randperm(len(likeness), generator=draws)
        if (influence * likeness[order[:, None], order]).sum() >= reached:
            return False
    return True


def _of_shared_classes(labels: Shaped[Tensor, "rows ..."]) -> int:
    """Return how many rows have the class of another row; all, where labels are no classes."""
    if not are_classes(labels):
        return len(labels)
    counts = torch.unique(labels, return_counts=True)[1]
    return int(counts[counts > 1].sum())


def _likeness(labels: Shaped[Tensor, "rows ..."]) -> Float64[Tensor, "rows rows"]:
    """Return the product of each two rows' labels at mean 0, and of equal scale if they are columns."""
    if are_classes(labels):
        classes, numbers = torch.unique(labels, return_inverse=True)
        columns = label_columns(numbers, outputs=len(classes)).double()
        centred = columns - columns.mean(dim=0)
    else:
        centred = (labels.double() - labels.nanmean(dim=0)).nan_to_num()  # not known: as the mean
        scale = centred.square().sum(dim=0).sqrt()
        centred = torch.where(scale > 0, centred / scale, 0.0)
    return centred @ centred.T


def _influence(features: Float64[Tensor, "rows width"]) -> Float64[Tensor, "rows rows"] | None:
    """Return how much each row's label counts in the prediction of each other row by a ridge.

    With ``K`` the kernel of the standardized features and ``H = K (K + λ)⁻¹``, the prediction of row
    ``i`` without its own label is ``sum_j≠i H_ij y_j / (1 - H_ii)``. None if all rows are the same.
    """
    std, mean = torch.std_mean(features, dim=0, correction=0)
    varies = std > 1e-6 * mean.abs()
    if not bool(varies.any()):
        return None
    columns = (features[:, varies] - mean[varies]) / std[varies]
    kernel = columns @ columns.T / columns.shape[1]
    ridge = kernel + PENALTY * torch.eye(len(kernel), dtype=kernel.dtype)
    hat: Tensor = torch.linalg.solve(ridge, kernel)
    own = hat.diagonal()
    return (hat - own.diag()) / (1 - own)[:, None]
