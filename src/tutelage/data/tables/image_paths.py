"""Files of images that a table names, as paths are written on other systems."""

import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from tutelage.data.tables.places import Place
from tutelage.errors import DataError

__all__ = ["find_images", "no_image"]

_SHOWN = 100
_URL = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]+://")


def find_images(
    names: dict[int, str], column: str, *, place: Place, where: str, faults: dict[int, str]
) -> None:
    """Replace the path of each row's image by what it is on disk; note the missing files.

    A path that is not there as it is written may have blanks around it, backslashes as on Windows,
    or letters with accents in another Unicode form, as files from macOS have.

    Args:
        names: Paths as they are written in the table, by row; they are replaced.
        column: Name of the column, for messages.
        place: Where paths start, and what they may not leave.
        where: Name of the rows, for messages.
        faults: Rows whose image is missing are added to it.

    Raises:
        DataError: If the column holds URLs, or paths that lead out of their place.
    """
    outside, folder = [], place.folder
    folders: dict[Path, dict[str, str]] = {}
    inside: dict[str, bool] = {}
    for number, name in names.items():
        if _is_plain_file(name, place, inside):
            continue
        if not (place.holds(name) and place.holds(name.strip())):
            outside.append(number)
        elif name and _is_file(folder / name):
            continue
        elif other := next((n for n in _other_forms(name) if n and _is_file(folder / n)), None):
            if place.holds(other):
                names[number] = other
            else:
                outside.append(number)
        elif _URL.match(name):
            raise DataError(
                f"column {column!r} of {where} holds URLs ({name.strip()[:_SHOWN]}); download the images, for "
                "example by img2dataset, and name their files in the table"
            )
        elif not name.strip():
            faults[number] = no_image(number, column, where=where)
        else:
            similar = _similar(folder / name, folders)
            faults[number] = (
                f"row {number} of {where}: there is no image {str(folder / _shortened(name))!r}{similar}; "
                f"paths in column {column!r} are relative to {folder}"
            )
    if outside:
        count = f"{len(outside)} of {len(names)} paths in column {column!r} of {where}"
        raise DataError(
            f"{count} lead out of the folder {folder} (row {outside[0]}: {_shortened(names[outside[0]])!r}), and a "
            "table from elsewhere could name any picture of this machine; if you know them, set "
            "data.params.outside_paths = true (data.unlabelled_params for unlabelled rows)"
        )


def no_image(number: int, column: str, *, where: str) -> str:
    """Return the message for a row whose cell of images is empty."""
    return f"row {number} of {where} has no image in column {column!r}; fill it, or remove the row"


def _shortened(name: str) -> str:
    return name if len(name) <= _SHOWN else name[:_SHOWN] + "…"


def _other_forms(path: str) -> Iterator[str]:
    for written in (path.strip(), path.strip().replace("\\", "/")):
        yield written
        yield unicodedata.normalize("NFC", written)
        yield unicodedata.normalize("NFD", written)


def _similar(path: Path, folders: dict[Path, dict[str, str]]) -> str:
    """Say which file differs from a path in upper and lower case or its ending alone, if any."""
    if path.parent not in folders:
        try:
            names = sorted(file.name for file in path.parent.iterdir())
        except (OSError, ValueError):
            names = []
        by_stem = {Path(name).stem.casefold(): name for name in names}
        folders[path.parent] = by_stem | {name.casefold(): name for name in names}
    known = folders[path.parent]
    name = known.get(path.name.casefold()) or known.get(path.stem.casefold())
    return "" if name is None else f", but {name!r}"


def _is_plain_file(name: str, place: Place, inside: dict[str, bool]) -> bool:
    """Whether a path is that of a file, not of a link, inside of its place: the usual case, fast."""
    head, tail = os.path.split(name)
    if tail in ("", ".", ".."):
        return False
    if head not in inside:
        inside[head] = place.holds_folder(head)
    try:
        return inside[head] and stat.S_ISREG((place.folder / name).lstat().st_mode)
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or a null character
        return False
