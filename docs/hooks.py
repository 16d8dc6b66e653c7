"""Build hooks of the documentation site: generated reference pages, links that leave the site."""

import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "src")]

from generate import command_reference, settings_reference  # noqa: E402

OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")
GENERATED = {
    "<!-- generated: settings -->": settings_reference,
    "<!-- generated: command -->": command_reference,
}


def on_page_markdown(markdown: str, **_: object) -> str:
    """Fill in generated tables; files outside ``docs`` are named, not linked."""
    for mark, generate in GENERATED.items():
        if mark in markdown:
            markdown = markdown.replace(mark, generate())
    return OUTSIDE.sub(r"\1", markdown)
