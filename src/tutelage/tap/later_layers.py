"""Linear layers that run after the one whose input is taken for the features."""

from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from tutelage.tap.heads import linear_layers

__all__ = ["LaterLayers"]


class LaterLayers:
    """Notes in the first forward which linear layers run after a layer, then watches no longer.

    The layer that a model registers last need not be the one that gives the outputs. Compiled forwards
    are not watched.

    Args:
        model: The model.
        layer: The layer of it that is taken for the head.

    Attributes:
        paths: The paths of linear layers that ran after the layer.

    Example:
        >>> class Backwards(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.head, self.body = nn.Linear(3, 2), nn.Linear(4, 3)
        ...
        ...     def forward(self, inputs):
        ...         return self.head(self.body(inputs))
        >>> model = Backwards()
        >>> later = LaterLayers(model, model.body)
        >>> _ = model(torch.ones(1, 4))
        >>> later.end(), later.paths
        (True, ['head'])
    """

    def __init__(self, model: nn.Module, layer: nn.Module) -> None:
        self.paths: list[str] = []
        self._layer = layer
        self._names = {model.get_submodule(path): path for path in linear_layers(model)}
        self._before: set[str] = set()
        self._has_run = False
        self._hooks: list[RemovableHandle] = [
            module.register_forward_pre_hook(self._note) for module in {*self._names, layer}
        ]

    def end(self) -> bool:
        """Stop to watch if the layer has run, and return whether it has."""
        if self._has_run:
            self.close()
        return self._has_run

    def close(self) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _note(self, module: nn.Module, _: Any) -> None:
        if torch.compiler.is_compiling():
            return
        if module is self._layer:
            self._has_run, self.paths = True, []
        elif (path := self._names.get(module)) is None:  # of a copy of the model
            return
        elif not self._has_run:
            self._before.add(path)
        elif path not in self._before:  # those run again in the next forward, and in checkpointing
            self.paths.append(path)
