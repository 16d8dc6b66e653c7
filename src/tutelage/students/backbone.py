"""What of a model lies in front of its head, and leaving that as it is."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutelage.inputs import empty_batch
from tutelage.students.base import Student

__all__ = ["backbone_of", "backbone_parameters", "freeze_backbone"]


def freeze_backbone(student: Student) -> None:
    """Let only the head be trained.

    Parts without anything to train stay in evaluation mode in the training loop, so dropout and
    batch statistics in them do not move either.
    """
    for parameter in backbone_of(student).values():
        parameter.requires_grad_(False)


def backbone_of(student: Student) -> dict[str, nn.Parameter]:
    """Return the parameters in front of a student's head, by name, as far as they are trained."""
    row = empty_batch(student.input)

    def features() -> Tensor:
        student.outputs(row)
        return student.tap.take()

    training = student.model.training
    student.model.eval()
    found = backbone_parameters(student.model, features)
    student.model.train(training)
    return found


def backbone_parameters(
    model: nn.Module, features: Callable[[], Tensor]
) -> dict[str, nn.Parameter]:
    """Return the parameters that a model's features depend on, by name; the others are its head.

    Args:
        model: Parameters that are not trained are left aside.
        features: Runs it once and returns its features.
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(
        features().float().sum(), list(named.values()), allow_unused=True
    )
    return {
        name: parameter
        for (name, parameter), gradient in zip(named.items(), gradients, strict=True)
        if gradient is not None
    }
