"""Cross-fitting: outputs for each row by a probe that did not see its label."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Float32, Int64, Shaped
from torch import Tensor

from tutelage.cache.table import FeatureTable, as_table, select
from tutelage.errors import DataError
from tutelage.probes.choice import probe_holdout
from tutelage.probes.draws import stratified_folds
from tutelage.probes.fit import fit_probe
from tutelage.probes.labelled import labelled_rows
from tutelage.tasks import UNLABELLED, Task, has_label, mask_labels

__all__ = ["cross_fitted"]


def cross_fitted(
    rows: Float[Tensor, "rows width"] | FeatureTable,
    labels: Shaped[Tensor, "rows ..."],
    *,
    task: Task,
    folds: int | Int64[Tensor, " rows"] = 5,
    c: float | None = None,
    seed: int = 0,
    views: Sequence[FeatureTable] = (),
    device: torch.device | None = None,
) -> Float32[Tensor, "rows_and_views outputs"]:
    """Return each row's outputs by a probe that was fitted without the row's label.

    The labelled rows are dealt out to folds, and the outputs of a fold's rows come from the probe
    of all other folds: a softmax of them is a soft label that tells more than the row's own. Rows
    without a label get theirs from a probe of all labelled rows.

    Args:
        rows: Features, as ``fit_probe`` takes them.
        labels: Labels of the rows, as ``fit_probe`` takes them.
        task: The task, whose leading metric chooses ``c``.
        folds: Number of folds, drawn by class; or each labelled row's fold, from 0, where some rows must
            stay together (frames of one video) or the draw must not look at labels.
        c: Inverse strength of the penalty; chosen once as ``probe_holdout`` does where None.
        seed: Draws folds and hold-out.
        views: Features of augmented views of the same rows, in the same order. No probe is fitted on
            them; a view's outputs come from the probe that gives those of its row.
        device: Device of the computation; by default the accelerator if there is one, else the CPU.

    Returns:
        Logits, or targets in their units, on the CPU; a function of the arguments alone. Those of the
        rows come first, then those of each view.

    Raises:
        DataError: If a class has no row or a single one, rows and labels do not match, or a fold
            holds all rows of a class.
        ConfigError: If ``folds`` or ``c`` is out of range.

    Source:
        Chernozhukov et al. 2018, arXiv 1608.00060, section 1, for cross-fitting.

    Example:
        >>> from tutelage.tasks import SingleLabel
        >>> rows, labels = torch.randn(40, 2), torch.arange(40) % 2
        >>> rows[:, 0] += 8 * labels
        >>> logits = cross_fitted(rows, labels, task=SingleLabel.numbered(2), c=1.0)
        >>> (logits.argmax(dim=1) == labels).all()
        tensor(True)
    """
    table = as_table(rows)
    labelled_rows(table, labels, task=task)
    known = has_label(labels)
    if isinstance(folds, int):
        names = task.names if task.labels_are_classes else ()
        folds = stratified_folds(task.strata(labels), folds=folds, seed=seed, names=names)
    elif folds.shape != known.shape or int(folds[known].min()) < 0:
        raise DataError(f"folds are {len(labels)} numbers from 0, one a row; got others")
    folds = folds.where(known, UNLABELLED)
    if c is None:
        c = probe_holdout(table, labels, task=task, seed=seed, device=device).c
    outputs = torch.empty(1 + len(views), len(labels), task.outputs)
    for fold in sorted(set(folds.tolist())):
        mine = (folds == fold).nonzero().flatten()
        # The fold of rows without a label is no labelled row's: their probe is that of all others.
        others = mask_labels(labels, mine)
        probe = fit_probe(table, others, task=task, c=c, device=device)
        for look, features in enumerate((table, *views)):
            outputs[look, mine] = probe.outputs(select(features, mine))
    return outputs.flatten(0, 1)
