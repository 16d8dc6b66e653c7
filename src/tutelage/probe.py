"""Linear probe: how much of a task can be read off frozen features."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from tutelage.errors import DataError

__all__ = ["Probe", "linear_probe"]

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class Probe:
    """A probe's accuracy on rows that it did not see, and the C that a hold-out chose.

    Attributes:
        accuracy: 0 to 1.
        c: Inverse strength of the L2 penalty, as scikit-learn has it.
    """

    accuracy: float
    c: float


def linear_probe(
    features: Float[Tensor, "rows width"],
    labels: Int64[Tensor, " rows"],
    *,
    test_features: Float[Tensor, "test width"],
    test_labels: Int64[Tensor, " test"],
    holdout: float = 0.1,
    seed: int = 0,
) -> Probe:
    """Fit logistic regression on standardised features; C is chosen on a hold-out of the rows.

    Args:
        features: Frozen features of the training rows.
        labels: Their classes.
        test_features: Features of rows to score; they choose nothing.
        test_labels: Their classes.
        holdout: Share of the training rows that C is chosen by; the probe is then fitted on all.
        seed: Draws the hold-out.

    Raises:
        DataError: If the rows have fewer than two classes.

    Example:
        >>> import torch
        >>> rows = torch.cat([torch.zeros(20, 2), torch.ones(20, 2)]) + 0.1 * torch.randn(40, 2)
        >>> labels = torch.arange(40) // 20
        >>> linear_probe(rows, labels, test_features=rows, test_labels=labels).accuracy
        1.0
    """
    x, y = features.float().numpy(), labels.numpy()
    if len(np.unique(y)) < 2:
        raise DataError("a linear probe needs rows of at least two classes")
    counts = np.bincount(y)
    stratify = y if counts[counts > 0].min() > 1 and len(counts) <= holdout * len(y) else None
    fit_x, held_x, fit_y, held_y = train_test_split(
        x, y, test_size=holdout, random_state=seed, stratify=stratify
    )
    scores = [_fit(fit_x, fit_y, c).score(held_x, held_y) for c in STRENGTHS]
    c = STRENGTHS[int(np.argmax(scores))]
    accuracy = _fit(x, y, c).score(test_features.float().numpy(), test_labels.numpy())
    return Probe(accuracy=float(accuracy), c=c)


def _fit(x: np.ndarray, y: np.ndarray, c: float) -> LogisticRegression:
    return make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=1000)).fit(x, y)
