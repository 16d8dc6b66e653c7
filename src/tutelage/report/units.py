"""Numbers as people read them; spaces inside a number and its unit do not break."""

from tutelage.results.statistics import SampleMean
from tutelage.tasks import Metric

__all__ = [
    "amount",
    "ascii_only",
    "duration",
    "gap",
    "metric_axis",
    "metric_capital",
    "metric_title",
    "parameters",
    "percent",
    "points",
    "score",
    "short",
]

SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
EN_DASH = "\N{EN DASH}"


FINE = 3
"""Decimals of a metric that is no share."""


def metric_title(metric: Metric) -> str:
    """Return the head of a column: ``accuracy %``, or ``R²`` where it is no share."""
    return f"{metric.label} %" if metric.percent else metric.label


def metric_axis(metric: Metric) -> str:
    """Return the label of an axis: ``accuracy, %``, or ``R²`` where it is no share."""
    return f"{metric.label}, %" if metric.percent else metric.label


def metric_capital(metric: Metric) -> str:
    """Return the metric's name as it begins a sentence."""
    return metric.label[0].upper() + metric.label[1:]


def score(mean: SampleMean, metric: Metric, *, decimals: int = 2) -> str:
    """A metric with its standard error: ``78.12 ± 0.31 %``, or ``0.781 ± 0.003`` where it is no share.

    Args:
        mean: As computed, at most 1.
        metric: Whether it is shown in percent.
        decimals: Of percent; others have three.
    """
    return percent(mean, decimals=decimals) if metric.percent else _plain(mean, f".{FINE}f")


def gap(difference: SampleMean, metric: Metric, *, decimals: int = 2) -> str:
    """A difference of a metric, signed: ``+1.80 ± 0.60`` points, or ``+0.018 ± 0.006``."""
    return (
        points(difference, decimals=decimals)
        if metric.percent
        else _plain(difference, f"+.{FINE}f")
    )


def percent(mean: SampleMean, *, decimals: int = 2) -> str:
    """A share with its standard error, in percent: ``78.12 ± 0.31 %``."""
    number = f"{100 * mean.mean:.{decimals}f}"
    return f"{number}{_error(mean, decimals)}{SPACE}%"


def points(difference: SampleMean, *, decimals: int = 2) -> str:
    """A difference of shares in points, signed: ``+1.80 ± 0.60``."""
    rounded = round(100 * difference.mean, decimals) + 0.0  # so that nothing is not minus nothing
    number = f"{rounded:+.{decimals}f}".replace("-", MINUS)
    return f"{number}{_error(difference, decimals)}"


def amount(difference: SampleMean, metric: Metric, *, signed: bool = True) -> str:
    """A difference in a sentence: ``+1.8 ± 0.6 points``, or ``+0.018 ± 0.006 in R²``."""
    text = gap(difference, metric, decimals=short(difference))
    unit = f"{SPACE}points" if metric.percent else f" in {metric.label}"
    return f"{text if signed else text[1:]}{unit}"


def short(difference: SampleMean) -> int:
    """Decimals for a sentence: one, or two where one would show a bare zero."""
    numbers = [difference.mean] + ([difference.error] if difference.error else [])
    return 1 if all(abs(100 * number) >= 0.05 for number in numbers) else 2


def parameters(count: int) -> str:
    """A model's size: ``22.7 M``."""
    return _scaled(count, ("", "k", "M", "G", "T"))


def duration(seconds: float) -> str:
    """A time: ``4.2 s``, ``3 min 05 s``, ``2 h 07 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f}{SPACE}s"
    if seconds < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}{SPACE}min{SPACE}{rest:02d}{SPACE}s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}{SPACE}h{SPACE}{minutes:02d}{SPACE}min"


def ascii_only(text: str) -> str:
    """The same for a terminal, a log or a pipe: plain spaces and hyphens."""
    return text.replace(SPACE, " ").replace(MINUS, "-").replace(EN_DASH, "-")


def _plain(mean: SampleMean, form: str) -> str:
    number = format(round(mean.mean, FINE) + 0.0, form).replace("-", MINUS)
    error = "" if mean.error is None else f"{SPACE}±{SPACE}{mean.error:.{FINE}f}"
    return f"{number}{error}"


def _scaled(count: int, units: tuple[str, ...]) -> str:
    """Three digits and the unit; rounding may carry into the next unit."""
    number, steps = float(count), 0
    while float(f"{number:.3g}") >= 1000 and steps < len(units) - 1:
        number, steps = number / 1000, steps + 1
    return f"{number:.3g}{SPACE}{units[steps]}".rstrip(SPACE)


def _error(mean: SampleMean, decimals: int) -> str:
    if mean.error is None:
        return ""
    return f"{SPACE}±{SPACE}{100 * mean.error:.{decimals}f}"
