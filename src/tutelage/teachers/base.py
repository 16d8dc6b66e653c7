"""The contract of a teacher: a frozen function from rows to vectors."""

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
        width: Number of columns of its features.
        parameters: Number of its parameters; None if unknown.
    """

    width: int
    parameters: int | None

    def identity(self) -> Mapping[str, str]:
        """Return all that decides the features: scheme, architecture, digest of weights, preparation.

        It is the same in every process, without names and paths that decide nothing.
        """


@runtime_checkable
class Encoder(Source, Protocol):
    """A teacher that computes features.

    ``prepare`` and ``collate`` run in worker processes and hold no weights.
    """

    @property
    def modality(self) -> Side:
        """Modality of the rows that it takes."""

    def prepare(self, row: Any, /) -> Any:
        """Transform one row (image: uint8 tensor; text: token ids)."""

    def cost(self, prepared: Any, /) -> int:
        """Return the relative memory use of a row (text: tokens; image: 1), used for batching."""

    def collate(self, prepared: Sequence[Any], /) -> Mapping[str, Tensor]:
        """Return a padded batch."""

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move the weights; the data type is half precision on devices that compute it fast."""

    def encode(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch width"]:
        """Return the features; called under ``torch.inference_mode``."""


@runtime_checkable
class Precomputed(Source, Protocol):
    """A teacher whose features were computed elsewhere."""

    def read(self, split: Split, rows: Sequence[int]) -> Float[Tensor, "rows width"]:
        """Return the features of some rows of a split, matched by id; called for one block at a time.

        Raises:
            SourceError: If a row has no features, or the number of rows differs.
        """


def checked(features: object, *, rows: int, width: int) -> Float[Tensor, "rows width"]:
    """Return features after checking that they are a matrix of real numbers of this shape.

    Raises:
        SourceError: If they are not.
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
