"""Every setting of a config with its type, default and meaning, from the schema and its docstrings."""

import inspect
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from tutelage.config.schema import ExperimentConfig
from tutelage.config.section import NoEffect, Section

__all__ = ["Setting", "attributes", "sections", "settings_of"]


@dataclass(frozen=True)
class Setting:
    """A key of a section.

    Attributes:
        name: The key.
        kind: What it takes, in words.
        default: As TOML writes it; empty where there is none.
        required: Whether it must be given.
        meaning: From the section's docstring.
        decides: Whether it decides numbers.
    """

    name: str
    kind: str
    default: str
    required: bool
    meaning: str
    decides: bool


def settings_of(section: type[Section], *, decides: bool = True) -> list[Setting]:
    """Return the settings of a section, in the order of the schema.

    Args:
        section: The section.
        decides: Whether the section's keys may decide numbers, as ``sections`` says.
    """
    described = attributes(section)
    return [
        Setting(
            name,
            _type_name(field.annotation),
            _default(field),
            field.is_required(),
            described.get(name, ""),
            decides and NoEffect not in field.metadata,
        )
        for name, field in section.model_fields.items()
    ]


def sections(
    section: type[Section] = ExperimentConfig, path: str = "", decides: bool = True
) -> Iterator[tuple[str, type[Section], bool]]:
    """Yield every section with its TOML heading, and whether its keys may decide numbers."""
    yield path, section, decides
    for name, field in section.model_fields.items():
        inner = _section_in(field.annotation)
        if inner is None:
            continue
        many = any(get_origin(kind) is tuple for kind in _alternatives(field.annotation))
        dotted = f"{path.strip('[]')}.{name}".lstrip(".")
        heading = f"[[{dotted}]]" if many else f"[{dotted}]"
        yield from sections(inner, heading, decides and NoEffect not in field.metadata)


def attributes(section: type[Section]) -> dict[str, str]:
    """Return the descriptions under ``Attributes:`` of a section and its bases."""
    described: dict[str, str] = {}
    for base in reversed(section.__mro__):
        text = inspect.cleandoc(base.__doc__ or "") if issubclass(base, Section) else ""
        block = re.search(r"^Attributes:\n((?:    .*\n?|\n)*)", text, re.MULTILINE)
        if block is None:
            continue
        for entry in re.split(r"^    (?=\w+:)", block[1], flags=re.MULTILINE)[1:]:
            name, _, description = entry.partition(":")
            described[name] = " ".join(description.split())
    return described


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(kind for entry in get_args(annotation) for kind in _alternatives(entry))
    return (annotation,)


def _section_in(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def _type_name(annotation: Any) -> str:
    return " or ".join(dict.fromkeys(filter(None, map(_one_type, _alternatives(annotation)))))


def _one_type(kind: Any) -> str:
    if kind is type(None):
        return ""
    if get_origin(kind) is Literal:
        return " or ".join(f'"{value}"' for value in get_args(kind))
    if get_origin(kind) is tuple:
        inner = _type_name(get_args(kind)[0])
        return f"list of {inner.replace('list of', 'lists of')}" + ("" if "list" in inner else "s")
    if get_origin(kind) is dict or kind is dict:
        return "table"
    if isinstance(kind, type) and issubclass(kind, Section):
        return "section"
    names = {str: "text", int: "integer", float: "number", bool: "true or false"}
    return names.get(kind, "path" if getattr(kind, "__name__", "") == "Path" else str(kind))


def _default(field: FieldInfo) -> str:
    """A default as TOML writes it; empty where there is none to write."""
    if _section_in(field.annotation) is not None or field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return str(value) if isinstance(value, int | float) else f'"{value}"'
