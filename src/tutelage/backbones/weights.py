"""Digest and count of a model's weights."""

import hashlib

import torch
from torch import Tensor, nn

__all__ = ["count_parameters", "weights_digest"]


def weights_digest(model: nn.Module) -> str:
    """Return a digest of names, shapes and bytes of all weights and buffers.

    It is the same in every process, and does not depend on the file of the weights.

    Example:
        >>> a, b = nn.Linear(2, 2), nn.Linear(2, 2)
        >>> _ = b.load_state_dict(a.state_dict())
        >>> weights_digest(a) == weights_digest(b)
        True
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(_bytes(value))
    return digest.hexdigest()


def count_parameters(model: nn.Module) -> int:
    """Return the number of the model's parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def _bytes(value: Tensor) -> memoryview:
    return value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
