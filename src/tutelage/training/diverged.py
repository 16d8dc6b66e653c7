"""Whether a trained student is worse than answers that ignore the row."""

import torch
from jaxtyping import Shaped
from torch import Tensor

from tutelage.tasks import Task, has_label

__all__ = ["words_if_diverged"]

GROSS = 2.0
"""Times the loss of equal outputs above which training made a student worse, not better."""
ENOUGH = 10_000
"""Rows, from all over the labels, whose loss is that of all."""


def words_if_diverged(
    loss: float | None,
    task: Task,
    labels: Shaped[Tensor, "rows ..."],
    *,
    probed: bool,
) -> str | None:
    """Say that training diverged where the student's loss is above twice that of equal outputs.

    Equal outputs are logits of 0, or targets at their mean: their loss is ``log K`` for ``K``
    classes, ``log 2`` for several labels, and about 1 for targets. A loss far above it can be
    finite, and so end no training, although the student learned nothing that it could not say
    without the row.

    Args:
        loss: The task's loss on the training rows after training; None if it was not measured.
        task: The meaning of outputs and labels.
        labels: Labels of the training rows; targets in their units.
        probed: Whether the head began from a linear probe. Where features hardly vary its weights
            are large, and a small step of the student is a large one of its outputs.
    """
    known = labels[has_label(labels)]
    if loss is None or not len(known):
        return None
    known = known[:: -(-len(known) // ENOUGH)]
    equal = torch.zeros(len(known), task.outputs, dtype=torch.float64)
    chance = float(task.plain_loss()(equal, known))
    if loss <= GROSS * chance:
        return None
    head = ", or begin with student.head = 'random'" if probed else ""
    return (
        f"training diverged: on training rows the loss is {loss:.3g}, and {chance:.3g} where all "
        f"outputs are equal; lower train.lr{head}"
    )
