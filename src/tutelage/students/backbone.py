"""The parameters of a student before its head, and freezing them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutelage.inputs import empty_batch
from tutelage.students.base import Student

__all__ = ["backbone_of", "backbone_parameters", "freeze_backbone"]


def freeze_backbone(student: Student) -> None:
    """Freeze all parameters but those of the head.

    The training loop keeps parts without trainable parameters in evaluation mode, so their dropout is
    off and their batch statistics do not change.
    """
    for parameter in backbone_of(student).values():
        parameter.requires_grad_(False)


def backbone_of(student: Student) -> dict[str, nn.Parameter]:
    """Return the trainable parameters before a student's head, by name."""
    row = empty_batch(student.input)

    def features() -> Tensor:
        student.outputs(row)
        return student.tap.take()

    training = student.model.training
    student.model.eval()
    parameters = backbone_parameters(student.model, features)
    student.model.train(training)
    return parameters


def backbone_parameters(
    model: nn.Module, features: Callable[[], Tensor]
) -> dict[str, nn.Parameter]:
    """Return the trainable parameters that a model's features depend on, by name.

    Args:
        model: The model.
        features: Runs the model once and returns its features.
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
