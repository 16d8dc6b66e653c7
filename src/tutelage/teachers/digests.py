"""Digest of the content of files."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["files_digest"]


def files_digest(paths: Iterable[Path]) -> str:
    """Return a digest of the bytes of files in this order, whatever their names."""
    total = hashlib.blake2b(digest_size=16)
    for path in paths:
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "blake2b").digest())
    return total.hexdigest()
