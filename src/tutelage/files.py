"""Atomic writes, errors of writing, text for spreadsheets, sizes in words, digests of content."""

import csv
import errno
import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from tutelage.errors import OutputError

__all__ = [
    "allocate",
    "atomic_path",
    "canonical",
    "digest_of",
    "file_digest",
    "human_size",
    "is_forbidden",
    "is_full",
    "remove_leftovers",
    "spreadsheet_text",
    "sync_folder",
    "with_digest",
    "without_digest",
    "write_atomically",
    "writing_to",
]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
_UNSUPPORTED = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}
_SUFFIX = ".tmp"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_atomically(path: Path, content: str | bytes | Iterable[bytes]) -> None:
    """Replace a file in one step: a reader sees the old content or all of the new.

    The content is written under a temporary name next to the file, synced and renamed.

    Args:
        path: The file. Its folder must exist.
        content: Text (written as UTF-8), bytes, or bytes in pieces.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        if isinstance(content, str):
            file.write(content.encode())
        elif isinstance(content, bytes):
            file.write(content)
        else:
            file.writelines(content)


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to, then sync it and rename it to ``path``.

    The temporary name differs between processes and calls, so several may write the same file; the
    last one wins. If the block raises, the temporary file is removed and ``path`` is unchanged.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def remove_leftovers(path: Path) -> None:
    """Remove temporary files that killed processes left next to ``path``.

    Next to a safetensors file these are also those of the library, ``.tmp`` and six characters: each
    may be as large as a model. Only for folders that one process at a time may write: a temporary
    file in use is removed too.
    """
    patterns = [f"{path.name}.*{_SUFFIX}*"]  # the end: a database has a journal next to it
    if path.suffix == ".safetensors":
        patterns.append(".tmp" + 6 * "[0-9A-Za-z]")
    for pattern in patterns:
        for leftover in path.parent.glob(pattern):
            leftover.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def allocate(descriptor: int, size: int) -> None:
    """Reserve a file's whole size, so that a full disk is reported before hours of work."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(descriptor, 0, size)
            return
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    os.ftruncate(descriptor, size)


@contextmanager
def writing_to(path: Path, *, name: str = "", advice: str = "") -> Iterator[None]:
    """Turn a failed write into an ``OutputError`` that names the path and the way out.

    Args:
        path: The file or folder that is written.
        name: The setting or thing that it is, e.g. ``"output.dir"``; put before the path.
        advice: What to do. By default: free some space where the disk is full, else choose another
            path.

    Raises:
        OutputError: If the block raises an ``OSError``, or safetensors cannot write a file.

    Example:
        >>> with writing_to(Path("/proc/1"), name="output.dir"):
        ...     Path("/proc/1/runs").mkdir()
        Traceback (most recent call last):
        tutelage.errors.OutputError: cannot write to output.dir /proc/1: No such file or directory; \
choose another path
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        full = isinstance(error, OSError) and is_full(error)
        default = "free some space, or choose another path" if full else "choose another path"
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise OutputError(
            f"cannot write to {f'{name} {path}' if name else path}: {reason}; {advice or default}"
        ) from error


def is_full(error: OSError) -> bool:
    """Whether a write failed because the disk or a quota is full."""
    return error.errno in _FULL


def is_forbidden(error: OSError) -> bool:
    """Whether a write failed because this user may not write there."""
    return error.errno in _FORBIDDEN


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


def canonical(content: Any) -> bytes:
    """Return the one JSON text of some content: sorted keys, no spaces, UTF-8."""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def with_digest(content: Mapping[str, Any]) -> str:
    """Return the JSON text of some content and its digest, which ``without_digest`` compares.

    Example:
        >>> without_digest(with_digest({"a": 1}))
        {'a': 1}
    """
    return json.dumps({**content, "digest": digest_of(canonical(content))}, indent=2) + "\n"


def without_digest(text: str | bytes) -> Any:
    """Return the content of a JSON text. One without a digest is taken as it is.

    Raises:
        ValueError: If the text is no JSON, or its content does not match its digest.

    Example:
        >>> without_digest(with_digest({"a": 1}).replace("1", "2"))
        Traceback (most recent call last):
        ValueError: it was changed: its content does not match its digest
    """
    content = json.loads(text)
    digest = content.pop("digest", None) if isinstance(content, dict) else None
    if digest is not None and digest != digest_of(canonical(content)):
        raise ValueError("it was changed: its content does not match its digest")
    return content


def file_digest(path: Path) -> str:
    """Return the digest of a file's bytes, of the kind of ``digest_of``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def digest_of(content: bytes | memoryview) -> str:
    """Return the 128-bit BLAKE2b digest in hexadecimal."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
