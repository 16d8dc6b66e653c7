"""Labels that a probe, which did not see them, contradicts."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

__all__ = ["LabelError", "label_errors"]


@dataclass(frozen=True)
class LabelError:
    """A row whose label is likely to be wrong.

    Attributes:
        row: Number of the row.
        label: Its label.
        likelier: The class that the probe holds for right.
        share: Probability of the label.
        likelier_share: Probability of the likelier class.
    """

    row: int
    label: int
    likelier: int
    share: float
    likelier_share: float


def label_errors(
    logits: Float[Tensor, "rows classes"], labels: Int64[Tensor, " rows"]
) -> list[LabelError]:
    """Return the rows whose label is likely to be wrong, the likeliest first.

    The threshold of a class is the mean probability that its own rows have of it. A row whose
    probability of another class reaches that class's threshold, and is above that of every other
    class that does, is counted for the other class. Classes that a probe is rarely sure of thus have
    a low threshold, and those that it often is sure of a high one.

    Args:
        logits: Outputs for each row by a probe that was fitted without it, as ``cross_fitted`` gives.
        labels: Class of each row.

    Source:
        Northcutt, Jiang and Chuang 2021, "Confident Learning", arXiv 1911.00068, section 3.1, eq. 1.

    Example:
        >>> logits = torch.tensor([[4.0, 0.0]] * 9 + [[0.0, 4.0]] * 9)
        >>> labels = torch.tensor([0] * 9 + [1] * 8 + [0])
        >>> [(error.row, error.likelier) for error in label_errors(logits, labels)]
        [(17, 1)]
    """
    shares = logits.double().softmax(dim=1)
    classes = shares.shape[1]
    own = shares.gather(1, labels[:, None]).squeeze(1)
    counts = labels.bincount(minlength=classes)
    thresholds = torch.zeros(classes, dtype=torch.float64).index_add_(0, labels, own) / counts
    confident = torch.where(shares >= thresholds, shares, torch.zeros_like(shares))
    reached, likelier = confident.max(dim=1)
    suspect = (reached > 0) & (likelier != labels) & (reached > own)
    rows = suspect.nonzero().flatten()
    by_margin = rows[(own - reached)[rows].argsort(stable=True)]
    return [
        LabelError(row, int(labels[row]), int(likelier[row]), float(own[row]), float(reached[row]))
        for row in by_margin.tolist()
    ]
