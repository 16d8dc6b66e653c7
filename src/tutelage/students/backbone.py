"""The parameters of a student before its head, and freezing them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tutelage.inputs import empty_batch
from tutelage.students.base import Student, evaluating

__all__ = [
    "backbone_of",
    "backbone_parameters",
    "called_layers",
    "freeze_backbone",
    "trains_features",
]


def freeze_backbone(student: Student) -> None:
    """Freeze all parameters but those of the head.

    The training loop keeps parts without trainable parameters in evaluation mode, so their dropout is
    off and their batch statistics do not change.
    """
    for parameter in backbone_of(student).values():
        parameter.requires_grad_(False)


def backbone_of(student: Student) -> dict[str, nn.Parameter]:
    """Return the trainable parameters before a student's head, by name; none may reach its features."""
    with evaluating(student.model):
        return backbone_parameters(student.model, lambda: _features(student))


def trains_features(student: Student) -> bool:
    """Whether a trainable parameter reaches the features, on which a transfer term acts.

    None does where the model freezes its layers, detaches what they give, or is read at its input.
    """
    with evaluating(student.model):
        return _features(student).requires_grad


def called_layers(student: Student) -> set[str]:
    """Return the names of the layers that the student calls.

    A layer whose weight a model uses by a function of its own (``F.linear(x, self.qkv.weight)``) is not
    called, and neither is what replaces it.
    """
    called: set[str] = set()
    handles = [
        module.register_forward_pre_hook(lambda *_, name=name: called.add(name))
        for name, module in student.model.named_modules()
    ]
    try:
        with evaluating(student.model):
            _features(student)
    finally:
        for handle in handles:
            handle.remove()
    return called


def _features(student: Student) -> Tensor:
    """The features of one row, with their gradient."""
    device = next(student.model.parameters()).device
    row = {name: value.to(device) for name, value in empty_batch(student.input).items()}
    with torch.enable_grad():
        student.outputs(row)
        return student.tap.take()


def backbone_parameters(
    model: nn.Module, features: Callable[[], Tensor]
) -> dict[str, nn.Parameter]:
    """Return the trainable parameters that a model's features depend on, by name.

    Args:
        model: The model.
        features: Runs the model once and returns its features.
    """
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    read = features()
    if not read.requires_grad:
        return {}
    gradients = torch.autograd.grad(read.float().sum(), list(named.values()), allow_unused=True)
    return {
        name: parameter
        for (name, parameter), gradient in zip(named.items(), gradients, strict=True)
        if gradient is not None
    }
