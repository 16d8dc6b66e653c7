"""Scores of single classes, labels and targets. PyTorch only."""

import math
from dataclasses import dataclass

from jaxtyping import Float, Shaped
from torch import Tensor

from tutelage.tasks.base import Task
from tutelage.tasks.labels import has_label
from tutelage.tasks.scaling import varies

__all__ = ["ClassScore", "Share", "TargetScore", "class_scores", "target_scores"]

NORMAL_95 = 1.959964
"""Standard errors on either side of a mean that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class Share:
    """A share of rows with its 95 % interval.

    Attributes:
        count: How many of the rows.
        rows: Of how many.
    """

    count: int
    rows: int

    @property
    def value(self) -> float | None:
        """The share, 0 to 1; None of no rows."""
        return self.count / self.rows if self.rows else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval, which stays within 0 and 1 and is none too short for few rows.

            ( p + z²/2n ± z sqrt( p (1 - p) / n + z²/4n² ) ) / ( 1 + z²/n ),   z = 1.96

        Of no rows it is 0 to 1.

        Source:
            Wilson 1927, "Probable inference, the law of succession, and statistical inference".

        Example:
            >>> low, high = Share(9, 10).interval
            >>> round(low, 3), round(high, 3)
            (0.596, 0.982)
        """
        if not self.rows:
            return 0.0, 1.0
        share, extra = self.count / self.rows, NORMAL_95**2 / self.rows
        half = NORMAL_95 * math.sqrt(share * (1 - share) / self.rows + extra / (4 * self.rows))
        center, whole = share + extra / 2, 1 + extra
        return max(0.0, (center - half) / whole), min(1.0, (center + half) / whole)


@dataclass(frozen=True)
class ClassScore:
    """How well one class or label is told from the others.

    Attributes:
        name: Its name.
        recall: Of the rows that have it, those to which it is given.
        precision: Of the rows to which it is given, those that have it.
    """

    name: str
    recall: Share
    precision: Share

    @property
    def rows(self) -> int:
        """Number of rows that have it."""
        return self.recall.rows

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall; None if no row has it or is given it."""
        both = self.recall.rows + self.precision.rows
        return 2 * self.recall.count / both if both else None


@dataclass(frozen=True)
class TargetScore:
    """Errors of one regression target, in its unit.

    Attributes:
        name: Its name.
        rows: Number of rows whose target is known.
        rmse: Root of the mean squared error.
        mae: Mean absolute error.
        r2: 1 - squared error / squared deviation from the mean; None where the target is constant.
    """

    name: str
    rows: int
    rmse: float
    mae: float
    r2: float | None


def class_scores(
    task: Task, outputs: Float[Tensor, "rows outputs"], labels: Shaped[Tensor, "rows ..."]
) -> list[ClassScore]:
    """Return recall and precision of each class or label; empty for tasks that have none.

    A row has the class of its greatest logit, or each label whose logit is 0 or above. Labels that
    are not known are left out.

    Args:
        task: The meaning of outputs and labels.
        outputs: Logits.
        labels: Labels of the rows.

    Example:
        >>> import torch
        >>> from tutelage.tasks import SingleLabel
        >>> outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.0]])
        >>> first, _ = class_scores(SingleLabel.numbered(2), outputs, torch.tensor([0, 1, 1]))
        >>> first.recall.value, first.precision.value
        (1.0, 0.5)
    """
    if not task.has_classes:
        return []
    known = has_label(labels)
    right, has, gets = _counts(task, outputs[known], labels[known])
    return [
        ClassScore(name, Share(right[j], has[j]), Share(right[j], gets[j]))
        for j, name in enumerate(task.names)
    ]


def target_scores(
    task: Task, outputs: Float[Tensor, "rows outputs"], labels: Shaped[Tensor, "rows ..."]
) -> list[TargetScore]:
    """Return the errors of each target that some row has; empty for tasks with classes.

    Args:
        task: The meaning of outputs and labels.
        outputs: Targets as predicted, in their units.
        labels: Targets of the rows, NaN where unknown.
    """
    if task.has_classes:
        return []
    scores = []
    for name, predicted, target in zip(task.names, outputs.T, labels.T, strict=True):
        known = ~target.isnan()
        if not bool(known.any()):
            continue
        true = target[known].double()
        errors = predicted[known].double() - true
        deviation = float((true - true.mean()).square().sum())
        squared = float(errors.square().sum())
        scores.append(
            TargetScore(
                name,
                rows=len(true),
                rmse=math.sqrt(squared / len(true)),
                mae=float(errors.abs().mean()),
                r2=1 - squared / deviation if varies(true) else None,
            )
        )
    return scores


def _counts(task: Task, outputs: Tensor, labels: Tensor) -> tuple[list[int], list[int], list[int]]:
    """For each class or label: the rows that have it and are given it, that have it, that are given it."""
    if task.labels_are_classes:
        chosen = outputs.argmax(dim=1)
        counts = [
            numbers.bincount(minlength=task.outputs)
            for numbers in (labels[chosen == labels], labels, chosen)
        ]
    else:
        truth, given = labels == 1, (outputs >= 0) & ~labels.isnan()
        counts = [columns.sum(dim=0) for columns in (truth & given, truth, given)]
    right, has, gets = (count.tolist() for count in counts)
    return right, has, gets
