"""Rows on which a model is wrong, the worst first. PyTorch only."""

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from tutelage.tasks.base import Task
from tutelage.tasks.labels import has_label

__all__ = ["row_losses", "wrong_rows"]


def row_losses(
    task: Task, outputs: Float[Tensor, "rows outputs"], labels: Shaped[Tensor, "rows ..."]
) -> Float[Tensor, " rows"]:
    """Return each row's loss: cross-entropy in nats, or the squared error of standardized targets.

    Rows without a label have 0.

    Args:
        task: The meaning of outputs and labels.
        outputs: Logits, or targets in their units.
        labels: Labels of the rows.
    """
    scaling = task.scaling
    exact = outputs.double()
    trained = exact if scaling is None else scaling.standardize(exact)
    return task.plain_loss().rows(trained, labels)


def wrong_rows(
    task: Task, outputs: Float[Tensor, "rows outputs"], labels: Shaped[Tensor, "rows ..."]
) -> Int64[Tensor, " wrong"]:
    """Return the numbers of the rows that are wrong, the greatest loss first.

    A row is wrong if its greatest logit is not its class, or one of its known labels is; rows of
    targets all are, by however little.

    Args:
        task: The meaning of outputs and labels.
        outputs: Logits, or targets in their units.
        labels: Labels of the rows; those without one are left out.

    Example:
        >>> from tutelage.tasks import SingleLabel
        >>> outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.0], [9.0, 0.0]])
        >>> wrong_rows(SingleLabel.numbered(2), outputs, torch.tensor([0, 1, 1, 1]))
        tensor([3, 2])
    """
    wrong = has_label(labels)
    if task.labels_are_classes:
        wrong = wrong & (outputs.argmax(dim=1) != labels)
    elif task.labels_are_binary:
        wrong = (((outputs >= 0) != (labels == 1)) & ~labels.isnan()).any(dim=1)
    losses = torch.where(wrong, row_losses(task, outputs, labels), -1.0)
    worst = losses.argsort(descending=True, stable=True)
    return worst[: int(wrong.sum())]
