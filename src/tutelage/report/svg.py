"""Save figures: as SVG inside the page, or as SVG, PDF and PNG files."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from tutelage.report.style import PAGE, PLACEHOLDERS

__all__ = ["inline_svg", "remove_figure", "save_figure"]

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
DOTS = 200

FILE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tutelage",
    "pdf.fonttype": 42,
    "font.family": ["DejaVu Sans"],
}
NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
METADATA = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "png": {"Software": None},
}


def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Write a figure as SVG, PDF and PNG; the same figure gives the same bytes.

    Args:
        figure: Drawn in real colors, as those of ``light()``.
        path: The files' path; each gets its suffix.
    """
    written = _files(path)
    for file, metadata in zip(written, METADATA.values(), strict=True):
        with _drawing():
            figure.savefig(file, dpi=DOTS, metadata=metadata, facecolor="white")
    return written


def remove_figure(path: Path) -> None:
    """Remove the files that ``save_figure`` wrote for an earlier figure, if they are there."""
    for file in _files(path):
        file.unlink(missing_ok=True)


def _files(path: Path) -> list[Path]:
    return [path.parent / f"{path.name}.{suffix}" for suffix in METADATA]


@contextmanager
def _drawing(**settings: str) -> Iterator[None]:
    with matplotlib.rc_context(FILE | settings), warnings.catch_warnings():
        # The viewer has the glyphs that the font for measuring lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def inline_svg(figure: Figure, *, name: str, title: str) -> Markup:
    """Return the figure as one ``<svg>`` element, the same bytes each time.

    Args:
        figure: Drawn in the colors of ``PAGE``, which become CSS variables.
        name: Prefix of every id, different for each figure of a page.
        title: Description for readers who cannot see the figure.
    """
    buffer = io.StringIO()
    with _drawing(**{"text.color": PAGE.ink}):
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
