"""Metrics of outputs against labels, by task: those of scikit-learn and SciPy, on the CPU.

Both libraries are imported when something is first measured: a second that nobody else pays.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from numpy.typing import NDArray
from torch import Tensor

from tutelage.errors import DataError, DivergedError
from tutelage.tasks.base import Kind, Metric, has_label

__all__ = ["GROUPS", "measure", "refuse_unmeasurable", "scores", "standard_error"]

GROUPS = 20
"""Parts of the rows that the jackknife leaves out, one after another."""

Array = NDArray[np.float64]


def scores(
    kind: Kind,
    outputs: Float[Tensor, "rows outputs"],
    labels: Shaped[Tensor, "rows ..."],
    *,
    names: tuple[str, ...] = (),
) -> dict[str, float]:
    """Return every metric of a task on the rows with a label; what is undefined there is left out.

    Single-label, the greatest logit counting: ``accuracy``; ``macro_f1``; ``mcc``, Matthews's
    correlation; ``auroc``, the mean over the classes that occur of each against the rest; with two
    classes ``f1`` of the second.

    Multi-label: ``average_precision``, ``macro_f1`` and ``auroc``, means over labels, of those for
    which they are defined (average precision needs a row that has the label, AUROC also one that has not);
    ``micro_f1``, of all labels together; ``subset_accuracy``, the share of rows with all labels
    right. A label counts as given from 0.5 on.

    Regression: ``r2``, ``spearman`` and ``pearson``, means over targets that vary; a correlation
    is 0 where outputs do not vary. ``rmse`` and ``mae`` are in the target's unit; of several targets
    each has its own, ``rmse/height``.

    Args:
        kind: Of task.
        outputs: Logits, or targets in their own units.
        labels: As the task has them; rows and labels that are not known are left out.
        names: Of the outputs; needed for several regression targets.

    Raises:
        DivergedError: If an output is not a finite number.

    Example:
        >>> import torch
        >>> outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.0]])
        >>> found = scores("single-label", outputs, torch.tensor([0, 1, 1]))
        >>> round(found["accuracy"], 3), found["auroc"]
        (0.667, 1.0)
    """
    known = has_label(labels)
    found, aims = outputs[known].double().numpy(), labels[known].numpy()
    if not np.isfinite(found).all():
        raise DivergedError(
            "the outputs are no finite numbers, so nothing can be measured; lower train.lr or "
            "transfer.beta, or set train.clip_norm = 1.0"
        )
    if not len(aims):
        return {}
    match kind:
        case "single-label":
            values = dict(_of_classes(found, aims))
        case "multi-label":
            values = dict(_of_labels(found, aims))
        case "regression":
            values = dict(_of_targets(found, aims, names))
    return {name: float(value) for name, value in values.items() if value is not None}


def measure(
    kind: Kind,
    metric: Metric,
    outputs: Float[Tensor, "rows outputs"],
    labels: Shaped[Tensor, "rows ..."],
) -> float:
    """Return one metric on the rows with a label.

    Raises:
        DataError: If it is undefined for these labels.
    """
    if kind == "single-label" and metric.name == "accuracy":  # at no cost, as often as one likes
        known = has_label(labels)
        if known.any():
            return float((outputs[known].argmax(dim=1) == labels[known]).double().mean())
    names = tuple(map(str, range(outputs.shape[1])))
    found = scores(kind, outputs, labels, names=names).get(metric.name)
    if found is None:
        raise DataError(_undefined(metric, where="these rows"))
    return found


def standard_error(
    kind: Kind,
    metric: Metric,
    outputs: Float[Tensor, "rows outputs"],
    labels: Shaped[Tensor, "rows ..."],
) -> float:
    """Return the standard error that a metric has for being measured on so many rows.

    Of accuracies that of a share, ``sqrt( p (1 - p) / n )``; of others the jackknife's over groups
    of every 20th row, each left out in turn:

        sqrt( (G - 1) / G  sum_g (m_g - mean m)² )

    Source:
        Efron and Stein 1981, "The jackknife estimate of variance"; in groups, Shao and Tu 1995,
        "The jackknife and bootstrap", section 2.3.
    """
    known = has_label(labels)
    outputs, labels = outputs[known], labels[known]
    rows = len(labels)
    if metric.name in ("accuracy", "subset_accuracy"):
        share = measure(kind, metric, outputs, labels)
        return math.sqrt(share * (1 - share) / rows)
    names = tuple(map(str, range(outputs.shape[1])))
    values = []
    for group in range(min(GROUPS, rows)):
        kept = np.arange(rows) % GROUPS != group
        found = scores(kind, outputs[kept], labels[kept], names=names)
        if metric.name in found:  # without these rows it may be undefined
            values.append(found[metric.name])
    if len(values) < 2:
        return math.inf
    return math.sqrt((len(values) - 1) * float(np.var(values)))


def refuse_unmeasurable(
    kind: Kind, metric: Metric, labels: Shaped[Tensor, "rows ..."], *, outputs: int, where: str
) -> None:
    """Refuse labels for which a metric is undefined, whatever the outputs are.

    Raises:
        DataError: If it is.
    """
    names = tuple(map(str, range(outputs)))
    constant = labels.new_zeros((len(labels), outputs)).float()
    if metric.name not in scores(kind, constant, labels, names=names):
        raise DataError(_undefined(metric, where=where))


def _undefined(metric: Metric, *, where: str) -> str:
    return (
        f"{metric.label} is undefined on {where}: their labels are all the same, or too few; give "
        "more rows, or choose another data.metric"
    )


Found = Iterator[tuple[str, float | None]]


def _of_classes(outputs: Array, labels: NDArray[np.int64]) -> Found:
    from scipy.special import softmax
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, roc_auc_score

    chosen = outputs.argmax(axis=1)
    yield "accuracy", accuracy_score(labels, chosen)
    yield "macro_f1", f1_score(labels, chosen, average="macro")
    if outputs.shape[1] == 2:
        yield "f1", f1_score(labels, chosen, zero_division=0)
    yield "mcc", matthews_corrcoef(labels, chosen)
    present = np.unique(labels)
    if len(present) > 1:
        truth = (labels[:, None] == present).astype(int)
        yield "auroc", roc_auc_score(truth, softmax(outputs, axis=1)[:, present], average="macro")


def _of_labels(outputs: Array, labels: Array) -> Found:
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    known = ~np.isnan(labels)
    truth, given = labels == 1, outputs >= 0
    some = (known & truth).any(axis=0)
    both = np.logical_and(some, (known & ~truth).any(axis=0))

    def mean(measured: Callable[..., float], values: NDArray[Any], columns: Any) -> float | None:
        each = [
            measured(truth[known[:, j], j], values[known[:, j], j])
            for j, defined in enumerate(columns)
            if defined
        ]
        return float(np.mean(each)) if each else None

    yield "average_precision", mean(average_precision_score, outputs, some)
    yield (
        "macro_f1",
        mean(lambda y, x: f1_score(y, x, zero_division=0), given, known.any(axis=0)),
    )
    yield "micro_f1", f1_score(truth[known], given[known], zero_division=0)
    yield "auroc", mean(roc_auc_score, outputs, both)
    whole = known.all(axis=1)
    if whole.any():
        yield "subset_accuracy", float((truth == given)[whole].all(axis=1).mean())


def _of_targets(outputs: Array, labels: Array, names: tuple[str, ...]) -> Found:
    from scipy.stats import pearsonr, spearmanr
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    labels = labels.astype(np.float64)
    known = ~np.isnan(labels)
    pairs = [(labels[k, j], outputs[k, j]) for j, k in enumerate(known.T)]
    varying = [(y, x) for y, x in pairs if len(y) > 1 and np.ptp(y) > 0]

    def correlation(of: Callable[..., tuple[float, float]]) -> float | None:
        found = [of(y, x)[0] if np.ptp(x) > 1e-9 * np.abs(x).max() else 0.0 for y, x in varying]
        return float(np.mean(found)) if found else None

    yield "r2", float(np.mean([r2_score(y, x) for y, x in varying])) if varying else None
    yield "spearman", correlation(spearmanr)
    yield "pearson", correlation(pearsonr)
    for j, (y, x) in enumerate(pairs):
        if len(y):
            which = f"/{names[j]}" if len(pairs) > 1 else ""
            yield f"rmse{which}", root_mean_squared_error(y, x)
            yield f"mae{which}", mean_absolute_error(y, x)
