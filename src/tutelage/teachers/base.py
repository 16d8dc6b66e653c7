"""What a teacher is: a frozen function from rows to vectors."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.data.base import Side, Split
from tutelage.errors import SourceError

__all__ = ["Encoder", "Precomputed", "Source", "checked"]


@runtime_checkable
class Source(Protocol):
    """What every teacher has.

    Attributes:
        width: Columns of its features.
        parameters: Numbers in its weights; None where that is not known.
    """

    width: int
    parameters: int | None

    def identity(self) -> Mapping[str, str]:
        """What decides its features: scheme, architecture, digest of the weights, preparation.

        Equal in every process, and free of names and paths that decide nothing.
        """


@runtime_checkable
class Encoder(Source, Protocol):
    """A teacher that computes features.

    ``prepare`` and ``collate`` run in worker processes, so they hold no weights.
    """

    @property
    def modality(self) -> Side:
        """What rows it takes."""

    def prepare(self, row: Any, /) -> Any:
        """One row, decoded and transformed (image: uint8 tensor; text: token ids)."""

    def cost(self, prepared: Any, /) -> int:
        """Memory that a row takes, by which rows are sorted (text: tokens; image: 1)."""

    def collate(self, prepared: Sequence[Any], /) -> Mapping[str, Tensor]:
        """A batch, padded."""

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move the weights; ``float16`` or ``bfloat16`` where the device computes it fast."""

    def encode(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch width"]:
        """The features, on the device, under ``torch.inference_mode``."""


@runtime_checkable
class Precomputed(Source, Protocol):
    """A teacher whose features somebody computed elsewhere."""

    def read(self, split: Split, rows: Sequence[int]) -> Float[Tensor, "rows width"]:
        """The features of some of a split's rows, matched by id; called block by block.

        Raises:
            SourceError: If a row has none, or counts differ.
        """


def checked(features: object, *, rows: int, width: int) -> Float[Tensor, "rows width"]:
    """Return what a teacher gave for some rows, if it is a matrix of numbers of this shape.

    Raises:
        SourceError: If it is anything else.
    """
    if not isinstance(features, Tensor):
        raise SourceError(
            f"the teacher gave a {type(features).__name__} for {rows} rows; features are a "
            "torch.Tensor [rows, width]"
        )
    if tuple(features.shape) != (rows, width):
        raise SourceError(
            f"the teacher gave features of shape {tuple(features.shape)} for {rows} rows, but "
            f"says that it has {width} columns"
        )
    if features.dtype == torch.bool or features.is_complex():
        raise SourceError(
            f"the teacher gave features of {features.dtype}; they must be real numbers: convert "
            "them with .float()"
        )
    return features
