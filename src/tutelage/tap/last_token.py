"""The state of the last token of each row, and where a model receives the mask that tells it."""

import inspect

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["last_token", "mask_argument"]

MASK = "attention_mask"


def mask_argument(model: nn.Module) -> tuple[nn.Module, int | None]:
    """Return the module whose forward has an ``attention_mask``, and its place among the arguments.

    Wrappers, as of ``DistributedDataParallel`` or peft, hand on what they are given by name or by place:
    the first module within that names the argument is returned; the model itself, and no place,
    where none does.

    Example:
        >>> class Decoder(nn.Module):
        ...     def forward(self, input_ids, attention_mask=None):
        ...         return input_ids
        >>> mask_argument(nn.Sequential(Decoder()))
        (Decoder(), 1)
    """
    for module in model.modules():
        arguments = list(inspect.signature(module.forward).parameters)
        if MASK in arguments:
            return module, arguments.index(MASK)
    return model, None


def last_token(
    states: Float[Tensor, "batch tokens width"], mask: Int[Tensor, "batch tokens"] | None
) -> Float[Tensor, "batch width"]:
    """Return the state of each row's last token that is not padding, on either side.

    Args:
        states: The states of all tokens.
        mask: 1 for tokens, 0 for padding; None without padding.

    Example:
        >>> states = torch.tensor([[[1.0], [2.0], [3.0]]])
        >>> last_token(states, torch.tensor([[1, 1, 0]]))
        tensor([[2.]])
    """
    if mask is None:
        return states[:, -1]
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = (mask.long() * positions).argmax(dim=1)
    return states[torch.arange(len(states), device=states.device), last]
