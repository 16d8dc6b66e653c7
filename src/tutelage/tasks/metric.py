"""A metric that can choose settings and lead reports."""

import math
from dataclasses import dataclass

__all__ = ["Metric", "by_name", "share_error"]


@dataclass(frozen=True)
class Metric:
    """A metric that can lead: the higher the better, and 1 at best.

    Attributes:
        name: Its key in results and settings.
        label: Its name in sentences.
        percent: Whether it is a share, which people read in percent.
    """

    name: str
    label: str
    percent: bool = True

    @property
    def display_factor(self) -> float:
        """100 for metrics shown in percent, else 1."""
        return 100.0 if self.percent else 1.0

    @property
    def counts_rows(self) -> bool:
        """Whether it is the share of rows that are right, so that ``share_error`` is its error."""
        return self.name in ("accuracy", "subset_accuracy")


def by_name(*metrics: Metric) -> dict[str, Metric]:
    """Return metrics by their names."""
    return {metric.name: metric for metric in metrics}


def share_error(share: float, rows: int) -> float:
    """Return the standard error of a share of rows, ``sqrt( p (1 - p) / n )``.

    Args:
        share: ``p``, 0 to 1.
        rows: ``n``, at least one.

    Example:
        >>> share_error(0.5, 100)
        0.05
    """
    return math.sqrt(share * (1 - share) / rows)
