"""Form of a delimited text file: delimiter, quotation marks, columns of its first line."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from tutelage.data.tables.encodings import wrong_encoding
from tutelage.errors import ConfigError, DataError

__all__ = ["DELIMITERS", "DelimitedFile", "Dialect", "examine"]

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""Delimiters that are recognized in the first line, and their names."""
_DECLARED = re.compile(rb'"?sep=(?P<delimiter>[ -~\t])"?', re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is to be read; what is None is chosen by the file.

    Attributes:
        delimiter: Separator of values, one character.
        quoting: Whether a value that begins with a quotation mark extends to the closing one.
        escape: Character that takes the next one literally, such as a backslash.
        header: Names of the columns, if the first line is already a row.
    """

    delimiter: str | None = None
    quoting: bool | None = None
    escape: str | None = None
    header: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name, value in (("delimiter", self.delimiter), ("escape", self.escape)):
            if value is not None and (len(value) != 1 or not value.isascii()):
                raise ConfigError(f"data.params.{name} = {value!r} must be one ASCII character")


@dataclass(frozen=True)
class DelimitedFile:
    """A delimited file in UTF-8, and how it is read.

    Attributes:
        path: The file.
        name: Its name in messages.
        delimiter: Separator of values.
        quoting: Whether quotation marks quote.
        escape: Character that takes the next one literally.
        columns: Names of the columns; empty where the first line has none.
        header_lines: Number of lines of the header; 0 if there is none.
        leading: Number of lines in front: blank ones, and the one that declares the delimiter.
        declared: Whether the first line declares the delimiter, as Excel reads it: ``sep=;``.
    """

    path: Path
    name: str
    delimiter: str
    quoting: bool
    escape: str | None
    columns: tuple[str, ...]
    header_lines: int
    leading: int
    declared: bool = False

    @property
    def named(self) -> tuple[str, ...]:
        """The columns without nameless ones at the end."""
        columns = self.columns
        while columns and not columns[-1]:
            columns = columns[:-1]
        return columns


def examine(
    path: Path, dialect: Dialect, *, name: str, tabs: bool
) -> tuple[DelimitedFile, list[str]]:
    """Choose the delimiter and the columns by the first line, and say what is unusual.

    Args:
        path: A file in UTF-8.
        dialect: What is known of its form.
        name: Its name in messages.
        tabs: Whether tabs, not commas, are the usual delimiter.

    Raises:
        DataError: If the first line cannot be read, or names a column twice.
    """
    notes = []
    declared = _declared_delimiter(path)
    if declared is not None:
        notes.append(f"its first line declares the delimiter {declared!r}")
    delimiter = dialect.delimiter or declared or ("\t" if tabs else ",")
    first, leading = _first_record(path, delimiter, dialect, name=name)
    if dialect.delimiter is None and declared is None and len(first) == 1:
        others = {d: _first_record(path, d, dialect, name=name)[0] for d in DELIMITERS}
        best = max(others, key=lambda d: len(others[d]))
        if len(others[best]) > 1:
            delimiter, first = best, others[best]
            notes.append(f"values are separated by {DELIMITERS[best]} (data.params.delimiter)")
    columns = tuple(first) if dialect.header is None else dialect.header
    stripped = tuple(column.strip() for column in columns)
    if stripped != columns:
        notes.append("blanks around names of columns are removed")
    named = [column for column in stripped if column]
    if not named or len(set(named)) < len(named):
        raise DataError(
            f"the first line of {name} must name each column once, but is: {', '.join(stripped)}; if it "
            'is already a row, name the columns by data.params.header, as in ["text", "label"]'
        )
    file = DelimitedFile(
        path=path,
        name=name,
        delimiter=delimiter,
        quoting=dialect.quoting is not False,
        escape=dialect.escape,
        columns=stripped,
        header_lines=0 if dialect.header is not None else 1 + _line_ends(columns),
        leading=leading,
        declared=declared is not None,
    )
    return file, notes


def _first_record(
    path: Path, delimiter: str, dialect: Dialect, *, name: str
) -> tuple[list[str], int]:
    """Return the first record that is not blank, and the number of blank ones before it."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            records = csv.reader(
                lines,
                delimiter=delimiter,
                quoting=csv.QUOTE_NONE if dialect.quoting is False else csv.QUOTE_MINIMAL,
                escapechar=dialect.escape,
            )
            declared = _declared_delimiter(path) is not None
            for leading, record in enumerate(records):
                if record and leading >= declared:
                    return record, leading
    except UnicodeDecodeError:
        raise wrong_encoding(path, name=name) from None
    except csv.Error as error:
        raise DataError(f"the first line of {name} cannot be read as csv: {error}") from None
    raise DataError(f"{name} has only blank lines")


def _declared_delimiter(path: Path) -> str | None:
    """Return the delimiter that the first line declares, as Excel reads it: ``sep=;``."""
    with path.open("rb") as opened:
        match = _DECLARED.fullmatch(opened.readline(16).rstrip(b"\r\n"))
    return None if match is None else match["delimiter"].decode()


def _line_ends(columns: tuple[str, ...]) -> int:
    return sum(column.replace("\r\n", "\n").replace("\r", "\n").count("\n") for column in columns)
