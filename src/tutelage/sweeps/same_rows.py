"""Refusal of a search or comparison in a folder that was begun on other rows.

The digests lie in ``rows.json`` of its folder, one a split of the data. A folder that an earlier version
began has none, and gets those of the rows on which it is continued.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from tutelage.errors import ConfigError
from tutelage.files import write_atomically
from tutelage.results.result import differing_rows

__all__ = ["ROWS", "keep_rows", "refuse_kept_rows", "refuse_rows"]

ROWS = "rows.json"


def keep_rows(folder: Path, digests: Mapping[str, str], *, what: str) -> None:
    """Write the digests to a folder that has none, else compare them; the caller holds its lock.

    Args:
        folder: The folder of a search or comparison.
        digests: From ``source_digests``.
        what: A search or a comparison.

    Raises:
        ConfigError: If the folder was begun on other rows, or the file is damaged.
    """
    if not refuse_kept_rows(folder, digests, what=what):
        write_atomically(folder / ROWS, json.dumps(digests, indent=2) + "\n")


def refuse_kept_rows(folder: Path, digests: Mapping[str, str], *, what: str) -> bool:
    """Compare the digests with those of a folder, if it has some; nothing is written.

    Args:
        folder: The folder of a search or comparison.
        digests: From ``source_digests``.
        what: A search or a comparison.

    Returns:
        Whether it has some.

    Raises:
        ConfigError: If the folder was begun on other rows, or the file is damaged.
    """
    path = folder / ROWS
    try:
        before = json.loads(path.read_bytes())
        if not isinstance(before, dict):
            raise ValueError("it holds no table")
    except FileNotFoundError:
        return False
    except ValueError as error:
        raise ConfigError(
            f"{path} is damaged ({error}), so whether the runs there are on the rows of now is not known; "
            "choose another output.dir (--out), or remove that folder"
        ) from error
    refuse_rows(before, digests, where=f"{folder} holds {what}", instead="output.dir (--out)")
    return True


def refuse_rows(
    before: Mapping[str, str], now: Mapping[str, str], *, where: str, instead: str
) -> None:
    """Refuse rows that differ from those of before.

    Args:
        before: Digests of the rows that a search was begun on.
        now: Digests of the rows that the data has now.
        where: The place of the search, for the message.
        instead: The setting of that place.

    Raises:
        ConfigError: If a split of both differs.
    """
    if names := differing_rows(before, now):
        raise ConfigError(
            f"{where} on other {' and '.join(names)} rows than the data has now (ids, labels or content "
            f"differ), whose scores cannot be mixed; choose another {instead}, remove what is there, or "
            "put the data back"
        )
