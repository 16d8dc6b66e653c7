"""Text files in any encoding, compressed or not, as UTF-8 files that can be mapped."""

import bz2
import codecs
import gzip
import lzma
import mmap
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from tutelage.errors import ConfigError, DataError

__all__ = ["COMPRESSED", "as_utf8", "mapped", "wrong_encoding"]

COMPRESSED: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": lambda path: pa.input_stream(str(path), compression="zstd"),
}
"""Functions that open compressed files, by ending."""

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
_BLOCK = 2**24


@contextmanager
def as_utf8(file: Path, *, encoding: str | None = None) -> Iterator[tuple[Path, str]]:
    """Give a file of the same text in UTF-8 without a byte order mark, and the encoding read.

    A file that is so already is given itself; of another one, a temporary copy.

    Args:
        file: A text file, compressed if its name ends so.
        encoding: Its encoding; by default UTF-8, or what its byte order mark says.

    Raises:
        ConfigError: If there is no such encoding.
        DataError: If the file cannot be decompressed or decoded.
    """
    if encoding is not None:
        try:
            encoding = codecs.lookup(encoding).name
        except LookupError:
            raise ConfigError(
                f"data.params.encoding = {encoding!r} is no known encoding; usual ones are 'utf-8', "
                "'cp1252' (Windows, Western Europe), 'utf-16' and 'gb18030'"
            ) from None
    with tempfile.TemporaryDirectory(prefix="tutelage-") as folder:
        path = file
        if opener := COMPRESSED.get(file.suffix.lower()):
            path = Path(folder) / "raw"
            try:
                with opener(file) as packed, path.open("wb") as raw:
                    shutil.copyfileobj(packed, raw, _BLOCK)
            except (OSError, EOFError, lzma.LZMAError, zlib.error, pa.ArrowException) as error:
                raise DataError(f"{file} cannot be decompressed: {error}") from error
        with path.open("rb") as opened:
            start = opened.read(4)
        marked = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
        known = encoding or marked or "utf-8"
        if known == "utf-8" and marked is None:
            yield path, known
            return
        copy = Path(folder) / "utf-8"
        try:
            with (
                path.open(encoding=marked or known, newline="") as text,
                copy.open("w", encoding="utf-8", newline="") as out,
            ):
                shutil.copyfileobj(text, out, _BLOCK)
        except UnicodeError as error:
            raise DataError(
                f"{file} is not in the encoding {known} ({error}); name its encoding by "
                "data.params.encoding"
            ) from None
        yield copy, marked or known


@contextmanager
def mapped(path: Path) -> Iterator[memoryview]:
    """Give the bytes of a file, which is mapped, not read into memory."""
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        content = memoryview(pages)
        try:
            yield content
        finally:
            content.release()


def wrong_encoding(path: Path, *, name: str) -> DataError:
    """Return the error of a file that is not UTF-8: where, and what to set."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with path.open("rb") as opened:
        for number, text in enumerate(opened, 1):
            try:
                decoder.decode(text)
            except UnicodeDecodeError:
                line = number
                break
    return DataError(
        f"line {line} of {name} is not UTF-8; name its encoding by data.params.encoding, for example "
        "'cp1252' for files of Windows in Western Europe, or save it as UTF-8"
    )
