"""Sizes, fonts and colors of all figures; a method has the same color everywhere."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from zlib import crc32

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from tutelage.regularizers.catalogue import BASELINE, PROBE
from tutelage.results.comparison import Row

__all__ = [
    "FONT",
    "PAGE",
    "PLACEHOLDERS",
    "Palette",
    "Stroke",
    "figure",
    "light",
    "panels",
    "strokes",
]

INCH = 72
FONT = 11
WIDTH = 340
COLORS = 11
SERIES = {
    BASELINE: 0,
    "aft": 1,
    PROBE: 2,
    f"aft+{PROBE}": 3,
    "kd": 4,
    "rkd": 5,
    "vkd": 6,
    "ft": 7,
    "btuning": 8,
    "cka": 9,
    "cospress": 10,
    "aft-identity": 3,
    "aft-dense": 5,
    "aft-nokernel": 7,
    "aft-bilevel": 8,
    "aft-rbf": 9,
}
"""Color of each method; others take one by the checksum of their name."""
DASHES: tuple[tuple[float, ...], ...] = ((), (4, 2), (1.5, 1.5), (7, 2, 1.5, 2))
"""Rows of one color differ by their dashes."""

VARIABLES = ("ink", "muted", "rule", "paper", *(f"series-{index}" for index in range(COLORS)))
PLACEHOLDERS = {
    f"#0000{index:02x}": f"var(--{name})" for index, name in enumerate(VARIABLES, start=1)
}
"""Colors that stand for the page's CSS variables, so that one drawing serves light and dark."""


@dataclass(frozen=True)
class Palette:
    """Colors of a figure."""

    ink: str
    muted: str
    rule: str
    paper: str
    series: tuple[str, ...]

    @classmethod
    def of(cls, colors: Iterable[str]) -> "Palette":
        """Return the palette of colors in the order of ``VARIABLES``."""
        ink, muted, rule, paper, *series = colors
        return cls(ink, muted, rule, paper, tuple(series))

    def method(self, name: str) -> str:
        """Return the color of a method."""
        return self.series[SERIES.get(name, 1 + crc32(name.encode()) % (COLORS - 1))]


PAGE = Palette.of(PLACEHOLDERS)


@cache
def light() -> Palette:
    """The page's light colors, as its style sheet has them, on white."""
    text = (files("tutelage.report") / "page.css").read_text(encoding="utf-8")
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", text.partition("@media")[0]))
    colors |= {"series-1": colors["accent"], "paper": "#ffffff"}
    return Palette.of(colors[name] for name in VARIABLES)


@dataclass(frozen=True)
class Stroke:
    """Color and dashes of a row's lines."""

    color: str
    dashes: tuple[float, ...] = ()


def strokes(rows: Iterable[Row], palette: Palette = PAGE) -> dict[str, Stroke]:
    """Return each row's stroke by its label; no two rows have the same, as far as dashes reach."""
    found: dict[str, Stroke] = {}
    for row in rows:
        color = palette.method(row.method)
        before = sum(stroke.color == color for stroke in found.values())
        found[row.label] = Stroke(color, DASHES[before % len(DASHES)])
    return found


def figure(*, height: float, width: float = WIDTH, palette: Palette = PAGE) -> tuple[Figure, Axes]:
    """Return an empty figure in CSS pixels; its default is as wide as a phone's column."""
    drawing, axes = panels(1, height=height, width=width, palette=palette)
    return drawing, axes[0]


def panels(
    count: int, *, height: float, width: float = WIDTH, palette: Palette = PAGE
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure of several panels, one below another, with one x axis.

    Args:
        count: Number of panels.
        height: Of the whole figure in CSS pixels.
        width: In CSS pixels.
        palette: Its colors.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)
    drawing = Figure(figsize=(width / INCH, height / INCH), layout=layout)
    grid = drawing.subplots(count, 1, sharex=True, squeeze=False)
    for axes in grid[:, 0]:
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(palette.rule)
        axes.tick_params(length=0, labelsize=FONT, labelcolor=palette.muted, pad=5)
        axes.grid(color=palette.rule, lw=0.8)
        axes.set_axisbelow(True)
        for axis in (axes.xaxis, axes.yaxis):
            axis.label.set(color=palette.muted, fontsize=FONT)
    return drawing, list(grid[:, 0])
