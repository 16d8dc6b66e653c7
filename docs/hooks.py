"""Build hooks of the documentation site: generated pages, links that leave the site."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "src")]

from generate import command_reference, settings_reference  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from notebooks import notebook_page  # noqa: E402

OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)]*\)")
GENERATED = {
    "<!-- generated: settings -->": settings_reference,
    "<!-- generated: command -->": command_reference,
}


def on_files(files: Files, *, config: Any) -> Files:
    """Put a Markdown page in the place of each notebook."""
    for file in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.remove(file)
        name = file.src_uri.removesuffix(".ipynb") + ".md"
        page = notebook_page(Path(config.docs_dir) / file.src_uri)
        files.append(File.generated(config, name, content=page))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: object) -> str:
    """Fill in generated tables; files outside ``docs`` are named, not linked."""
    for mark, generate in GENERATED.items():
        if mark in markdown:
            markdown = markdown.replace(mark, generate())
    return OUTSIDE.sub(r"\1", markdown) if "/" not in page.file.src_uri else markdown
