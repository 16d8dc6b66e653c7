"""Digest and count of a model's weights, and their form for safetensors."""

import hashlib
from collections.abc import Mapping

import torch
from safetensors.torch import save
from torch import Tensor, nn

from tutelage.errors import StudentError

__all__ = ["count_parameters", "plain_tensors", "weights_digest"]


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


def plain_tensors(state: Mapping[str, object], *, of: str) -> dict[str, Tensor]:
    """Return copies of the tensors of a state dict as safetensors takes them.

    Tensors that share memory, or are not contiguous, become tensors of their own.

    Args:
        state: The state dict.
        of: Name of what it describes, for the message.

    Raises:
        StudentError: If it holds anything but dense tensors of a known data type.

    Example:
        >>> plain_tensors({"step": 3}, of="Net")
        Traceback (most recent call last):
        tutelage.errors.StudentError: the weights of Net cannot be saved: its state dict holds \
'step' (a int); safetensors holds dense tensors alone, so make it a tensor (get_extra_state may \
return one), or leave it out of the state dict
    """
    refused = [f"{name!r} ({why})" for name, value in state.items() if (why := _refused(value))]
    if refused:
        raise StudentError(
            f"the weights of {of} cannot be saved: its state dict holds {', '.join(refused)}; safetensors "
            "holds dense tensors alone, so make it a tensor (get_extra_state may return one), or leave it "
            "out of the state dict"
        )
    return {
        name: value.detach().cpu().clone().contiguous()
        for name, value in state.items()
        if isinstance(value, Tensor)
    }


def _refused(value: object) -> str:
    """Why safetensors cannot hold a value; empty if it can."""
    if not isinstance(value, Tensor):
        return f"a {type(value).__name__}"
    if nn.parameter.is_lazy(value):
        return "a parameter that no forward has given a shape"
    if value.layout != torch.strided or value.is_quantized or value.device.type == "meta":
        return "a tensor that is sparse, quantized or without data"
    try:
        save({"": torch.empty(0, dtype=value.dtype)})
    except KeyError:
        return f"a tensor of {value.dtype}"
    return ""


def _bytes(value: Tensor) -> memoryview:
    return value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data
