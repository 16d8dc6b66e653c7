"""Find and read the recipes that are TOML files in this package."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from tutelage.config import read_toml
from tutelage.errors import ConfigError, did_you_mean

__all__ = ["SCHEME", "config_table", "recipe", "recipe_text", "recipes"]

SCHEME = "recipe:"


def recipes() -> dict[str, str]:
    """Return every recipe's name with what its first line says of it.

    Example:
        >>> recipes()["mnli"]
        'MNLI: does the premise entail the hypothesis?'
    """
    return {
        name: recipe_text(name).partition("\n")[0].removeprefix("# ").rstrip(".")
        for name in sorted(_places())
    }


def recipe(name: str) -> dict[str, Any]:
    """Return a recipe as a config table, to be completed with a student and teachers.

    Args:
        name: As ``tutelage list recipes`` has it.

    Raises:
        ConfigError: If there is no such recipe.

    Example:
        >>> from tutelage.config import load_config
        >>> mine = {"student": {"source": "hf:distilbert/distilbert-base-uncased"}}
        >>> mine["teachers"] = [{"source": "hf:google/flan-t5-large"}]
        >>> load_config([recipe("mnli"), mine]).data.test
        'validation_matched'
    """
    return read_toml(_place(name))


def recipe_text(name: str) -> str:
    """Return a recipe as its file has it, with its comments.

    Raises:
        ConfigError: If there is no such recipe.
    """
    return _place(name).read_text(encoding="utf-8")


def config_table(place: str | Path) -> dict[str, Any]:
    """Return what ``recipe:NAME`` or a config file says."""
    text = str(place)
    return recipe(text[len(SCHEME) :]) if text.startswith(SCHEME) else read_toml(Path(place))


def _place(name: str) -> Path:
    places = _places()
    if name not in places:
        raise ConfigError(
            f"there is no recipe {name!r}{did_you_mean(name, places)}; 'tutelage list recipes' lists "
            f"them: {', '.join(sorted(places))}"
        )
    return places[name]


def _places() -> dict[str, Path]:
    folder = Path(str(files("tutelage.recipes")))
    return {path.stem: path for path in folder.glob("*.toml")}
