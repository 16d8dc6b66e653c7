"""A metric that can choose settings and lead reports."""

from dataclasses import dataclass

__all__ = ["Metric", "by_name"]


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


def by_name(*metrics: Metric) -> dict[str, Metric]:
    """Return metrics by their names."""
    return {metric.name: metric for metric in metrics}
