"""A matplotlib figure as inline SVG: in the page's fonts and colours, with names of its own.

Colours are drawn as placeholders and become CSS variables, so that one drawing serves light and
dark pages. Text stays text.
"""

import io
import re
import warnings
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

__all__ = ["ACCENT", "INK", "MUTED", "PAPER", "RULE", "SERIES", "inline_svg"]

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

VARIABLES = ("ink", "muted", "rule", "paper", "accent", *(f"series-{index}" for index in range(7)))
PLACEHOLDERS = {
    f"#0000{index:02x}": f"var(--{name})" for index, name in enumerate(VARIABLES, start=1)
}
INK, MUTED, RULE, PAPER, ACCENT, *SERIES = PLACEHOLDERS
"""Colours to draw with. ``SERIES[0]`` is for standard fine-tuning, the others for methods."""

DRAWING = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tutelage",
    "font.family": ["DejaVu Sans"],
    "text.color": INK,
}
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def inline_svg(figure: Figure, *, name: str, title: str) -> Markup:
    """Return the figure as one ``<svg>`` element, the same bytes each time.

    Args:
        figure: Drawn with this module's colours; 72 units an inch become one CSS pixel each at
            the figure's own size.
        name: Different for each figure of a page; goes in front of every id.
        title: What the figure shows, for who cannot see it.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context(DRAWING), warnings.catch_warnings():
        # The browser has the glyphs that the font for measuring lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(buffer, format="svg", transparent=True, metadata=NO_METADATA)
    root = ElementTree.fromstring(buffer.getvalue())
    for element in list(root):
        if element.tag == f"{{{SVG}}}metadata":
            root.remove(element)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{SVG}}}style":
                parent.remove(child)
    for element in root.iter():
        for key, value in element.items():
            element.set(key, _themed(_renamed(key, value, name)))
    del root.attrib["width"], root.attrib["height"]
    root.set("role", "img")
    root.set("aria-label", title)
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _renamed(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key.endswith("href"):
        return re.sub(r"^#", f"#{name}-", value)
    return re.sub(r"url\(#", f"url(#{name}-", value)


def _themed(value: str) -> str:
    value = re.sub(r"\bfont-family: [^;]*; ?", "", value)
    value = re.sub(r"\bfont: ([\d.]+px) [^;]*", r"font-size: \1", value)  # matplotlib before 3.11
    return re.sub(r"#0000[0-9a-f]{2}\b", lambda m: PLACEHOLDERS.get(m[0], m[0]), value)
