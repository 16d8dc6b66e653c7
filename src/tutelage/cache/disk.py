"""Errors of a full or write-protected cache folder."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tutelage.errors import CacheError
from tutelage.files import human_size, is_forbidden, is_full

__all__ = ["writing_features"]


@contextmanager
def writing_features(folder: Path, *, needed: Callable[[], int]) -> Iterator[None]:
    """Turn a full or write-protected disk into a ``CacheError`` that says how much room is needed."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise CacheError(
                f"no room for features in {folder}: {human_size(needed())} more are needed "
                f"({error.strerror}). Features extracted so far are kept: free some space, or choose "
                "another cache folder, and run the same command again"
            ) from error
        if is_forbidden(error):
            raise CacheError(
                f"{folder} cannot be written ({error.strerror}); choose another cache folder"
            ) from error
        raise
