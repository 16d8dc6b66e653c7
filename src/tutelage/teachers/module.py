"""Teachers that are PyTorch modules."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.backbones.weights import count_parameters, weights_digest
from tutelage.data.base import Side
from tutelage.errors import SourceError
from tutelage.inputs import ImageInput, ModelInput, empty_batch

__all__ = ["ModelInput", "ModuleEncoder", "TakesRows", "modality_mistakes", "refuse_modality"]


_CALLS = (RuntimeError, TypeError, ValueError, AttributeError, KeyError, AssertionError)
"""Errors that modules raise for inputs that do not fit."""


class TakesRows:
    """The part of a teacher that converts rows to batches.

    Its properties return the methods of the input, not of the teacher, because objects that are sent
    to worker processes must not hold the weights.
    """

    input: ModelInput

    @property
    def modality(self) -> Side:
        """Modality of the rows that it takes."""
        return "image" if isinstance(self.input, ImageInput) else "text"

    @property
    def prepare(self) -> Callable[[Any], Any]:
        """The function that transforms one row."""
        return self.input.prepare

    @property
    def cost(self) -> Callable[[Any], int]:
        """The function that returns the relative memory use of a row."""
        return self.input.cost

    @property
    def collate(self) -> Callable[[Sequence[Any]], Mapping[str, Tensor]]:
        """The function that returns a padded batch."""
        return self.input.collate


class ModuleEncoder(TakesRows):
    """A frozen module with its input and its features.

    Args:
        model: The module; it is put into evaluation mode and frozen.
        model_input: Converts rows to batches.
        features: Computes the features of a finished batch.
        identity: All that decides the features apart from weights and input.
        placed: Whether the layers are on their devices already, and stay there.
        dtype: Data type of the computation on every device; by default that passed to ``to``.
    """

    def __init__(
        self,
        model: nn.Module,
        model_input: ModelInput,
        *,
        features: Callable[[Mapping[str, Tensor]], Float[Tensor, "batch width"]],
        identity: Mapping[str, str],
        placed: bool = False,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.input = model_input
        self.parameters: int | None = count_parameters(model)
        self._features = features
        self._placed = placed
        self._kept = dtype
        self._dtype = dtype or torch.float32
        self._identity = {
            **identity,
            "weights": weights_digest(model),
            **model_input.identity(),
        }
        self.width = self._find_width()

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move the weights."""
        self._dtype = self._kept or dtype
        if self._placed:
            self.model.to(dtype=self._dtype)
        else:
            self.model.to(device=device, dtype=self._dtype)

    def encode(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch width"]:
        """Return the features of a batch on the device."""
        inputs = self.input.finish(batch, dtype=self._dtype)
        if self._placed:
            inputs = _beside(self.model, inputs)
        return self._features(inputs)

    def identity(self) -> Mapping[str, str]:
        """Return all that decides the features."""
        return dict(self._identity)

    def run_empty(self) -> Float[Tensor, "1 width"]:
        """Return the features of an empty row."""
        return self.encode(empty_batch(self.input))

    @torch.inference_mode()
    def _find_width(self) -> int:
        name = type(self.model).__name__
        try:
            features = self.run_empty()
        except _CALLS as error:
            raise SourceError(f"{name} cannot be called with its input: {error}") from error
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != 1:
            raise SourceError(
                f"{name} gives {shape} for one row; features must be a tensor [batch, width]"
            )
        return features.shape[1]


def _beside(model: nn.Module, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Move inputs to where the first layer is; accelerate itself moves those of an offloaded one."""
    first = next((p.device for p in model.parameters()), torch.device("meta"))
    if first.type == "meta":
        return dict(inputs)
    return {name: tensor.to(first, non_blocking=True) for name, tensor in inputs.items()}


def modality_mistakes(source: str, takes: Side, *, rows: Side, instead: str) -> list[str]:
    """Return what is wrong if a teacher does not take rows of this modality."""
    if takes == rows:
        return []
    return [f"{source} takes {takes}s, but the rows are {rows}s; {instead}"]


def refuse_modality(source: str, takes: Side, *, rows: Side, instead: str) -> None:
    """Raise a ``SourceError`` if a teacher does not take rows of this modality."""
    for mistake in modality_mistakes(source, takes, rows=rows, instead=instead):
        raise SourceError(mistake)
