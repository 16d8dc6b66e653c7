"""A note in an entry of float32 features that float16 was tried for these rows and refused.

It spares the next run to compute, or to read, all parts up to the one that float16 cannot hold: in an
unfinished entry, and where the features as float32 has them no longer show why (those of float64 files).
"""

from contextlib import suppress
from pathlib import Path

from tutelage.cache.disk import writing_features
from tutelage.files import write_atomically

__all__ = ["REFUSED", "note_refusal", "refusal"]

REFUSED = "float16-refused.txt"
"""The only file of an entry that is written before its key."""


def note_refusal(folder: Path, reason: str) -> None:
    """Write down why float16 cannot hold the features of an entry.

    Raises:
        CacheError: If the disk is full.
    """
    with writing_features(folder, needed=lambda: len(reason)):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / REFUSED, reason.encode())


def refusal(folder: Path) -> str | None:
    """Return why float16 cannot hold the features of an entry; None where that is not known."""
    with suppress(OSError, UnicodeDecodeError):
        return (folder / REFUSED).read_text(encoding="utf-8")
    return None
