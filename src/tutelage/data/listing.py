"""The pictures below a folder, and a count of the files that are passed over."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tutelage.data.images import EXTENSIONS
from tutelage.errors import DataError
from tutelage.files import advice_on_names

__all__ = ["Listing", "has_pictures", "list_pictures", "passed_over", "subfolders"]

_JUNK = frozenset({"$recycle.bin", "@eadir", "__macosx", "lost+found", "system volume information"})
"""Folders that systems and archives leave behind."""

_CONVERTIBLE = frozenset({".dng", ".heic", ".heif", ".jxl", ".svg"})


@dataclass(frozen=True)
class Listing:
    """Files below a folder.

    Attributes:
        pictures: Paths of the pictures relative to some root, with forward slashes, in no order.
        others: Number of other files by ending; hidden files are not counted.
    """

    pictures: list[str]
    others: Mapping[str, int]


def list_pictures(folder: Path, *, root: Path) -> Listing:
    """List the pictures below a folder at any depth, as paths relative to ``root``.

    Hidden files and folders are left out, and links that lead back to a parent.

    Raises:
        DataError: If a folder cannot be read, or the name of a picture is not UTF-8.
    """
    pictures: list[str] = []
    others: Counter[str] = Counter()
    for parent, inner, files in os.walk(folder, followlinks=True, onerror=_refuse):
        inner[:] = [name for name in inner if _is_visible(Path(parent, name))]
        for name in files:
            ending = Path(name).suffix.lower()
            if name.startswith("."):
                continue
            if ending in EXTENSIONS:
                pictures.append((Path(parent) / name).relative_to(root).as_posix())
            else:
                others[ending] += 1
    for name in pictures:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise DataError(
                f"the file name {os.fsencode(name)!r} in {root} is not UTF-8; {advice_on_names()}"
            ) from None
    return Listing(pictures, others)


def subfolders(folder: Path) -> list[str]:
    """Return the names of the visible folders in a folder, sorted.

    Raises:
        DataError: If the folder cannot be read.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        _refuse(error)
    return [path.name for path in entries if path.is_dir() and _is_visible(path)]


def has_pictures(folder: Path) -> bool:
    """Whether pictures lie in a folder itself."""
    return any(path.suffix.lower() in EXTENSIONS for path in folder.iterdir() if path.is_file())


def passed_over(others: Mapping[str, int]) -> tuple[str, ...]:
    """Say how many files were passed over, by ending; nothing where there are none.

    Example:
        >>> passed_over({".heic": 8, ".txt": 1})
        ('passed over 9 files that are no pictures: 8 .heic, 1 .txt; convert .heic to JPEG or PNG',)
    """
    if not others:
        return ()
    count = sum(others.values())
    by_count = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{number} {ending or 'without ending'}" for ending, number in by_count[:8])
    convertible = sorted(_CONVERTIBLE & others.keys())
    return (
        f"passed over {count} {'file that is no picture' if count == 1 else 'files that are no pictures'}"
        f": {listed}{', …' if len(by_count) > 8 else ''}"
        + (f"; convert {', '.join(convertible)} to JPEG or PNG" if convertible else ""),
    )


def _is_visible(folder: Path) -> bool:
    """Whether a folder is to be looked into: not hidden, no junk, no link to one of its parents."""
    if folder.name.startswith(".") or folder.name.lower() in _JUNK:
        return False
    return not (folder.is_symlink() and any(folder.samefile(above) for above in folder.parents))


def _refuse(error: OSError) -> NoReturn:
    raise DataError(f"the folder {error.filename} cannot be read: {error.strerror}") from error
