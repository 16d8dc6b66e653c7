"""The head of a model: the layer that gives its outputs, found by running the model."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tutelage.errors import StudentError
from tutelage.inputs import ModelInput, unlike_batches
from tutelage.students.base import evaluating
from tutelage.tap import HEADS

__all__ = ["Head", "find_head"]

Batch = Mapping[str, Tensor]


class Head(NamedTuple):
    """A layer of a model in one forward pass.

    Attributes:
        path: Dotted path of the layer.
        values: What it gave in that pass.
        outputs: The model's outputs in that pass.
    """

    path: str
    values: Tensor
    outputs: Tensor


@torch.no_grad()
def find_head(model: nn.Module, outputs: Callable[[Batch], Tensor], reads: ModelInput) -> Head:
    """Return the layer whose outputs are the model's, wherever it is registered.

    Where the outputs are changed after every layer (softmax, a temperature), it is the last layer of
    as many outputs through which all that the input decides goes.

    Args:
        model: The model.
        outputs: Calls the model on a batch and returns its outputs ``[batch, outputs]``.
        reads: Input of the model.

    Raises:
        StudentError: If no layer gives the outputs, or several do together.
    """
    with evaluating(model):
        return _find(model, outputs, unlike_batches(reads))


def _find(
    model: nn.Module, outputs: Callable[[Batch], Tensor], batches: tuple[Batch, Batch]
) -> Head:
    ran: list[tuple[str, Tensor]] = []
    with _Hooked(model, lambda path, values: ran.append((path, values.clone()))):
        given = outputs(batches[0])[0]
    wide = []
    for path, values in ran:
        rows = values.movedim(1, -1) if values.ndim == 4 else values
        if rows.shape[-1] == len(given):
            rows = rows.reshape(-1, len(given))
            wide.append(Head(path, rows, given))
            if (rows == given).all(dim=1).any():
                return wide[-1]

    def decides(*paths: str) -> bool:
        """Whether the input has no way to the outputs but through these layers."""
        blank = _Hooked(model, lambda path, v: torch.zeros_like(v) if path in paths else None)
        with blank:
            one, other = (outputs(batch)[0] for batch in batches)
        return torch.equal(one, other)

    for layer in reversed(wide):
        if decides(layer.path):
            return layer
    name, paths = type(model).__name__, list(dict.fromkeys(layer.path for layer in wide))
    if len(paths) > 1 and decides(*paths):
        raise StudentError(
            f"{name} has several classifiers ({', '.join(paths)}), each with features of its own; "
            f"choose one by student.tap, as student.tap = {paths[0]!r}"
        )
    last = list(dict.fromkeys(path for path, _ in ran))[-3:]
    raise StudentError(
        f"the {len(given)} outputs of {name} do not come from one of its layers, so that it is not known "
        "what its features are; set student.tap to the path of the layer whose input they are (the last "
        f"layers that ran: {', '.join(last) or 'none'})"
    )


class _Hooked:
    """Calls a function on what each layer gives that may be a head; its result replaces that."""

    def __init__(self, model: nn.Module, see: Callable[[str, Tensor], Tensor | None]) -> None:
        self._model, self._see = model, see

    def __enter__(self) -> None:
        self._hooks = [
            module.register_forward_hook(self._hook(path))
            for path, module in self._model.named_modules()
            if path and _may_be_head(module)
        ]

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _hook(self, path: str) -> Callable[..., Any]:
        def hook(_: nn.Module, entered: tuple[Any, ...], output: object) -> Tensor | None:
            if entered and isinstance(entered[0], Tensor) and isinstance(output, Tensor):
                return self._see(path, output)
            return None

        return hook


def _may_be_head(module: nn.Module) -> bool:
    """Whether a module mixes columns: it is a linear layer, or holds a matrix itself."""
    own = module.parameters(recurse=False)
    return isinstance(module, HEADS) or any(weight.ndim >= 2 for weight in own)
