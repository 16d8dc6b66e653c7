"""A figure of the page with its title and caption."""

from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from tutelage.report.svg import inline_svg

__all__ = ["Plot", "plot_of"]


@dataclass(frozen=True)
class Plot:
    """A figure with its title and caption."""

    title: str
    caption: str
    svg: Markup


def plot_of(figure: Figure, name: str, title: str, caption: str) -> Plot:
    """Return a figure whose description is its title and caption.

    Args:
        figure: Drawn in the colors of ``PAGE``.
        name: Prefix of its ids, different for each figure of a page.
        title: Heading above it.
        caption: Text below it.
    """
    return Plot(title, caption, inline_svg(figure, name=name, title=f"{title}. {caption}".rstrip()))
