"""Names of folders that Linux, macOS and Windows all take."""

import re
from collections.abc import Iterable
from pathlib import PurePath

from tutelage.errors import ConfigError
from tutelage.files import digest_of

__all__ = ["folder_name", "refuse_shared_folders"]

LONGEST = 100
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def folder_name(text: str) -> str:
    """Return a text as a folder's name: no separators, not hidden, not reserved, not too long.

    Example:
        >>> folder_name("hf:google/vit"), folder_name("aux"), folder_name("../x.")
        ('hf-google-vit', '_aux', '-x')
    """
    name = re.sub(r"[^\w.+=-]+", "-", text).strip(".") or "-"
    if RESERVED.fullmatch(name):
        name = f"_{name}"  # a device of Windows
    if len(name.encode()) <= LONGEST:
        return name
    beginning = name.encode()[: LONGEST - 9].decode(errors="ignore")
    return f"{beginning}-{digest_of(text.encode())[:8]}"


def refuse_shared_folders(places: Iterable[PurePath]) -> None:
    """Refuse runs that would share a folder, also where capitals do not count (macOS, Windows).

    Raises:
        ConfigError: If two do.
    """
    seen: dict[str, PurePath] = {}
    for place in places:
        other = seen.setdefault(str(place).casefold(), place)
        if other is not place:
            raise ConfigError(
                f"the runs of {other} and of {place} would share a folder; give the teachers (or "
                "methods) names that differ in more than signs and capitals"
            )
