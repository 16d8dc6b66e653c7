"""Atomic writes, and errors of writing as one message."""

import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from safetensors import SafetensorError

from tutelage.errors import OutputError

__all__ = [
    "allocate",
    "atomic_path",
    "find_files",
    "is_forbidden",
    "is_full",
    "is_of_the_disk",
    "missing_content",
    "of_the_system",
    "remove_leftovers",
    "sync_folder",
    "write_atomically",
    "writing_to",
]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}
_FAILING = {errno.EIO, errno.EROFS, errno.ESTALE, errno.ENODEV, errno.ENXIO}
_UNSUPPORTED = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS}
_SUFFIX = ".tmp"
_POINTER = b"version https://git-lfs"


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
        with temporary.open("rb+") as file:  # Windows syncs only what is open for writing
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def find_files(folder: Path, name: str) -> list[Path]:
    """Return every file of a name below a folder, sorted; other processes may remove folders there.

    ``Path.rglob`` raises where one vanishes while it looks (CPython 3.11).

    Args:
        folder: The folder; it may be missing.
        name: A name or a pattern of names, such as ``"checkpoint*"``.
    """
    found = (Path(root, one) for root, _, names in os.walk(folder) for one in names)
    return sorted(path for path in found if fnmatch(path.name, name))


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
    """Make the renames in a folder durable, where the system can open a folder: not on Windows."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
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
        advice: What to do; by default, to choose another path. Where the disk is full, to free some
            space comes first.

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
    except (OSError, SafetensorError) as raised:
        error = of_the_system(raised)
        full = isinstance(error, OSError) and is_full(error)
        way = advice or "choose another path"
        if full and "space" not in way:
            way = f"free some space, or {way}"
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise OutputError(
            f"cannot write to {f'{name} {path}' if name else path}: {reason}; {way}"
        ) from error


def of_the_system(error: OSError | SafetensorError) -> OSError | SafetensorError:
    """Return the system's error that safetensors met; it keeps of it no more than a text and a number."""
    number = re.search(r"\(os error (\d+)\)", str(error))
    if isinstance(error, OSError) or number is None:
        return error
    return OSError(int(number[1]), os.strerror(int(number[1])))


def is_full(error: OSError) -> bool:
    """Whether a write failed because the disk or a quota is full."""
    return error.errno in _FULL


def is_forbidden(error: OSError) -> bool:
    """Whether a write failed because this user may not write there."""
    return error.errno in _FORBIDDEN


def is_of_the_disk(error: OSError) -> bool:
    """Whether an operation on a file failed for a reason outside the program: a full or failing disk."""
    return is_full(error) or error.errno in _FAILING


def missing_content(path: Path) -> str:
    """Say what a file holds in place of its content: nothing, or a pointer of Git LFS; else ``""``.

    A clone without Git LFS, or a mirror of one, has a short text in place of each large file.

    Source:
        huggingface/transformers#8497 and huggingface/diffusers#13559.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_POINTER))
    except OSError:
        return ""  # whoever reads the content says why it cannot be read
    if not start:
        return "it is empty"
    return "it is a Git LFS pointer; run 'git lfs pull'" if start == _POINTER else ""
