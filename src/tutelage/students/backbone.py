"""What of a model lies in front of its head."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["backbone_parameters"]


def backbone_parameters(
    model: nn.Module, features: Callable[[], Tensor]
) -> dict[str, nn.Parameter]:
    """Return the parameters that a model's features depend on, by name; the others are its head.

    Args:
        model: All of its parameters must be trainable.
        features: Runs it once and returns its features.
    """
    named = dict(model.named_parameters())
    gradients = torch.autograd.grad(
        features().float().sum(), list(named.values()), allow_unused=True
    )
    return {
        name: parameter
        for (name, parameter), gradient in zip(named.items(), gradients, strict=True)
        if gradient is not None
    }
