"""Rows of delimited text files (csv, tsv); values stay as text."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.csv as arrow_csv  # type: ignore[import-untyped]
from datasets import Dataset
from datasets.table import InMemoryTable

from tutelage.data.tables.blanks import without_blanks
from tutelage.data.tables.dialects import DELIMITERS, DelimitedFile, Dialect, examine
from tutelage.data.tables.encodings import mapped, wrong_encoding
from tutelage.data.tables.lines import count_lines, line_of, line_of_text
from tutelage.data.tables.quotes import Quotes, scan_quotes
from tutelage.errors import DataError, first_line

__all__ = ["read_delimited"]

_BLOCK = 2**26
_SHOWN = 80


class _WrongCountError(Exception):
    """A row with another number of values than there are columns."""

    def __init__(self, row: Any) -> None:
        super().__init__()
        self.expected, self.actual = row.expected_columns, row.actual_columns
        self.number, self.text = row.number, row.text


@dataclass(frozen=True)
class _Rows:
    """Rows that were read, remarks on them, and how many were left out as no rows of data."""

    table: Dataset
    notes: tuple[str, ...] = ()
    skipped: int = 0


def read_delimited(
    path: Path, dialect: Dialect, *, name: str, tabs: bool, spill: Path | None = None
) -> tuple[Dataset, list[str]]:
    """Read a file whose values are all text; each row must have one value a column.

    Quotation marks quote, except in files with tabs in which some value begins with a mark and does
    not end with one; blanks around the marks are removed. Rows without any value, and repetitions
    of the header, are left out. The rows are counted against the file's lines.

    Args:
        path: A file in UTF-8, not empty.
        dialect: What is known of its form.
        name: Name of the file in messages.
        tabs: Whether the file's name says that tabs separate its values.
        spill: A file to write the rows to, which is then mapped; None keeps them in memory.

    Returns:
        The rows, and remarks on whatever is unusual in the file.

    Raises:
        DataError: If the header, a row's number of values or a quotation mark is wrong, or the
            file is not UTF-8.
    """
    file, notes = examine(path, dialect, name=name, tabs=tabs)
    if file.quoting and file.escape is None and file.delimiter not in "\t ":
        with tempfile.TemporaryDirectory(prefix="tutelage-") as folder:
            copy = Path(folder) / "bare"
            if values := without_blanks(path, copy, delimiter=file.delimiter):
                table, notes = _read_bare(copy, dialect, name=name, tabs=tabs, spill=spill)
                padded = f"{_count(values, 'value')} with blanks around the quotation marks"
                return table, [*notes, padded + ", read without both"]
    return _read_bare(path, dialect, name=name, tabs=tabs, spill=spill)


def _read_bare(
    path: Path, dialect: Dialect, *, name: str, tabs: bool, spill: Path | None
) -> tuple[Dataset, list[str]]:
    file, notes = examine(path, dialect, name=name, tabs=tabs)
    quotes = Quotes()
    if file.quoting:
        with mapped(path) as content:
            quotes = scan_quotes(content, delimiter=file.delimiter, escape=file.escape)
        file = _with_quoting(file, dialect, quotes)
        if not file.quoting:
            quotes = Quotes()
            notes.append("quotation marks are part of the values (data.params.quoting)")
    lines = count_lines(path) - file.header_lines
    rows = _rows(file, spill=spill) if lines > file.leading else None
    if rows is None or not len(rows.table):
        raise DataError(f"{name} names columns in its first line, but has no rows")
    table = rows.table
    notes += rows.notes
    if quotes.spanning:
        notes.append(f"{_count(quotes.spanning, 'value')} of several lines")
    if quotes.loose:
        notes.append(
            f"{_count(quotes.loose, 'value')} with text behind the closing quotation mark, read "
            f"without the marks (the first in line {line_of(path, quotes.loose_at)})"
        )
    blank = lines - file.declared - quotes.line_ends - rows.skipped - len(table)
    if blank < 0 and file.escape is None:
        raise DataError(
            f"{name} has {lines} lines below its header, but {len(table)} rows were read; check its "
            "quotation marks, or set data.params.quoting"
        )
    if blank > 0 and file.escape is None:
        notes.append(f"{_count(blank, 'blank line')} skipped")
    return table, notes


def _with_quoting(file: DelimitedFile, dialect: Dialect, quotes: Quotes) -> DelimitedFile:
    """Decide whether quotation marks quote: in files with tabs only if all are regular."""
    if dialect.quoting is None and file.delimiter == "\t":
        literal = replace(file, quoting=False)
        if not quotes.regular or (quotes.spanning and _fits(literal)):
            return literal
    if quotes.broken_at is not None:
        line = line_of(file.path, quotes.broken_at)
        with mapped(file.path) as content:
            start = bytes(content[quotes.broken_at : quotes.broken_at + _SHOWN])
        shown = start.decode(errors="ignore").splitlines()[0]
        raise DataError(
            f"line {line} of {file.name} begins a value with a quotation mark that closes neither in this line nor "
            f"at the end of a later value: {shown} - close it and double the marks inside, or set "
            "data.params.quoting = false if quotation marks are part of the texts, or data.params.escape = "
            "'\\\\' if a backslash precedes marks inside"
        )
    return file


def _fits(file: DelimitedFile) -> bool:
    """Whether every line has one value a column."""
    try:
        for _ in _batches(file, file.columns):
            pass
    except (_WrongCountError, DataError):
        return False
    return True


def _rows(file: DelimitedFile, *, spill: Path | None) -> _Rows:
    """Read the rows; where all end in delimiters that the header lacks, these are left out."""
    try:
        return _read(file, spill=spill)
    except _WrongCountError as error:
        more = error.actual - error.expected
        nameless = len(file.columns) - len(file.named)
        if error.number != 1 + (file.header_lines > 0) or more < -nameless:
            raise _wrong_count(file, error) from None
        columns = file.columns[:more] if more < 0 else (*file.columns, *[""] * more)
        try:
            rows = _read(replace(file, columns=columns), spill=spill, added=max(0, more))
        except _WrongCountError:
            raise _wrong_count(file, error) from None
        if more <= 0:
            return rows
        note = "delimiters at the end of the rows, which the header lacks, are left out"
        return replace(rows, notes=(*rows.notes, note))


def _read(file: DelimitedFile, *, spill: Path | None, added: int = 0) -> _Rows:
    """Read the named columns, and say what the nameless ones hold; the added ones must be empty."""
    keys = [name or f"\0{place}" for place, name in enumerate(file.columns)]
    filled = dict.fromkeys((key for key in keys if key.startswith("\0")), False)
    named = [key for key in keys if key not in filled]
    schema = pa.schema([(key, pa.string()) for key in named])
    batches = []
    sink = None if spill is None else pa.ipc.new_stream(str(spill), schema)
    heads = empty = 0
    for batch in _batches(file, keys):
        batch, without = _drop(batch, dict.fromkeys(keys, ""))
        empty += without
        if file.header_lines and len(named) > 1:
            batch, repeated = _drop(batch, {key: key for key in named})
            heads += repeated
        for place, key in enumerate(keys):
            if key not in filled:
                continue
            values = batch.column(key)
            number = pc.index(pc.not_equal(values, ""), True).as_py()
            filled[key] |= number >= 0
            if number >= 0 and place >= len(keys) - added:
                raise DataError(
                    f"the rows of {file.name} have {len(keys)} values, but the first line names "
                    f"{_count(len(file.named), 'column')} ({', '.join(file.named)}); give the value "
                    f"{values[number].as_py()!r} and its like a name, or put values with "
                    f"{_named(file.delimiter)} inside in quotation marks (data.params.quoting, "
                    "data.params.escape)"
                )
        part = batch.select(named)
        if sink is None:
            batches.append(part)
        else:
            sink.write_batch(part)
    if sink is None:
        table = Dataset(InMemoryTable(pa.Table.from_batches(batches, schema)))
    else:
        sink.close()
        table = Dataset.from_file(str(spill))
    notes = []
    if empty:
        notes.append(f"{_count(empty, 'row')} without any value skipped")
    if heads:
        notes.append(
            f"{_count(heads, 'line')} that {'repeats' if heads == 1 else 'repeat'} the header skipped"
        )
    for place, key in enumerate(keys[: len(keys) - added]):
        if key in filled:
            index = " (an index, as pandas writes it?)" if place == 0 else ""
            content = "" if filled[key] else " and no values"
            notes.append(f"column {place + 1} has no name{content}{index} and is not read")
    return _Rows(table, tuple(notes), empty + heads)


def _drop(batch: Any, values: dict[str, str]) -> tuple[Any, int]:
    """Leave out the rows that have certain values, blanks aside, and count them."""
    same: Any = None
    for key, value in values.items():
        equal = pc.equal(pc.utf8_trim_whitespace(batch.column(key)), value)
        same = equal if same is None else pc.and_(same, equal)
        if not pc.any(same).as_py():
            return batch, 0
    return batch.filter(pc.invert(same)), pc.sum(same).as_py()


def _batches(file: DelimitedFile, keys: Sequence[str]) -> Iterator[Any]:
    """Yield the rows in Arrow's batches; lines of white space are left out."""
    wrong: list[Any] = []

    def on_wrong(row: Any) -> str:
        if not row.text.strip():
            return "skip"
        wrong.append(row)
        return "error"

    size = file.path.stat().st_size
    try:
        yield from arrow_csv.open_csv(
            file.path,
            read_options=arrow_csv.ReadOptions(
                use_threads=False,
                block_size=max(2**20, min(size + 1, _BLOCK)),
                column_names=list(keys),
                skip_rows_after_names=file.leading + (file.header_lines > 0),
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=file.delimiter,
                quote_char='"' if file.quoting else False,
                escape_char=file.escape or False,
                newlines_in_values=file.quoting,
                invalid_row_handler=on_wrong,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(keys, pa.string()), strings_can_be_null=False
            ),
        )
    except UnicodeDecodeError:
        raise wrong_encoding(file.path, name=file.name) from None
    except pa.ArrowInvalid as error:
        if wrong:
            raise _WrongCountError(wrong[0]) from None
        if "UTF8" in str(error):
            raise wrong_encoding(file.path, name=file.name) from None
        raise DataError(f"{file.name} cannot be read as csv: {first_line(error)}") from error


def _wrong_count(file: DelimitedFile, error: _WrongCountError) -> DataError:
    line = line_of_text(file.path, error.text.encode())
    return DataError(
        f"line {line} of {file.name} has {_count(error.actual, 'value')}, but the first line names "
        f"{_count(len(file.named), 'column')} ({_cut(', '.join(file.named))}): {_cut(error.text)!r}; put a "
        f"value with {_named(file.delimiter)} inside in quotation marks, or set data.params.delimiter, "
        "data.params.quoting or data.params.escape"
    )


def _named(delimiter: str) -> str:
    return DELIMITERS.get(delimiter, repr(delimiter))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + " …"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
