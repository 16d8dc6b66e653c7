"""Settings that a search, a comparison or a study keeps in its folder, read again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tutelage.config import ExperimentConfig, load_config, read_toml
from tutelage.errors import ConfigError, first_line

__all__ = ["reading_kept_settings", "refuse_other_config"]


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


def refuse_other_config(
    path: Path, config: ExperimentConfig, *, about: Callable[[ExperimentConfig], object], what: str
) -> None:
    """Refuse a folder that keeps another config; nothing is written.

    Args:
        path: The kept config, which is there.
        config: The one of now.
        about: Gives what decides the numbers of a config.
        what: A search or a comparison, for the message.

    Raises:
        ConfigError: If it does, or the kept one is damaged.
    """
    with reading_kept_settings(path):
        before = load_config([read_toml(path)])
    if about(before) != about(config):
        raise ConfigError(
            f"{path.parent} holds {what} with other settings, those in {path}; choose another output.dir "
            "(--out), or remove that folder"
        )
