"""A text's tokens, and how many texts had to be cut to get them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Cuts", "Tokens"]


class Tokens(dict[str, Any]):
    """What a text became, by the name under which a model takes it.

    Attributes:
        cut_to: Tokens at most, of a text that had more; None where the text is whole.
    """

    cut_to: int | None = None


@dataclass(frozen=True)
class Cuts:
    """How many of some rows were cut.

    Attributes:
        rows: All rows.
        cut: Those that were.
        length: Tokens at most; 0 where none was cut.

    Example:
        >>> Cuts(4000, 492, 512).words("train")
        '12.3 % of 4,000 train rows were cut to 512 tokens (max_length)'
    """

    rows: int = 0
    cut: int = 0
    length: int = 0

    @classmethod
    def of(cls, prepared: Iterable[Any]) -> "Cuts":
        """Count rows as an input prepared them."""
        lengths = [getattr(row, "cut_to", None) or 0 for row in prepared]
        return cls(len(lengths), sum(map(bool, lengths)), max(lengths, default=0))

    def __add__(self, other: "Cuts") -> "Cuts":
        return Cuts(self.rows + other.rows, self.cut + other.cut, max(self.length, other.length))

    def words(self, split: str) -> str:
        """Say it in one line."""
        share = 100 * self.cut / self.rows
        percent = f"{share:.1f}" if share >= 0.05 else "less than 0.1"
        return (
            f"{percent} % of {self.rows:,} {split} rows were cut to {self.length:,} tokens "
            "(max_length)"
        )
