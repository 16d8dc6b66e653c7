"""Which classes are taken for which: the confusion matrix and what stands out in it. PyTorch only."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from tutelage.tasks.labels import has_label

__all__ = ["ConfusedPair", "confusion_matrix", "most_confused_classes", "most_confused_pairs"]


@dataclass(frozen=True)
class ConfusedPair:
    """Rows of one class that are taken for another.

    Attributes:
        label: Number of the rows' class.
        given: Number of the class with the greatest output.
        rows: How many rows.
        share: Their share of the rows of the class, above 0 to 1.
    """

    label: int
    given: int
    rows: int
    share: float


def confusion_matrix(
    outputs: Float[Tensor, "rows classes"], labels: Int64[Tensor, " rows"]
) -> Int64[Tensor, "classes classes"]:
    """Return how many rows of each class have their greatest output at each class.

    Args:
        outputs: Logits.
        labels: Class of each row; rows without one are left out.

    Returns:
        A row a class of the labels, a column a class that is given.

    Example:
        >>> outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.0]])
        >>> confusion_matrix(outputs, torch.tensor([0, 1, 1])).tolist()
        [[1, 0], [1, 1]]
    """
    known = has_label(labels)
    classes = outputs.shape[1]
    cells = labels[known] * classes + outputs[known].argmax(dim=1)
    return cells.bincount(minlength=classes * classes).reshape(classes, classes)


def most_confused_pairs(
    matrix: Int64[Tensor, "classes classes"], *, most: int
) -> list[ConfusedPair]:
    """Return the pairs of classes with the most errors, the largest first.

    Of pairs with equally many rows, that with the larger share of its class comes first, then that of
    the lower numbers.

    Args:
        matrix: As ``confusion_matrix`` returns it.
        most: Largest number of pairs.
    """
    errors = _errors(matrix)
    totals = matrix.sum(dim=1)
    pairs = [
        ConfusedPair(label, given, rows := int(errors[label, given]), rows / int(totals[label]))
        for label, given in errors.nonzero().tolist()
    ]
    return sorted(pairs, key=lambda pair: (-pair.rows, -pair.share))[:most]


def most_confused_classes(matrix: Int64[Tensor, "classes classes"], *, most: int) -> list[int]:
    """Return the classes with the most errors, of their rows and of rows taken for them.

    Args:
        matrix: As ``confusion_matrix`` returns it.
        most: Largest number of classes; all of them where there are no more.

    Returns:
        Numbers of the classes, ascending.
    """
    errors = _errors(matrix)
    worst = (errors.sum(dim=0) + errors.sum(dim=1)).argsort(descending=True, stable=True)
    return sorted(worst[:most].tolist())


def _errors(matrix: Int64[Tensor, "classes classes"]) -> Int64[Tensor, "classes classes"]:
    return matrix - torch.diag(matrix.diagonal())
