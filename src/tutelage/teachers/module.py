"""What teachers that are PyTorch modules have in common."""

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
"""What modules raise when they are called with something that does not fit."""


class TakesRows:
    """The half of a teacher that turns rows into batches.

    Its methods are those of the input, not of the teacher: what worker processes receive must
    not hold the weights.
    """

    input: ModelInput

    @property
    def modality(self) -> Side:
        """What rows it takes."""
        return "image" if isinstance(self.input, ImageInput) else "text"

    @property
    def prepare(self) -> Callable[[Any], Any]:
        """One row, decoded and transformed."""
        return self.input.prepare

    @property
    def cost(self) -> Callable[[Any], int]:
        """Memory that a row takes."""
        return self.input.cost

    @property
    def collate(self) -> Callable[[Sequence[Any]], Mapping[str, Tensor]]:
        """A batch, padded."""
        return self.input.collate


class ModuleEncoder(TakesRows):
    """A frozen module, how rows become its input, and how it becomes features.

    Args:
        model: Is put into evaluation mode and frozen.
        model_input: From rows to batches.
        features: From a finished batch to features.
        identity: What decides the features beside weights and input.
        placed: Whether its layers lie on their devices already, and are to stay there.
        dtype: In which it computes, wherever it is moved; by default as ``to`` says.
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
        """The features of a batch that lies on the device."""
        return self._features(self.input.finish(batch, dtype=self._dtype))

    def identity(self) -> Mapping[str, str]:
        """What decides the features."""
        return dict(self._identity)

    def run_empty(self) -> Float[Tensor, "1 width"]:
        """The features of an empty row."""
        return self.encode(empty_batch(self.input))

    @torch.inference_mode()
    def _find_width(self) -> int:
        what = type(self.model).__name__
        try:
            features = self.run_empty()
        except _CALLS as error:
            raise SourceError(f"{what} cannot be called with its input: {error}") from error
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != 1:
            raise SourceError(
                f"{what} gives {shape} for one row; features must be a tensor [batch, width]"
            )
        return features.shape[1]


def modality_mistakes(source: str, takes: Side, *, rows: Side, instead: str) -> list[str]:
    """Return what is wrong if a teacher does not take rows of this modality."""
    if takes == rows:
        return []
    return [f"{source} takes {takes}s, but the rows are {rows}s; {instead}"]


def refuse_modality(source: str, takes: Side, *, rows: Side, instead: str) -> None:
    """Raise a ``SourceError`` if a teacher does not take rows of this modality."""
    for mistake in modality_mistakes(source, takes, rows=rows, instead=instead):
        raise SourceError(mistake)
