"""Which rows are alike when some are drawn, so that every kind of row is on both sides."""

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from tutelage.tasks.base import UNLABELLED, Kind, has_label

__all__ = ["strata"]


def strata(labels: Shaped[Tensor, "rows ..."], *, task: Kind) -> Int64[Tensor, " rows"]:
    """Return a number for each row, equal for rows that are alike; ``UNLABELLED`` without a label.

    - Single-label: its class.
    - Multi-label: the rarest of its labels, so that rare ones are found on both sides of a draw;
      rows without any are alike, and a row that would stand alone joins them (or the most frequent
      kind where there are none). Rarer combinations are left to chance.
    - Regression: all rows are alike, and a draw is a plain one. Bins of targets would change with
      every row that is added, and with them the lot of rows that were there before.

    Example:
        >>> labels = torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
        >>> strata(labels, task="multi-label")
        tensor([1, 1, 0, 0, 0])
    """
    if task == "single-label":
        return labels
    known = has_label(labels)
    found = torch.full((len(labels),), UNLABELLED)
    if task == "regression":
        return torch.where(known, 0, found)
    positive = labels == 1
    counts = positive.sum(dim=0)
    rarity = torch.where(positive, counts, len(labels) + 1)
    none = labels.shape[1]
    rarest = torch.where(positive.any(dim=1), rarity.argmin(dim=1), none)
    frequent = rarest[known].bincount(minlength=none + 1)
    alone = frequent[rarest] == 1
    others = none if frequent[none] > 1 else int(frequent.argmax())
    return torch.where(known, torch.where(alone, others, rarest), found)
