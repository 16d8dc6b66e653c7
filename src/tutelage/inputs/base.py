"""The contract of a model input: from a row to what a model reads.

``prepare`` and ``collate`` run on the CPU, in worker processes where there are some, and hold no
weights; ``finish`` runs where the model is. Images stay uint8 until then: a quarter of the bytes
to keep and to move.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

__all__ = ["ModelInput"]


@runtime_checkable
class ModelInput(Protocol):
    """How rows become the input of a model: an ``ImageInput``, a ``TextInput`` or the like."""

    def prepare(self, row: Any, /) -> Any:
        """One row, decoded and transformed."""

    def cost(self, prepared: Any, /) -> int:
        """Memory that a row takes."""

    def collate(self, prepared: Sequence[Any], /) -> Mapping[str, Tensor]:
        """A batch, padded."""

    def finish(self, batch: Mapping[str, Tensor], *, dtype: torch.dtype) -> Mapping[str, Tensor]:
        """The batch as the model takes it, on its device."""

    def identity(self) -> Mapping[str, str]:
        """What decides the numbers."""
