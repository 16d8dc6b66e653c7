"""The training objective: the loss of the task plus the weighted loss of a regularizer."""

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.columns import TeacherFeatures

__all__ = ["Objective", "Terms"]


class Terms(NamedTuple):
    """The parts of a loss: ``total = task + beta * transfer``; train by ``total.backward()``."""

    total: Float[Tensor, ""]
    task: Float[Tensor, ""]
    transfer: Float[Tensor, ""]


class Objective(nn.Module):
    """``L_task + beta * R``: the loss of the task plus the weighted loss of a regularizer.

    Give ``objective.parameters()`` to the optimizer too, for they include the regularizer's.

    Args:
        task: Called with outputs and labels, for example ``nn.CrossEntropyLoss()``.
        regularizer: Called with student and teacher features, for example ``AFTLoss``.
        beta: Strength of the transfer; 0 or more.

    Raises:
        ValueError: If beta is negative or not finite.

    Example:
        >>> import torch
        >>> from tutelage import AFTLoss
        >>> objective = Objective(nn.CrossEntropyLoss(), AFTLoss(8, [16]), beta=3.0)
        >>> outputs, labels = torch.randn(4, 2), torch.tensor([0, 1, 1, 0])
        >>> terms = objective(outputs, labels, torch.randn(4, 8), torch.randn(4, 16))
        >>> torch.equal(terms.total, terms.task + 3 * terms.transfer)
        True
    """

    def __init__(self, task: nn.Module, regularizer: Regularizer, *, beta: float) -> None:
        super().__init__()
        if not 0 <= beta < float("inf"):
            raise ValueError(f"beta must be a finite number from 0 up, got {beta}")
        self.task = task
        self.regularizer: Regularizer = regularizer
        self.beta = beta

    def extra_repr(self) -> str:
        """Return the strength, for ``repr``."""
        return f"beta={self.beta:g}"

    def forward(
        self,
        outputs: Tensor,
        labels: Tensor,
        student: Float[Tensor, "batch student"],
        teacher: TeacherFeatures,
        *,
        soft: Float[Tensor, "batch classes"] | None = None,
    ) -> Terms:
        """Return the total loss and its two parts for a batch.

        Args:
            outputs: The student's outputs.
            labels: Labels as the task takes them.
            student: The student's features.
            teacher: The teachers' features of the same examples.
            soft: The teacher's outputs, for a task that takes them, as ``SoftLabels`` does.
        """
        task = self.task(outputs, labels) if soft is None else self.task(outputs, labels, soft)
        return self.combined(task, self.regularizer(student, teacher))

    def combined(self, task: Float[Tensor, ""], transfer: Float[Tensor, ""]) -> Terms:
        """Return ``task + beta * transfer`` and both."""
        return Terms(task + self.beta * transfer, task, transfer)
