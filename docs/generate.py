"""The settings reference from the config's schema, the command reference from the typer app."""

import inspect
import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer.main
from pydantic.fields import FieldInfo

from tutelage.cli import app
from tutelage.config import ExperimentConfig
from tutelage.config.section import NoEffect, Section

__all__ = ["attributes", "command_reference", "sections", "settings_reference"]


def settings_reference() -> str:
    """Return a heading and a table for every section of the config."""
    parts = []
    paths: dict[type[Section], list[str]] = {}
    for path, section, _ in sections():
        paths.setdefault(section, []).append(f"`{path}`" if path else "Top level")
    for _, section, decides in sections():
        if section not in paths:
            continue
        title = ", ".join(paths.pop(section))
        intro = inspect.cleandoc(section.__doc__ or "").partition("\n\n")[0].replace("\n", " ")
        rows = [
            "| key, type, default | meaning | decides numbers |",
            "|---|---|---|",
        ]
        described = attributes(section)
        for name, field in section.model_fields.items():
            counts = decides and NoEffect not in field.metadata
            cells = (
                f"`{name}`<br>{_code(_type_name(field.annotation))}{_default(field)}",
                described.get(name, ""),
                "yes" if counts else "no",
            )
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("\n".join([f"## {title}", "", _markdown(intro), "", *rows]))
    return "\n\n".join(parts)


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
            described[name] = _markdown(" ".join(description.split()))
    return described


def command_reference() -> str:
    """Return a heading, a usage line and a table for every verb of the command."""
    root: Any = typer.main.get_command(app)
    panels: dict[str, list[tuple[str, Any]]] = {}
    for name, command in root.commands.items():
        entries = panels.setdefault(command.rich_help_panel, [])
        entries.append((f"tutelage {name}", command))
        for inner_name, inner in getattr(command, "commands", {}).items():
            entries.append((f"tutelage {name} {inner_name}", inner))
    parts = []
    for panel, entries in panels.items():
        parts.append(f"## {panel}")
        parts += [_verb(name, command) for name, command in entries]
    return "\n\n".join(parts)


def _verb(name: str, command: Any) -> str:
    lines = [f"### `{name}`", "", inspect.cleandoc(command.help or ""), ""]
    params = [param for param in command.params if param.name != "help"]
    if not params:
        return "\n".join(lines)
    lines += ["| argument or option | meaning |", "|---|---|"]
    for param in params:
        metavar = param.metavar or ""
        option = param.param_type_name == "option"
        shown = f"{', '.join(param.opts)} {metavar}".strip() if option else metavar
        default = "" if param.default in (None, False) else f"; default `{param.default}`"
        lines.append(f"| `{shown}` | {param.help or ''}{default} |")
    return "\n".join(lines)


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
    if field.is_required():
        return "<br>required"
    value = field.get_default(call_default_factory=True)
    if _section_in(field.annotation) is not None:
        return ""
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, bool):
        return f"<br>default `{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"<br>default `{list(value)}`"
    return (
        f"<br>default `{value}`" if isinstance(value, int | float) else f'<br>default `"{value}"`'
    )


def _code(text: str) -> str:
    return re.sub(r'("[^"]*")', r"`\1`", text)


def _markdown(text: str) -> str:
    """Docstrings mark code by two backticks; Markdown needs one."""
    return text.replace("``", "`").replace("\\\\n", "\\n")
