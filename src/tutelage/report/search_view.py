"""The tables, chart and sentences of a search; the chart has a line for each method."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tutelage.report.plots import LABEL_ABOVE, LONGEST, clipped, ticks
from tutelage.report.style import FONT, PAGE, Palette, figure
from tutelage.report.tables import Column
from tutelage.results.statistics import SampleMean

__all__ = ["Lane", "SearchView", "scaled", "search_plot"]


@dataclass(frozen=True)
class Lane:
    """The finished points of one method.

    Attributes:
        method: The method's name, which gives the color.
        label: Text above the points.
        scores: Where the points are, in units of the axis.
        chosen: Number of the point that was chosen; None where it is another method's.
    """

    method: str
    label: str
    scores: tuple[SampleMean, ...]
    chosen: int | None = None


@dataclass(frozen=True)
class SearchView:
    """What is shown of a search.

    Attributes:
        heading: Heading of its part of the page.
        reasons: Sentences on what was chosen and why.
        columns: The table of the page: a row for each point that was tried.
        short: The table of the terminal.
        title: What the chart shows.
        caption: How to read the chart.
        axis: Label of the chart's axis.
        lanes: The chart's lines from top to bottom.
        mark: Where standard fine-tuning is, a dashed line; None where it was not tried.
        costs: A table of what the search cost; empty where that is not known.
        verdict: The headline; empty where the runs on all training rows give it.
        advice: Sentences on what would help more.
    """

    heading: str
    reasons: tuple[str, ...]
    columns: tuple[Column, ...]
    short: tuple[Column, ...]
    title: str
    caption: str
    axis: str
    lanes: tuple[Lane, ...]
    mark: float | None
    costs: tuple[Column, ...] = ()
    verdict: str = ""
    advice: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """The chart in words, for readers who cannot see it."""
        lanes = [lane.label + ", chosen" * (lane.chosen is not None) for lane in self.lanes]
        return f"{self.title}. The best of each method: {'; '.join(lanes)}."


def scaled(score: SampleMean, factor: float) -> SampleMean:
    """Return a score in units of an axis."""
    error = None if score.error is None else factor * score.error
    return SampleMean(factor * score.mean, error, score.count)


def search_plot(view: SearchView, palette: Palette = PAGE) -> Figure:
    """Draw the points of each method on a line of its own; the chosen one has a ring."""
    lanes = view.lanes
    drawing, axes = figure(height=56 + 46 * len(lanes), palette=palette)
    if view.mark is not None:
        axes.axvline(view.mark, color=palette.muted, lw=1, dashes=(3, 3))
    for place, lane in enumerate(lanes):
        _draw(axes, lane, -float(place), palette=palette)
    axes.set_ylim(-len(lanes) + 0.6, 0.68)
    axes.set_yticks([])
    axes.margins(x=0.06)
    axes.xaxis.set_major_locator(ticks(5))
    axes.set_xlabel(view.axis)
    return drawing


def _draw(axes: Axes, lane: Lane, place: float, *, palette: Palette) -> None:
    axes.annotate(
        clipped(lane.label, LONGEST),
        (0, place + LABEL_ABOVE),
        xycoords=("axes fraction", "data"),
        va="center",
        color=palette.ink if lane.scores else palette.muted,
        fontsize=FONT,
        bbox={"facecolor": palette.paper, "edgecolor": "none", "pad": 1.0},
    )
    color = palette.method(lane.method)
    means = [score.mean for score in lane.scores]
    axes.plot(means, [place] * len(means), "o", color=color, markersize=6.5, alpha=0.6, mew=0)
    shown = {means.index(max(means))} if means else set()
    if lane.chosen is not None:
        shown.add(lane.chosen)
    for number in shown:
        error = lane.scores[number].error
        if error is not None:
            ends = [means[number] - error, means[number] + error]
            axes.plot(ends, [place, place], color=color, lw=1.6, solid_capstyle="butt")
    if lane.chosen is not None:
        axes.plot(
            [means[lane.chosen]],
            [place],
            "o",
            mfc=color,
            mec=palette.ink,
            mew=1.6,
            markersize=9.5,
        )
