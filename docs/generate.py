"""The settings reference from the config's schema, the command reference from the typer app."""

import inspect
import re
from typing import Any

import typer.main

from tutelage.cli import app
from tutelage.config.reference import sections, settings_of
from tutelage.config.section import Section

__all__ = ["command_reference", "settings_reference"]


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
        for one in settings_of(section, decides=decides):
            default = f"<br>default `{one.default}`" if one.default else ""
            cells = (
                f"`{one.name}`<br>{_code(one.kind)}{'<br>required' if one.required else default}",
                _markdown(one.meaning),
                "yes" if one.decides else "no",
            )
            rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("\n".join([f"## {title}", "", _markdown(intro), "", *rows]))
    return "\n\n".join(parts)


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


def _code(text: str) -> str:
    return re.sub(r'("[^"]*")', r"`\1`", text)


def _markdown(text: str) -> str:
    """Docstrings mark code by two backticks; Markdown needs one."""
    return text.replace("``", "`").replace("\\\\n", "\\n")
