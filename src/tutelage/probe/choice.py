"""Linear probe: how much of a task can be read off frozen features, with C chosen on a hold-out."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from tutelage.datasets.base import UNLABELLED
from tutelage.errors import DataError
from tutelage.probe.draws import drawn_holdout
from tutelage.probe.fit import LinearProbe, SoftmaxRegression, fit_probe, labelled_rows
from tutelage.probe.rows import FeatureRows, Selected, feature_rows

__all__ = ["HoldoutProbe", "Probe", "linear_probe", "probe_holdout"]

DECADES = range(-4, 1)
"""C is 10 to the power of one of these."""

FURTHEST = range(-8, 5)
"""Where the search goes at most, if the best lies at an end."""


@dataclass(frozen=True, kw_only=True)
class HoldoutProbe:
    """The C that a hold-out chose, and the accuracy there.

    Attributes:
        c: Inverse strength of the L2 penalty; see ``fit_probe``.
        holdout_accuracy: On the rows that chose ``c``, 0 to 1: slightly high for being the best of
            a few.
        holdout_error: Its standard error from the number of those rows.
    """

    c: float
    holdout_accuracy: float
    holdout_error: float


@dataclass(frozen=True, kw_only=True)
class Probe(HoldoutProbe):
    """A probe's accuracy on rows that chose nothing.

    Attributes:
        accuracy: On the test rows, 0 to 1, of the probe fitted on all rows.
        error: Its standard error from the number of test rows.
    """

    accuracy: float
    error: float


def linear_probe(
    rows: Float[Tensor, "rows width"] | FeatureRows,
    labels: Int64[Tensor, " rows"],
    *,
    test_features: Float[Tensor, "test width"] | FeatureRows,
    test_labels: Int64[Tensor, " test"],
    classes: int | None = None,
    weights: Float[Tensor, " width"] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
    device: torch.device | None = None,
) -> Probe:
    """Choose C on a hold-out of the rows, fit a probe on all of them, and score it on test rows.

    C is the best of 1e-4 to 1 in decades by accuracy on the hold-out, the smallest of equals; where
    the best lies at an end, the grid goes on as long as that helps. Each fit begins at the last.
    Standard errors are those of a share of independent rows:

        sqrt( p (1 - p) / n )

    Args:
        rows: Frozen features of the training rows, as ``fit_probe`` takes them.
        labels: Their classes; rows that are ``UNLABELLED`` are left out.
        test_features: Features of rows to score; they choose nothing.
        test_labels: Their classes; rows that are ``UNLABELLED`` are left out.
        classes: How many there are; as many as the labels name where None.
        weights: What each standardised column is multiplied by: the weighted probe.
        holdout: Share of the labelled rows that C is chosen by, drawn by class.
        seed: Draws the hold-out.
        device: Where to compute; by default the accelerator that is there, else the CPU.

    Raises:
        DataError: If a class has no row or a single one, or rows and labels do not match.
        ConfigError: If the share or a weight is out of range.

    Example:
        >>> rows = torch.cat([torch.zeros(20, 2), torch.ones(20, 2)]) + 0.1 * torch.randn(40, 2)
        >>> labels = torch.arange(40) // 20
        >>> linear_probe(rows, labels, test_features=rows, test_labels=labels).accuracy
        1.0
    """
    classes = _count(labels, classes)
    chosen, start = _choose(
        rows, labels, classes=classes, weights=weights, holdout=holdout, seed=seed, device=device
    )
    probe = fit_probe(
        rows, labels, classes=classes, c=chosen.c, weights=weights, start=start, device=device
    )
    accuracy, error = score(probe, test_features, test_labels)
    return Probe(
        c=chosen.c,
        holdout_accuracy=chosen.holdout_accuracy,
        holdout_error=chosen.holdout_error,
        accuracy=accuracy,
        error=error,
    )


def probe_holdout(
    rows: Float[Tensor, "rows width"] | FeatureRows,
    labels: Int64[Tensor, " rows"],
    *,
    classes: int | None = None,
    weights: Float[Tensor, " width"] | None = None,
    holdout: float = 0.1,
    seed: int = 0,
    device: torch.device | None = None,
) -> HoldoutProbe:
    """Choose C as ``linear_probe`` does, and return the accuracy on the hold-out alone.

    For what must be decided before any test row is looked at: which teacher to take.

    Args:
        rows: Frozen features of the training rows, as ``fit_probe`` takes them.
        labels: Their classes; rows that are ``UNLABELLED`` are left out.
        classes: How many there are; as many as the labels name where None.
        weights: What each standardised column is multiplied by: the weighted probe.
        holdout: Share of the labelled rows that are held out, drawn by class.
        seed: Draws the hold-out.
        device: Where to compute; by default the accelerator that is there, else the CPU.

    Raises:
        DataError: If a class has no row or a single one, or rows and labels do not match.
        ConfigError: If the share or a weight is out of range.

    Example:
        >>> rows = torch.cat([torch.zeros(20, 2), torch.ones(20, 2)]) + 0.1 * torch.randn(40, 2)
        >>> probe_holdout(rows, torch.arange(40) // 20).holdout_accuracy
        1.0
    """
    chosen, _ = _choose(
        rows,
        labels,
        classes=_count(labels, classes),
        weights=weights,
        holdout=holdout,
        seed=seed,
        device=device,
    )
    return chosen


def score(
    probe: LinearProbe,
    features: Float[Tensor, "rows width"] | FeatureRows,
    labels: Int64[Tensor, " rows"],
) -> tuple[float, float]:
    """Return the accuracy on the labelled rows and its standard error.

    Raises:
        DataError: If there are none, or they do not match.
    """
    rows = feature_rows(features)
    if len(rows) != len(labels):
        raise DataError(f"there are {len(rows)} rows of features to score but {len(labels)} labels")
    labelled = (labels != UNLABELLED).nonzero().flatten()
    if not len(labelled):
        raise DataError("no row to score has a label")
    right = probe.predict(Selected(rows, labelled)) == labels[labelled]
    accuracy = int(right.sum()) / len(right)
    return accuracy, math.sqrt(accuracy * (1 - accuracy) / len(right))


def _choose(
    rows: Tensor | FeatureRows,
    labels: Tensor,
    *,
    classes: int,
    weights: Tensor | None,
    holdout: float,
    seed: int,
    device: torch.device | None,
) -> tuple[HoldoutProbe, LinearProbe]:
    """The chosen C, and the probe at it of the rows that were not held out."""
    found = feature_rows(rows)
    labelled_rows(found, labels, classes=classes)
    held = drawn_holdout(labels, share=holdout, seed=seed)
    regression = SoftmaxRegression(
        found,
        labels.index_fill(0, held, UNLABELLED),
        classes=classes,
        weights=weights,
        device=device,
    )
    tried: dict[int, tuple[HoldoutProbe, LinearProbe]] = {}

    def attempt(decade: int, start: LinearProbe | None) -> LinearProbe:
        c = 10.0**decade
        probe = regression.fit(c, start=start)
        accuracy, error = score(probe, Selected(found, held), labels[held])
        chosen = HoldoutProbe(c=c, holdout_accuracy=accuracy, holdout_error=error)
        tried[decade] = chosen, probe
        return probe

    probe = None
    for decade in DECADES:
        probe = attempt(decade, probe)
    best = max(tried, key=lambda decade: tried[decade][0].holdout_accuracy)
    while best in (min(tried), max(tried)):
        further = best - 1 if best == min(tried) else best + 1
        if further not in FURTHEST:
            break
        attempt(further, tried[best][1])
        if tried[further][0].holdout_accuracy <= tried[best][0].holdout_accuracy:
            break
        best = further
    return tried[best]


def _count(labels: Tensor, classes: int | None) -> int:
    if classes is not None:
        return classes
    return int(labels.max()) + 1 if len(labels) else 0
