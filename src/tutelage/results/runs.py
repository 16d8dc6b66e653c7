"""A finished run as it was read: what tables and pages are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from tutelage.results.result import Result

__all__ = ["Run"]


@dataclass(frozen=True)
class Run:
    """A finished run: its result, its curves and its learned weights.

    Attributes:
        result: What it reached.
        history: Lines of its log.
        rho: Weights of the teachers' columns, by teacher.
        folder: Where it was read from, and its predictions are.
    """

    result: Result
    history: Sequence[Mapping[str, float]] = ()
    rho: Mapping[str, Tensor] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def place(self) -> Path:
        """Its folder: where it was read from, as it may have been moved, else what its config names."""
        return self.folder or self.result.folder
