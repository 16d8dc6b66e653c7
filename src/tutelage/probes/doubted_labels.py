"""Rows whose labels a probe that did not see them contradicts, for every kind of task."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tutelage.probes.label_errors import label_errors
from tutelage.tasks import Task, has_label

__all__ = ["DoubtedRow", "doubted_labels"]

FAR = 4.0
"""Robust standard deviations of a probe's errors from which on a target is doubted."""
TO_DEVIATIONS = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""


@dataclass(frozen=True)
class DoubtedRow:
    """A row with a label that is likely to be wrong.

    Attributes:
        row: Number of the row.
        margin: How sure that is: of classes and labels, how far the probability of what is likelier lies
            above that of the label; of targets, the error in robust standard deviations.
        outputs: Numbers of the outputs that matter: of classes the label and the likelier class; else
            the labels or targets in doubt, the surest first.
    """

    row: int
    margin: float
    outputs: tuple[int, ...]


def doubted_labels(
    logits: Float[Tensor, "rows outputs"], labels: Shaped[Tensor, "rows ..."], *, task: Task
) -> list[DoubtedRow]:
    """Return the rows whose labels are likely to be wrong, the surest first.

    Classes are compared as ``label_errors`` does, and of several labels each by itself, as one class
    against none. A target is doubted if it is further than four robust standard deviations (1.4826
    times the median absolute error of all rows) from what the probe predicts.

    Args:
        logits: Outputs for each row by a probe that was fitted without it; targets in their units.
        labels: Labels of the rows; those that are not known are left out.
        task: The meaning of both.

    Source:
        Northcutt, Jiang and Chuang 2021, "Confident Learning", arXiv 1911.00068; for several labels
        Thyagarajan et al. 2022, arXiv 2211.13895, section 3.
    """
    if task.labels_are_classes:
        rows = has_label(labels).nonzero().flatten()
        return [
            DoubtedRow(
                int(rows[error.row]),
                error.likelier_share - error.share,
                (error.label, error.likelier),
            )
            for error in (label_errors(logits[rows], labels[rows]) if len(rows) else [])
        ]
    margins: dict[int, dict[int, float]] = {}
    for output in range(task.outputs):
        rows = (~labels[:, output].isnan()).nonzero().flatten()
        if not len(rows):
            continue
        of_one = _of_label if task.labels_are_binary else _of_target
        for row, margin in of_one(logits[rows, output], labels[rows, output]):
            margins.setdefault(int(rows[row]), {})[output] = margin
    doubted = [
        DoubtedRow(row, max(one.values()), tuple(sorted(one, key=lambda output: -one[output])))
        for row, one in margins.items()
    ]
    return sorted(doubted, key=lambda one: (-one.margin, one.row))


def _of_label(logits: Tensor, labels: Tensor) -> list[tuple[int, float]]:
    both = torch.stack([torch.zeros_like(logits), logits], dim=1)
    errors = label_errors(both, labels.long())
    return [(error.row, error.likelier_share - error.share) for error in errors]


def _of_target(predicted: Tensor, targets: Tensor) -> list[tuple[int, float]]:
    errors = (predicted.double() - targets.double()).abs()
    deviation = TO_DEVIATIONS * float(errors.median())
    if not deviation:
        return []
    far = (errors > FAR * deviation).nonzero().flatten().tolist()
    return [(row, float(errors[row]) / deviation) for row in far]
