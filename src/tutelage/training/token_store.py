"""Tokens of all texts of a split, in a few flat arrays or files."""

import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, chain
from typing import IO

__all__ = ["TokenStore"]


class TokenStore(Sequence[dict[str, list[int]]]):
    """Token tensors of texts, by argument name of the model, four bytes a number.

    A list of Python numbers takes up to 36 bytes for each, and pages that hold such objects are
    copied into every process that only reads them.

    Args:
        on_disk: Write the tokens to temporary files, which are removed when the process ends; eight
            bytes a text and name stay in memory.

    Example:
        >>> store = TokenStore()
        >>> store.extend([{"input_ids": [1, 700, 2]}, {"input_ids": [1, 2]}])
        >>> store[1], len(store)
        ({'input_ids': [1, 2]}, 2)
    """

    def __init__(self, *, on_disk: bool = False) -> None:
        self._on_disk = on_disk
        self._numbers: dict[str, array[int] | _File] = {}
        self._ends: dict[str, array[int]] = {}

    def extend(self, texts: Sequence[Mapping[str, Sequence[int]]]) -> None:
        """Append texts.

        Raises:
            ValueError: If they have other names than those before them.
            OSError: If there is no room on the disk.
        """
        for name in texts[0] if texts and not self._numbers else ():
            self._numbers[name] = _File() if self._on_disk else array("i")
            self._ends[name] = array("q", [0])
        for text in texts:
            if text.keys() != self._numbers.keys():
                raise ValueError(f"expected the names {list(self._numbers)}, got {list(text)}")
        for name, numbers in self._numbers.items():
            lengths = (len(text[name]) for text in texts)
            ends = accumulate(lengths, initial=self._ends[name].pop())
            self._ends[name].extend(ends)
            numbers.extend(chain.from_iterable(text[name] for text in texts))

    def __len__(self) -> int:
        return max((len(ends) for ends in self._ends.values()), default=1) - 1

    def __getitem__(self, row: int) -> dict[str, list[int]]:  # type: ignore[override]
        if not 0 <= row < len(self):
            raise IndexError(f"texts are numbered 0 to {len(self) - 1}")
        return {
            name: numbers[self._ends[name][row] : self._ends[name][row + 1]].tolist()
            for name, numbers in self._numbers.items()
        }


class _File:
    """An array of numbers that lie in a temporary file without a name, to append to and to slice.

    Forked processes may read it at the same time.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="tutelage-", suffix=".tokens")  # noqa: SIM115
        weakref.finalize(self, _close, self._file)

    def extend(self, numbers: Iterable[int]) -> None:
        array("i", numbers).tofile(self._file)
        self._file.flush()

    def __getitem__(self, place: slice) -> "array[int]":
        found = array("i")
        size, start = found.itemsize * (place.stop - place.start), found.itemsize * place.start
        found.frombytes(os.pread(self._file.fileno(), size, start))
        return found


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # of a full disk, which was reported when it was written to
        file.close()
