"""An evaluation as tables and sentences."""

from rich.console import Console
from rich.text import Text

from tutelage.deploy.evaluate import Evaluation
from tutelage.report.tables import Column
from tutelage.report.terminal import column_table, print_table
from tutelage.report.units import ascii_only
from tutelage.tasks import Interval, Share, most_confused_pairs

__all__ = [
    "class_columns",
    "headline",
    "in_percent",
    "metric_columns",
    "pair_columns",
    "print_evaluation",
    "sentences",
    "teacher_columns",
]

LISTED = 30
"""Classes that a terminal lists; of more those with the lowest F1."""
PAIRS = 10
"""Pairs of confused classes that are listed."""
SPACE = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"


def headline(evaluation: Evaluation) -> str:
    """Return the leading metric with its interval, and what it is of, in a sentence."""
    lead = evaluation.task.lead
    rows = f"{len(evaluation.ids):,} {evaluation.split} rows"
    if (interval := evaluation.metrics.get(lead.name)) is None:
        return f"{lead.label} is undefined on these {rows}"
    value = _number(interval.value, percent=lead.percent)
    label = lead.label[0].upper() + lead.label[1:]
    return f"{label} is {value} on {rows}{_within(interval, percent=lead.percent)}"


def sentences(evaluation: Evaluation) -> list[str]:
    """Return what the figures say: the run's own report, calibration, temperature, teachers."""
    return [
        *_reported(evaluation),
        *_calibrated(evaluation),
        *_compared(evaluation),
        *_left_out(evaluation),
    ]


def _reported(evaluation: Evaluation) -> list[str]:
    lead = evaluation.task.lead
    before, now = evaluation.reported.get(lead.name), evaluation.metrics.get(lead.name)
    if before is None or now is None:
        return []
    if abs(before - now.value) < 5e-7:
        return [f"The run reported the same {lead.label}."]
    return [
        f"The run reported {_number(before, percent=lead.percent)}: another device, precision, library "
        "version or batch size computes slightly other outputs, and changed files others."
    ]


def _calibrated(evaluation: Evaluation) -> list[str]:
    calibration, temperature = evaluation.calibration, evaluation.temperature
    if calibration is None:
        return []
    error = in_percent(calibration.error)
    sure = "too high" if calibration.is_overconfident else "too low"
    side = f": probabilities are on average {sure}" if error != in_percent(0.0) else ""
    told = [f"The expected calibration error is {error}{side}."]
    if temperature is None:
        return told
    if not temperature.is_determined:
        return [*told, "No temperature is determined by these rows."]
    return [
        *told,
        f"Logits divided by {temperature.value:.3g} suit these rows best; on halves held out, such a "
        f"temperature changes that error from {in_percent(temperature.error_before)} to "
        f"{in_percent(temperature.error_after)}, and the cross-entropy from {temperature.loss_before:.4f} to "
        f"{temperature.loss_after:.4f} nats. Classes stay the same.",
    ]


def _compared(evaluation: Evaluation) -> list[str]:
    one = evaluation.teachers
    if one is None:
        return []
    what = "rows" if evaluation.task.labels_are_classes else "labels"
    return [
        f"Student and teachers' probe give the same answer for {in_percent(one.same)} of the {what}; the "
        f"student alone is right for {in_percent(one.student)}, the probe alone for {in_percent(one.probe)}."
    ]


def _left_out(evaluation: Evaluation) -> list[str]:
    told = []
    if evaluation.unlabelled:
        told.append(f"{_rows(evaluation.unlabelled)} left out for lack of a label.")
    if evaluation.skipped:
        name, reason = next(iter(evaluation.skipped.items()))
        more = f", and {len(evaluation.skipped) - 1} more" if len(evaluation.skipped) > 1 else ""
        told.append(
            f"{_rows(len(evaluation.skipped))} left out because they cannot be read ({name}: "
            f"{reason.partition(chr(10))[0]}{more})."
        )
    return told


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count:,} rows are"


def metric_columns(evaluation: Evaluation) -> list[Column]:
    """Return a row for each metric: its value, the interval, and what the run reported."""
    known = evaluation.task.metrics
    names = list(evaluation.metrics)
    shown = [(one in known and known[one].percent) or one == "subset_accuracy" for one in names]
    values = list(evaluation.metrics.values())
    labels = tuple(known[name].label if name in known else name for name in names)
    written = [
        Column("metric", labels, text=True),
        Column("value", tuple(map(_number, (v.value for v in values), shown))),
        Column("95 % interval", tuple(map(_span, values, shown))),
    ]
    if evaluation.reported:
        reported = [evaluation.reported.get(name) for name in names]
        cells = tuple(
            "" if value is None else _number(value, percent)
            for value, percent in zip(reported, shown, strict=True)
        )
        written.append(Column("as the run reported", cells))
    return written


def class_columns(evaluation: Evaluation, *, most: int | None = None) -> list[Column]:
    """Return a row for each class, label or target.

    Args:
        evaluation: The evaluation.
        most: Largest number of classes; of more those with the lowest F1.
    """
    if evaluation.targets:
        targets = evaluation.targets
        return [
            Column("target", tuple(one.name for one in targets), text=True),
            Column("rows", tuple(f"{one.rows:,}" for one in targets)),
            Column("RMSE", tuple(f"{one.rmse:.4g}" for one in targets)),
            Column("MAE", tuple(f"{one.mae:.4g}" for one in targets)),
            Column("R²", tuple("" if one.r2 is None else f"{one.r2:.3f}" for one in targets)),
        ]
    classes = evaluation.classes
    if most is not None and len(classes) > most:
        classes = sorted(classes, key=lambda one: -1.0 if one.f1 is None else one.f1)[:most]
    head = "class" if evaluation.task.labels_are_classes else "label"
    return [
        Column(head, tuple(one.name for one in classes), text=True),
        Column("rows", tuple(f"{one.rows:,}" for one in classes)),
        Column("recall", tuple(_share(one.recall) for one in classes)),
        Column("precision", tuple(_share(one.precision) for one in classes)),
        Column("F1", tuple("" if one.f1 is None else in_percent(one.f1) for one in classes)),
    ]


def pair_columns(evaluation: Evaluation) -> list[Column]:
    """Return the pairs of classes that are confused most often; empty where there are none."""
    if (matrix := evaluation.confusion) is None:
        return []
    names, pairs = evaluation.task.names, most_confused_pairs(matrix, most=PAIRS)
    if not pairs:
        return []
    return [
        Column("rows of", tuple(names[one.label] for one in pairs), text=True),
        Column("taken for", tuple(names[one.given] for one in pairs), text=True),
        Column("rows", tuple(f"{one.rows:,}" for one in pairs)),
        Column("share of the class", tuple(in_percent(one.share) for one in pairs)),
    ]


def teacher_columns(evaluation: Evaluation) -> list[Column]:
    """Return which of student and teachers' probe is right; empty if that was not asked for."""
    one = evaluation.teachers
    if one is None:
        return []
    shares = {
        "both right": one.both,
        "student alone right": one.student,
        "probe alone right": one.probe,
        "neither right": one.neither,
    }
    return [
        Column("answers", tuple(shares), text=True),
        Column("share", tuple(map(in_percent, shares.values()))),
    ]


def print_evaluation(evaluation: Evaluation, *, console: Console) -> None:
    """Print the headline, the tables and the sentences."""
    console.print(Text(ascii_only(headline(evaluation))), soft_wrap=True)
    classes = class_columns(evaluation, most=LISTED)
    for content in (
        metric_columns(evaluation),
        classes,
        pair_columns(evaluation),
        teacher_columns(evaluation),
    ):
        if content and content[0].cells:
            console.print()
            table = column_table(content, ruled=console.is_terminal)
            print_table(table, console=console)
    if len(evaluation.classes) > LISTED:
        console.print(f"these are the {LISTED} of {len(evaluation.classes)} with the lowest F1")
    console.print()
    for sentence in sentences(evaluation):
        console.print(Text(ascii_only(sentence)), soft_wrap=not console.is_terminal)


def _number(value: float, percent: bool) -> str:
    return in_percent(value, decimals=2) if percent else f"{value:.4g}"


def in_percent(value: float, *, decimals: int = 1) -> str:
    """Return a share as people read it: ``62.5 %``."""
    return f"{100 * value:.{decimals}f}{SPACE}%"


def _span(interval: Interval, percent: bool) -> str:
    if interval.low is None or interval.high is None:
        return ""
    low, high = _number(interval.low, percent), _number(interval.high, percent)
    return f"{low.removesuffix(f'{SPACE}%')}{SPACE}{DASH}{SPACE}{high}"


def _within(interval: Interval, *, percent: bool) -> str:
    span = _span(interval, percent)
    return f" (95{SPACE}%: {span.replace(DASH, 'to')})" if span else ""


def _share(share: Share) -> str:
    if share.value is None:
        return ""
    low, high = (f"{100 * end:.0f}" for end in share.interval)
    return f"{in_percent(share.value)} ({low}{DASH}{high})"
