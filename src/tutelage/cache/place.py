"""Default folder of the cache."""

import os
from pathlib import Path

__all__ = ["default_root"]


def default_root() -> Path:
    """Return ``$TUTELAGE_CACHE``, else ``tutelage`` in the user's cache folder (``~/.cache``)."""
    if folder := os.environ.get("TUTELAGE_CACHE"):
        return Path(folder).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tutelage"
