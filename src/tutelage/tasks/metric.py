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
    """Return the standard error of a share of rows, with two right and two wrong rows added.

        sqrt( q (1 - q) / (n + 4) ),   q = (n p + 2) / (n + 4)

    With many rows this is ``sqrt( p (1 - p) / n )``, which would be 0 where all rows are right, or
    none, however few they are.

    Args:
        share: ``p``, 0 to 1.
        rows: ``n``, at least one.

    Source:
        Agresti and Coull 1998, "Approximate is better than 'exact' for interval estimation of
        binomial proportions": the simple form of Wilson's interval.

    Example:
        >>> round(share_error(0.5, 1000), 4), round(share_error(1.0, 30), 4)
        (0.0158, 0.0404)
    """
    center = (rows * share + 2) / (rows + 4)
    return math.sqrt(center * (1 - center) / (rows + 4))
