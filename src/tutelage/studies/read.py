"""Find and read the studies that are TOML files in this package."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from tutelage.config import read_toml
from tutelage.errors import ConfigError, did_you_mean

__all__ = ["SCHEME", "studies", "study_table"]

SCHEME = "paper:"


def studies() -> dict[str, str]:
    """Return every study's name with its title."""
    return {name: read_toml(path)["title"] for name, path in sorted(_places().items())}


def study_table(place: str | Path) -> dict[str, Any]:
    """Return what ``paper:NAME`` or a study's file says.

    Raises:
        ConfigError: If there is no such study, or the file cannot be read.
    """
    text = str(place)
    if not text.startswith(SCHEME):
        return read_toml(Path(place))
    name, places = text[len(SCHEME) :], _places()
    if name not in places:
        raise ConfigError(
            f"there is no study {name!r}{did_you_mean(name, places)}; 'tutelage list studies' lists them: "
            f"{', '.join(sorted(places))}"
        )
    return read_toml(places[name])


def _places() -> dict[str, Path]:
    folder = Path(str(files("tutelage.studies")))
    return {path.stem: path for path in folder.glob("*.toml")}
