"""Tokens of a text, and counts of texts that were cut to the maximum length."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Cuts", "Tokens"]


class Tokens(dict[str, Any]):
    """Token tensors by argument name of the model.

    Attributes:
        cut_to: Maximum length that the text was cut to; None if it was not cut.
    """

    cut_to: int | None = None


@dataclass(frozen=True)
class Cuts:
    """Number of rows that were cut.

    Attributes:
        rows: Number of all rows.
        cut: Number of rows that were cut.
        length: Maximum length in tokens; 0 if no row was cut.

    Example:
        >>> Cuts(4000, 492, 512).words("train")
        '12.3 % of 4,000 train rows were cut to 512 tokens (max_length)'
    """

    rows: int = 0
    cut: int = 0
    length: int = 0

    @classmethod
    def of(cls, prepared: Iterable[Any]) -> "Cuts":
        """Count the cuts in prepared rows."""
        lengths = [getattr(row, "cut_to", None) or 0 for row in prepared]
        return cls(len(lengths), sum(map(bool, lengths)), max(lengths, default=0))

    def __add__(self, other: "Cuts") -> "Cuts":
        return Cuts(self.rows + other.rows, self.cut + other.cut, max(self.length, other.length))

    def words(self, split: str) -> str:
        """Return the counts as one line."""
        share = 100 * self.cut / self.rows
        percent = f"{share:.1f}" if share >= 0.05 else "less than 0.1"
        return (
            f"{percent} % of {self.rows:,} {split} rows were cut to {self.length:,} tokens "
            "(max_length)"
        )
