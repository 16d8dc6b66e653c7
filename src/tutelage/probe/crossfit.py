"""Logits of rows by probes that did not see their labels."""

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from tutelage.datasets.base import UNLABELLED
from tutelage.errors import DataError
from tutelage.probe.choice import probe_holdout
from tutelage.probe.draws import stratified_folds
from tutelage.probe.fit import fit_probe, labelled_rows
from tutelage.probe.rows import FeatureRows, Selected, feature_rows

__all__ = ["cross_fitted"]


def cross_fitted(
    rows: Float[Tensor, "rows width"] | FeatureRows,
    labels: Int64[Tensor, " rows"],
    *,
    classes: int,
    folds: int | Int64[Tensor, " rows"] = 5,
    c: float | None = None,
    seed: int = 0,
    device: torch.device | None = None,
) -> Float32[Tensor, "rows classes"]:
    """Return each row's logits by a probe that was fitted without the row's label.

    The labelled rows are dealt out to folds, and the logits of a fold's rows come from the probe
    of all other folds: a softmax of them is a soft label that tells more than the row's own. Rows
    that are ``UNLABELLED`` get theirs from a probe of all labelled rows.

    Args:
        rows: Features, as ``fit_probe`` takes them.
        labels: Class numbers, or ``UNLABELLED``.
        classes: How many there are.
        folds: How many, drawn by class; or each labelled row's fold, from 0, where some rows must
            stay together (frames of one video) or the draw must not look at labels.
        c: Inverse strength of the penalty; chosen once as ``probe_holdout`` does where None.
        seed: Draws folds and hold-out.
        device: Where to compute; by default the accelerator that is there, else the CPU.

    Returns:
        Logits, on the CPU; a function of the arguments alone.

    Raises:
        DataError: If a class has no row or a single one, rows and labels do not match, or a fold
            holds all rows of a class.
        ConfigError: If ``folds`` or ``c`` is out of range.

    Source:
        Chernozhukov et al. 2018, arXiv 1608.00060, section 1, for cross-fitting.

    Example:
        >>> rows, labels = torch.randn(40, 2), torch.arange(40) % 2
        >>> rows[:, 0] += 8 * labels
        >>> logits = cross_fitted(rows, labels, classes=2, c=1.0)
        >>> (logits.argmax(dim=1) == labels).all()
        tensor(True)
    """
    found = feature_rows(rows)
    labelled_rows(found, labels, classes=classes)
    if isinstance(folds, int):
        folds = stratified_folds(labels, folds=folds, seed=seed)
    elif folds.shape != labels.shape or int(folds[labels != UNLABELLED].min()) < 0:
        raise DataError(f"folds are {len(labels)} numbers from 0, one a row; got other ones")
    folds = folds.where(labels != UNLABELLED, UNLABELLED)
    if c is None:
        c = probe_holdout(found, labels, classes=classes, seed=seed, device=device).c
    logits = torch.empty(len(labels), classes)
    for fold in sorted(set(folds.tolist())):
        # The fold of rows without a label is no labelled row's: their probe is that of all others.
        others = labels.where(folds != fold, UNLABELLED)
        probe = fit_probe(found, others, classes=classes, c=c, device=device)
        mine = (folds == fold).nonzero().flatten()
        logits[mine] = probe.logits(Selected(found, mine))
    return logits
