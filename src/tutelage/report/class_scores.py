"""Recall and precision of each class as bars with intervals, and errors of each target, as tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from tutelage.report.confusion import clipped_name
from tutelage.report.facts import Table
from tutelage.report.units import MINUS, SPACE
from tutelage.tasks import ClassScore, Share, TargetScore

__all__ = ["Bar", "ClassBars", "class_bars", "target_table"]

FIRST = 20
MOST = 200
LONGEST = 60


@dataclass(frozen=True)
class Bar:
    """A share as a bar.

    Attributes:
        text: The share in percent.
        interval: Its 95 % interval in words.
        value: In percent, for the bar.
        low: Lower end of the interval, in percent.
        high: Upper end of the interval, in percent.
    """

    text: str
    interval: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassBars:
    """Classes or labels with their bars, those with the lowest recall first.

    Attributes:
        word: What they are: ``Class`` or ``Label``.
        first: Name, rows, recall and precision of those that are shown at once; None for a share of no
            rows.
        more: Of those that are folded.
        caption: What is shown of how much.
    """

    word: str
    first: tuple[tuple[str, str, Bar | None, Bar | None], ...]
    more: tuple[tuple[str, str, Bar | None, Bar | None], ...]
    caption: str


def class_bars(scores: Sequence[ClassScore], *, word: str) -> ClassBars:
    """Return the bars of classes or labels, at most 200 of them.

    Args:
        scores: All classes or labels.
        word: ``classes`` or ``labels``.
    """
    known = sorted(
        (one for one in scores if one.rows or one.precision.rows),
        key=lambda one: (one.recall.value is None, one.recall.value or 0.0, -one.rows),
    )
    lines = [
        (clipped_name(one.name, LONGEST), f"{one.rows:,}", _bar(one.recall), _bar(one.precision))
        for one in known[:MOST]
    ]
    caption = f"The {word} with the lowest recall come first; lines are 95{SPACE}% intervals."
    if len(known) > MOST:
        caption += f" {MOST} of {len(known):,} {word} are listed."
    if absent := len(scores) - len(known):
        caption += f" {absent:,} more {word} neither occur nor are given."
    singular = {"classes": "Class", "labels": "Label"}[word]
    first = FIRST if len(lines) > FIRST + 4 else len(lines)  # fold no handful
    return ClassBars(singular, tuple(lines[:first]), tuple(lines[first:]), caption)


def target_table(scores: Sequence[TargetScore]) -> Table:
    """Return the errors of each target."""
    return Table(
        ("Target", "Rows", "Mean absolute error", "Root mean squared error", "R²"),
        tuple(
            (
                clipped_name(one.name, LONGEST),
                f"{one.rows:,}",
                f"{one.mae:.4g}",
                f"{one.rmse:.4g}",
                "" if one.r2 is None else f"{one.r2:.3f}".replace("-", MINUS),
            )
            for one in scores[:MOST]
        ),
        numbers=4,
    )


def _bar(share: Share) -> Bar | None:
    if share.value is None:
        return None
    low, high = (100 * end for end in share.interval)
    return Bar(
        text=f"{100 * share.value:.0f}{SPACE}%",
        interval=f"{low:.0f} to {high:.0f}{SPACE}%",
        value=round(100 * share.value, 1),
        low=round(low, 1),
        high=round(high, 1),
    )
