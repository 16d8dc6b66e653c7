"""A full or write-protected cache folder."""

import errno
import os
from pathlib import Path

import pytest

from tutelage.cache.disk import writing_features
from tutelage.errors import CacheError


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, r"no room for features in /c: 3 MB more are needed .*kept: free some space"),
        (errno.EDQUOT, "no room for features"),
        (
            errno.EROFS,
            r"/c cannot be written \(Read-only file system\); choose another cache folder",
        ),
    ],
)
def test_errors_of_the_disk(number: int, says: str) -> None:
    with (
        pytest.raises(CacheError, match=says),
        writing_features(Path("/c"), needed=lambda: 3_000_000),
    ):
        raise OSError(number, os.strerror(number))


def test_other_errors_pass() -> None:
    with (
        pytest.raises(FileNotFoundError),
        writing_features(Path("/c"), needed=lambda: 1),
    ):
        raise FileNotFoundError(errno.ENOENT, "no such file")
