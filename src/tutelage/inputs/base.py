"""The contract of a model input, which converts rows to batches.

``prepare`` and ``collate`` run on the CPU, possibly in worker processes, and hold no weights;
``finish`` runs on the model's device. Images stay uint8 until then, which takes a quarter of the
memory and transfer.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

__all__ = ["ModelInput"]


@runtime_checkable
class ModelInput(Protocol):
    """Converts rows to the input of a model, as ``ImageInput`` and ``TextInput`` do."""

    def prepare(self, row: Any, /) -> Any:
        """Transform one row."""

    def cost(self, prepared: Any, /) -> int:
        """Return the relative memory use of a row."""

    def collate(self, prepared: Sequence[Any], /) -> Mapping[str, Tensor]:
        """Return a padded batch."""

    def finish(self, batch: Mapping[str, Tensor], *, dtype: torch.dtype) -> Mapping[str, Tensor]:
        """Return the batch as the model takes it, on the batch's device."""

    def identity(self) -> Mapping[str, str]:
        """Return the settings that decide the numbers."""
