"""Settings that a search, a comparison or a study keeps in its folder, read again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tutelage.errors import ConfigError, first_line

__all__ = ["reading_kept_settings"]


@contextmanager
def reading_kept_settings(path: Path) -> Iterator[None]:
    """Say what to do where the settings of a folder cannot be read.

    Args:
        path: Their file.

    Raises:
        ConfigError: If the block raises one.
    """
    try:
        yield
    except ConfigError as error:
        reason = first_line(error).removeprefix(f"{path} ")
        raise ConfigError(
            f"{path} is damaged ({reason}); remove it and repeat the command, which reuses the runs that "
            "are finished, and refuses those of other settings"
        ) from error
