"""Load a config from TOML and ``--set`` assignments, reporting all mistakes at once."""

import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tutelage.config.mistakes import all_mistakes
from tutelage.config.paths import assign
from tutelage.config.schema import ExperimentConfig
from tutelage.errors import ConfigError

__all__ = [
    "load_config",
    "read_toml",
]


def load_config(
    tables: Iterable[Mapping[str, Any]], *, assignments: Iterable[str] = ()
) -> ExperimentConfig:
    """Merge tables and ``path=value`` assignments, later ones winning, into a checked config.

    Args:
        tables: Nested mappings as TOML gives them.
        assignments: ``"train.lr=1e-3"``: a dotted path and a TOML value (a bare word is a string);
            ``teachers.0.params.pooling=mean`` reaches into a list.

    Raises:
        ConfigError: All mistakes at once, each with its path and the closest known key.
    """
    merged: dict[str, Any] = {}
    for table in tables:
        _merge(merged, table)
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not path:
            raise ConfigError(
                f"--set takes path=value (for example train.lr=1e-3), not {assignment!r}"
            )
        assign(merged, path.strip(), _toml_value(value.strip()), where=f"--set {assignment}")
    try:
        return ExperimentConfig.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(all_mistakes(error, ExperimentConfig)) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's content; one clear message where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # as Notepad writes it
    except FileNotFoundError:
        advice = _near(path) or "; 'tutelage init' writes one"
        raise ConfigError(f"no config file {path}{advice}") from None
    except UnicodeDecodeError:
        raise ConfigError(
            f"the config file {path} is not in UTF-8; save it with that encoding (PowerShell: "
            "Set-Content -Encoding utf8)"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read the config file {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _near(path: Path) -> str:
    """Offer the config file in the same folder whose name is most like a missing one's."""
    known = {one.name: str(one) for one in path.parent.glob("*.toml") if one.is_file()}
    near = get_close_matches(path.name, known, n=1) or get_close_matches(f"{path.name}.toml", known)
    return f"; did you mean {known[near[0]]!r}?" if near else ""


def _merge(into: dict[str, Any], table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = _copied(value)


def _copied(value: Any) -> Any:
    """A value of its own at each place, for assignments change it there."""
    if isinstance(value, Mapping):
        return {key: _copied(inner) for key, inner in value.items()}
    return list(map(_copied, value)) if isinstance(value, list | tuple) else value


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
