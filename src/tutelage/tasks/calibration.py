"""How far a model's probabilities can be taken at their word. PyTorch only."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tutelage.tasks.base import Task
from tutelage.tasks.labels import has_label

__all__ = ["Calibration", "ReliabilityBin", "calibration"]


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers whose probabilities lie in one range.

    Attributes:
        low: Lower end of the range.
        high: Upper end of the range.
        count: Number of answers.
        confidence: Mean of their probabilities.
        frequency: Share of them that are right.
    """

    low: float
    high: float
    count: int
    confidence: float
    frequency: float


@dataclass(frozen=True)
class Calibration:
    """Probabilities against how often they come true.

    Attributes:
        bins: Ranges that hold an answer, ascending.
    """

    bins: tuple[ReliabilityBin, ...]

    @property
    def error(self) -> float:
        """The expected calibration error, 0 to 1: ``sum_b n_b / n |frequency_b - confidence_b|``."""
        answers = sum(one.count for one in self.bins)
        gaps = (one.count * abs(one.frequency - one.confidence) for one in self.bins)
        return sum(gaps) / answers

    @property
    def is_overconfident(self) -> bool:
        """Whether probabilities are on average above the share of answers that are right."""
        return sum(one.count * (one.confidence - one.frequency) for one in self.bins) > 0


def calibration(
    task: Task,
    outputs: Float[Tensor, "rows outputs"],
    labels: Shaped[Tensor, "rows ..."],
    *,
    bins: int = 15,
) -> Calibration | None:
    """Return the reliability of a model's probabilities, in ranges of equal width.

    An answer is the class of a row's greatest logit, with its softmax; of tasks with several labels
    each known label of each row, with its sigmoid, which is right where the row has the label.

    Args:
        task: The meaning of outputs and labels.
        outputs: Logits.
        labels: Labels of the rows; those that are not known are left out.
        bins: Number of ranges from 0 to 1.

    Returns:
        None for tasks without probabilities, or without a label.

    Source:
        Guo et al. 2017, arXiv 1706.04599, section 2, eq. 2 and 3.

    Example:
        >>> from tutelage.tasks import SingleLabel
        >>> outputs = torch.tensor([[3.0, 0.0]] * 4).log()  # probabilities 1 and 0
        >>> calibration(SingleLabel.numbered(2), outputs, torch.tensor([0, 0, 0, 1])).error
        0.25
    """
    known = has_label(labels)
    if not task.has_classes or not bool(known.any()):
        return None
    shares, labels = task.probabilities(outputs[known]), labels[known]
    if task.labels_are_classes:
        shares, chosen = shares.max(dim=1)
        right = (chosen == labels).double()
    else:
        told = ~labels.isnan()
        shares, right = shares[told], labels[told].double()
    numbers = (shares * bins).long().clamp_max(bins - 1)
    counts = numbers.bincount(minlength=bins)
    confidence, frequency = (
        torch.zeros(bins, dtype=torch.float64).index_add_(0, numbers, values) / counts
        for values in (shares, right)
    )
    return Calibration(
        tuple(
            ReliabilityBin(
                number / bins,
                (number + 1) / bins,
                count=int(counts[number]),
                confidence=float(confidence[number]),
                frequency=float(frequency[number]),
            )
            for number in counts.nonzero().flatten().tolist()
        )
    )
