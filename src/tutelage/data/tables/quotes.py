"""Quotation marks in delimited text files: values that span lines or end irregularly."""

import re
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Quotes", "scan_quotes"]

_LINE_END = re.compile(rb"\r\n|\n|\r")
_AT_ONCE = 10_000
"""Repetitions of a match, which keep memory. Groups are atomic, ``(?>(?:...)*)``: before Python 3.11.5
possessive ones, ``(?:...)*+``, may match too much."""


@dataclass(frozen=True)
class Quotes:
    """Unusual quoted values of a file, counted as a csv reader sees them.

    Attributes:
        spanning: Number of values of several lines.
        line_ends: Number of line ends inside values.
        loose: Number of values of one line with text behind the closing mark, as in ``"a" b``.
        loose_at: Offset of the first such value.
        broken_at: Offset of the first opening mark whose value takes in further lines and then ends
            irregularly or never; None if there is none. The scan ends there.
    """

    spanning: int = 0
    line_ends: int = 0
    loose: int = 0
    loose_at: int = 0
    broken_at: int | None = None

    @property
    def regular(self) -> bool:
        """Whether every value that begins with a quotation mark ends with one."""
        return self.broken_at is None and not self.loose


@dataclass(frozen=True)
class _Patterns:
    delimiter: bytes
    escape: bytes

    @cached_property
    def usual(self) -> re.Pattern[bytes]:
        """Text without quoted values, and quoted values of one line that end regularly."""
        ends = b"[" + re.escape(self.delimiter) + rb"\r\n]"
        begins = rb'"(?<=[^' + re.escape(self.delimiter) + rb'\r\n]")'
        outside = rb'[^"]++'
        if self.escape:
            escape = re.escape(self.escape)
            outside = rb'[^"' + escape + rb"]++|" + escape + rb".?"
        quoted = b'"' + self._inside(rb"\r\n") + rb'"(?=' + ends + rb"|\Z)"
        some = b"(?>(?:" + outside + b"|" + begins + b"|" + quoted + b"){0,%d})" % _AT_ONCE
        return re.compile(some, re.DOTALL)

    def end_of_usual(self, content: memoryview, start: int) -> int:
        """Return where the first unusual value begins, or the end."""
        end = start
        while (match := self.usual.match(content, end)) and match.end() > end:
            end = match.end()
        return end

    @cached_property
    def quoted(self) -> re.Pattern[bytes]:
        """A quoted value, and what is left of its field behind the closing mark."""
        rest = b"[^" + re.escape(self.delimiter) + rb"\r\n]*+"
        return re.compile(
            b'"(' + self._inside(b"") + b')(?:(?P<close>")(?P<rest>' + rest + b"))?", re.DOTALL
        )

    def _inside(self, but: bytes) -> bytes:
        """Text between quotation marks, without the characters in ``but``."""
        if not self.escape:
            plain = b'[^"' + but + b"]*+"
            return plain + b'(?>(?:""' + plain + b")*)"
        escape = re.escape(self.escape)
        plain = b'[^"' + escape + but + b"]*+"
        return plain + b'(?>(?:(?:""|' + escape + b".)" + plain + b")*)"


def scan_quotes(content: memoryview, *, delimiter: str, escape: str | None = None) -> Quotes:
    """Find quoted values that span lines, or do not end where their field ends.

    Args:
        content: A whole file in UTF-8, without a byte order mark.
        delimiter: Separator of values.
        escape: Character that takes the next one literally, if the file has one.

    Example:
        >>> scan_quotes(memoryview(b'a,b\\n"x\\ny",1\\n"z" z,2\\n'), delimiter=",")
        Quotes(spanning=1, line_ends=1, loose=1, loose_at=12, broken_at=None)
    """
    patterns = _Patterns(delimiter.encode(), (escape or "").encode())
    spanning = line_ends = loose = loose_at = end = 0
    broken_at = None
    while True:
        if (at := patterns.end_of_usual(content, end)) >= len(content):
            break
        value = patterns.quoted.match(content, at)
        assert value is not None
        inside = len(_LINE_END.findall(value[1]))
        if value["close"] is None or (inside and value["rest"]):
            broken_at = at
            break
        if inside:
            spanning, line_ends = spanning + 1, line_ends + inside
        else:
            loose, loose_at = loose + 1, loose_at if loose else at
        end = value.end()
    return Quotes(spanning, line_ends, loose, loose_at, broken_at)
