"""Labels as tensors: which rows have one, hiding some, and their form in JSON. PyTorch only.

Labels are class numbers, int64 ``[rows]``, where each row has one class; else ``[rows, outputs]``,
with NaN where one is not known: 0 and 1 as float32, or targets as float64, which may be large and
vary little.
"""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float32, Int64, Shaped
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "UNLABELLED",
    "are_classes",
    "as_list",
    "fully_labelled",
    "has_label",
    "label_columns",
    "mask_labels",
    "right_rows",
    "without_label",
]

UNLABELLED = -100
"""The class number of a row without a label: ``torch.nn.CrossEntropyLoss`` leaves such rows out."""


def are_classes(labels: Shaped[Tensor, "rows ..."]) -> bool:
    """Whether labels are class numbers, one a row."""
    return not labels.is_floating_point()


def has_label(labels: Shaped[Tensor, "rows ..."]) -> Bool[Tensor, " rows"]:
    """Whether each row has a label, or at least one of several.

    Example:
        >>> has_label(torch.tensor([3, UNLABELLED]))
        tensor([ True, False])
        >>> has_label(torch.tensor([[1.0, torch.nan], [torch.nan, torch.nan]]))
        tensor([ True, False])
    """
    return labels != UNLABELLED if are_classes(labels) else ~labels.isnan().all(dim=1)


def fully_labelled(labels: Shaped[Tensor, "rows ..."]) -> Bool[Tensor, " rows"]:
    """Whether each row has all its labels."""
    return labels != UNLABELLED if are_classes(labels) else ~labels.isnan().any(dim=1)


def without_label(rows: int, *, like: Shaped[Tensor, "rows ..."]) -> Shaped[Tensor, "new ..."]:
    """Return the labels of rows that have none, in the form of other labels."""
    none = UNLABELLED if are_classes(like) else math.nan
    return like.new_full((rows, *like.shape[1:]), none)


def mask_labels(
    labels: Shaped[Tensor, "rows ..."], rows: Int64[Tensor, " some"]
) -> Shaped[Tensor, "rows ..."]:
    """Return labels without those of some rows.

    Example:
        >>> mask_labels(torch.tensor([3, 4, 5]), torch.tensor([1]))
        tensor([   3, -100,    5])
    """
    return labels.index_fill(0, rows, UNLABELLED if are_classes(labels) else math.nan)


def label_columns(
    labels: Shaped[Tensor, "rows ..."], *, outputs: int
) -> Float32[Tensor, "rows outputs"]:
    """Return a column for each output: one-hot classes, or the labels as they are.

    Rows must have all labels.
    """
    return F.one_hot(labels, outputs).float() if are_classes(labels) else labels


def as_list(labels: Shaped[Tensor, "rows ..."]) -> list[Any]:
    """Return labels as JSON has them: None where there is no number.

    Example:
        >>> as_list(torch.tensor([[0.5, torch.nan]]))
        [[0.5, None]]
    """
    listed: list[Any] = labels.tolist()
    if are_classes(labels):
        return listed
    return [[None if math.isnan(value) else value for value in row] for row in listed]


def right_rows(
    outputs: Shaped[Tensor, "batch outputs"], labels: Shaped[Tensor, "batch ..."]
) -> Int64[Tensor, ""]:
    """Return how many rows' greatest logit is that of their class; 0 for other labels."""
    if not are_classes(labels):
        return labels.new_zeros((), dtype=torch.int64)
    return (outputs.detach().argmax(dim=1) == labels).sum()
