"""Tokens of all texts of a split, in a few flat arrays."""

from array import array
from collections.abc import Mapping, Sequence
from itertools import accumulate

__all__ = ["TokenStore"]


class TokenStore(Sequence[dict[str, list[int]]]):
    """Token tensors of texts, by argument name of the model, four bytes a number.

    A list of Python numbers takes up to 36 bytes for each, and pages that hold such objects are
    copied into every process that only reads them.

    Example:
        >>> store = TokenStore()
        >>> store.extend([{"input_ids": [1, 700, 2]}, {"input_ids": [1, 2]}])
        >>> store[1], len(store)
        ({'input_ids': [1, 2]}, 2)
    """

    def __init__(self) -> None:
        self._numbers: dict[str, array[int]] = {}
        self._ends: dict[str, array[int]] = {}

    def extend(self, texts: Sequence[Mapping[str, Sequence[int]]]) -> None:
        """Append texts.

        Raises:
            ValueError: If they have other names than those before them.
        """
        for name in texts[0] if texts and not self._numbers else ():
            self._numbers[name], self._ends[name] = array("i"), array("q", [0])
        for text in texts:
            if text.keys() != self._numbers.keys():
                raise ValueError(f"expected the names {list(self._numbers)}, got {list(text)}")
        for name, numbers in self._numbers.items():
            lengths = (len(text[name]) for text in texts)
            ends = accumulate(lengths, initial=self._ends[name].pop())
            self._ends[name].extend(ends)
            for text in texts:
                numbers.extend(text[name])

    def __len__(self) -> int:
        return max((len(ends) for ends in self._ends.values()), default=1) - 1

    def __getitem__(self, row: int) -> dict[str, list[int]]:  # type: ignore[override]
        if not 0 <= row < len(self):
            raise IndexError(f"texts are numbered 0 to {len(self) - 1}")
        return {
            name: numbers[self._ends[name][row] : self._ends[name][row + 1]].tolist()
            for name, numbers in self._numbers.items()
        }
