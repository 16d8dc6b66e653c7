"""Where the cache lies unless somebody says otherwise."""

import os
from pathlib import Path

__all__ = ["default_root"]


def default_root() -> Path:
    """Return ``$TUTELAGE_CACHE``, else ``tutelage`` in the user's cache folder (``~/.cache``)."""
    if own := os.environ.get("TUTELAGE_CACHE"):
        return Path(own).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tutelage"
