"""A stand-in for a device that has no float64, as Apple's has none, on which nobody here computes.

Within ``Metal()`` the device ``mps`` exists: its tensors lie in the CPU's memory, say that they are on
``mps``, and refuse to become float64 there. Gradients and a module's parameters are not among them.
"""

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

__all__ = ["MPS", "Metal"]

CPU, MPS = torch.device("cpu"), torch.device("mps")


class Metal(TorchFunctionMode):
    """The device ``mps``, while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self._here = WeakIdKeyDictionary()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        given = tree_leaves((args, kwargs))
        mine = [one for one in given if isinstance(one, Tensor) and one in self._here]
        if func == Tensor.device.__get__:
            return MPS if mine else func(*args)
        named = {str(one) for one in given if isinstance(one, torch.device | str)}
        if "mps" in named:
            args = tuple(CPU if _is_mps(one) else one for one in args)
            kwargs = {name: CPU if _is_mps(one) else one for name, one in kwargs.items()}
        elif mine and (func == Tensor.cpu or (func == Tensor.to and "cpu" in named)):
            return func(*args, **kwargs).clone()
        result = func(*args, **kwargs)
        if mine or "mps" in named:
            for one in tree_leaves(result):
                if isinstance(one, Tensor):
                    _refuse_float64(one)
                    self._here[one] = True
        return result


def _is_mps(one: Any) -> bool:
    return isinstance(one, torch.device) and one == MPS


def _refuse_float64(tensor: Tensor) -> None:
    if tensor.dtype == torch.float64:
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype: MPS does not support it")
