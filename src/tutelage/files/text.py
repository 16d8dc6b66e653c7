"""Tables as spreadsheets take them, sizes in words, and names of files that are no text."""

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["advice_on_names", "human_size", "spreadsheet_text"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def spreadsheet_text(heads: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> str:
    """Return a csv file in which no cell is a formula to a spreadsheet program.

    Names of files, rows and classes come from data that others may have written, and a cell that
    begins with ``=``, ``+``, ``-`` or ``@`` is computed when the file is opened. Such a text, if it
    is not a number, gets an apostrophe in front.

    Source:
        OWASP, "CSV Injection".

    Example:
        >>> print(spreadsheet_text(["id", "gain"], [{"id": "=cmd|' /C calc'!A0", "gain": -1.5}]))
        id,gain
        '=cmd|' /C calc'!A0,-1.5
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([_no_formula(head) for head in heads])
    writer.writerows([[_no_formula(line[head]) for head in heads] for line in lines])
    return buffer.getvalue()


def _no_formula(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip(" ").startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def human_size(size: float) -> str:
    """Return a number of bytes in three digits and powers of 1000.

    Example:
        >>> human_size(3_210_000_000), human_size(999_960), human_size(12)
        ('3.21 GB', '1 MB', '12 B')
    """
    units = ("B", "kB", "MB", "GB", "TB")
    unit = 0
    while float(f"{size:.3g}") >= 1000 and unit < len(units) - 1:
        size, unit = size / 1000, unit + 1
    # Thousands of terabytes stay plain digits; .3g would write an exponent.
    return f"{size:.0f} {units[unit]}" if size >= 999.5 else f"{size:.3g} {units[unit]}"


def advice_on_names() -> str:
    """Say what to do about a file's name that is not UTF-8.

    Example:
        >>> advice_on_names()
        'rename it'
    """
    encoding = sys.getfilesystemencoding()
    if encoding == "utf-8":
        return "rename it"
    return f"the locale says that names of files are {encoding}: set PYTHONUTF8=1 if they are UTF-8"
