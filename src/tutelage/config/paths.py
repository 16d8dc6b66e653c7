"""Dotted paths into nested settings: ``teachers.0.params.pooling``."""

from typing import Any

from tutelage.errors import ConfigError

__all__ = ["assign"]


def assign(root: dict[str, Any], path: str, value: Any, *, where: str) -> None:
    """Set the value at a dotted path of nested dictionaries and lists, in place.

    Args:
        root: Nested settings; sections that are missing are added.
        path: Keys and list positions, separated by dots.
        value: The new value.
        where: Names the assignment in messages.

    Raises:
        ConfigError: If the path leads through something that is neither a section nor an entry of
            a list.

    Example:
        >>> settings = {"train": {"lr": 0.1}}
        >>> assign(settings, "train.steps", 10, where="steps")
        >>> settings
        {'train': {'lr': 0.1, 'steps': 10}}
    """
    *sections, key = path.split(".")
    target: Any = root
    for part in sections:
        if isinstance(target, list):
            if not part.isdigit() or int(part) >= len(target):
                raise ConfigError(f"{where}: there is no entry {part!r} in a list of {len(target)}")
            target = target[int(part)]
        elif isinstance(target, dict):
            if isinstance(target.get(part), tuple):
                target[part] = list(target[part])
            target = target.setdefault(part, {})
        else:
            raise ConfigError(f"{where}: {part!r} is not a section")
    if isinstance(target, list):
        raise ConfigError(f"{where}: name an entry and a key, as in teachers.0.name")
    if not isinstance(target, dict):
        raise ConfigError(f"{where}: {sections[-1]!r} is not a section")
    target[key] = value
