"""Pages from their templates, with the same style and the same tables and figures."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

import tutelage

__all__ = ["fill_page"]

STYLES = ("page.css", "work.css")


def fill_page(name: str, **content: Any) -> str:
    """Return a self-contained page as text.

    Args:
        name: Name of the template, without ``.html.jinja``.
        **content: What the template asks for, besides ``style`` and ``version``.
    """
    environment = Environment(
        loader=FunctionLoader(_text),  # of the parts that a page includes
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.from_string(_text("macros.html.jinja") + _text(f"{name}.html.jinja"))
    style = Markup("\n".join(map(_text, STYLES)))
    page: str = template.render(style=style, version=tutelage.__version__, **content)
    return page


def _text(name: str) -> str:
    return (files("tutelage.report") / name).read_text(encoding="utf-8")
