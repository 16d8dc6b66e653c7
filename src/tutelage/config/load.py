"""From TOML and ``--set`` to a checked config, with all mistakes at once."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tutelage.config.schema import ExperimentConfig
from tutelage.errors import ConfigError, did_you_mean

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
        _assign(merged, path.strip().split("."), _toml_value(value.strip()), assignment)
    try:
        return ExperimentConfig.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(_all_mistakes(error)) from None


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file's content; one clear message where it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"no config file {path}; 'tutelage init' writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the config file {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _merge(into: dict[str, Any], table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _assign(root: dict[str, Any], path: list[str], value: Any, assignment: str) -> None:
    target: Any = root
    for part in path[:-1]:
        if isinstance(target, list):
            if not part.isdigit() or int(part) >= len(target):
                raise ConfigError(
                    f"--set {assignment}: there is no entry {part!r} in a list of {len(target)}"
                )
            target = target[int(part)]
        elif isinstance(target, dict):
            target = target.setdefault(part, {})
        else:
            raise ConfigError(f"--set {assignment}: {part!r} is not a section")
    if isinstance(target, list):
        raise ConfigError(f"--set {assignment}: name an entry and a key, as in teachers.0.name")
    if not isinstance(target, dict):
        raise ConfigError(f"--set {assignment}: {path[-2]!r} is not a section")
    target[path[-1]] = value


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _all_mistakes(error: ValidationError) -> str:
    lines = []
    for mistake in error.errors():
        path = ".".join(str(part) for part in mistake["loc"])
        match mistake["type"]:
            case "extra_forbidden":
                known = _keys_at(mistake["loc"][:-1])
                hint = did_you_mean(str(mistake["loc"][-1]), known)
                lines.append(
                    f"unknown setting {path}{hint or ' (there are: ' + ', '.join(known) + ')'}"
                )
            case "missing":
                lines.append(f"setting {path} is missing")
            case "value_error":
                message = mistake["msg"].removeprefix("Value error, ")
                lines.append(f"{path}: {message}" if path else message)
            case _:
                lines.append(
                    f"{path} = {mistake['input']!r}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}"
                )
    return "\n".join(dict.fromkeys(lines))


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """The keys that a section of the schema knows."""
    model: Any = ExperimentConfig
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        while get_origin(annotation) is not None or not isinstance(annotation, type):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        model = annotation
    return list(model.model_fields) if issubclass(model, BaseModel) else []
