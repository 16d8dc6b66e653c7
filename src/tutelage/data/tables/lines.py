"""Lines of a mapped text file: their number, and the line of an offset."""

import re
from pathlib import Path

from tutelage.data.tables.encodings import mapped

__all__ = ["count_lines", "line_ends", "line_of", "line_of_text"]

_BLOCK = 2**24


def line_ends(content: memoryview) -> int:
    r"""Count line ends: a carriage return, a line feed, or both together.

    Example:
        >>> line_ends(memoryview(b"a\nb\r\n\rc"))
        3
    """
    total, before = 0, b""
    for start in range(0, len(content), _BLOCK):
        block = bytes(content[start : start + _BLOCK])
        total += block.count(b"\n")
        if returns := block.count(b"\r"):
            total += returns - block.count(b"\r\n")
        total -= before == b"\r" and block[:1] == b"\n"
        before = block[-1:]
    return total


def count_lines(path: Path) -> int:
    """Return the number of lines of a file, blank ones and an unfinished last one included."""
    with mapped(path) as content:
        return line_ends(content) + (bytes(content[-1:]) not in (b"\n", b"\r"))


def line_of(path: Path, offset: int) -> int:
    """Return the number of the line, from 1, that holds an offset."""
    with mapped(path) as content:
        return line_ends(content[:offset]) + 1


def line_of_text(path: Path, text: bytes) -> int:
    """Return the number of the first line that begins a text of whole lines, from 1."""
    with mapped(path) as content:
        found = re.search(rb"(?:\A|(?<=[\r\n]))" + re.escape(text) + rb"(?=[\r\n]|\Z)", content)
        offset = 0 if found is None else found.start()
    return line_of(path, offset)
