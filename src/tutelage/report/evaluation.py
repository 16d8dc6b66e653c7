"""An evaluation as tables and sentences, for a terminal and for a page."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from rich.console import Console
from rich.text import Text

from tutelage.deploy.evaluate import Evaluation
from tutelage.files import write_atomically, writing_to
from tutelage.report.facts import Table, as_table
from tutelage.report.page import Plot
from tutelage.report.style import FONT, PAGE, Palette, figure
from tutelage.report.svg import inline_svg
from tutelage.report.tables import Column
from tutelage.report.templates import fill_page
from tutelage.report.terminal import column_table, print_table
from tutelage.report.units import ascii_only
from tutelage.tasks import Calibration, Interval, Share, most_confused_pairs

__all__ = [
    "class_columns",
    "headline",
    "metric_columns",
    "print_evaluation",
    "reliability_plot",
    "sentences",
    "write_evaluation_page",
]

LISTED = 30
"""Classes that a terminal lists; of more those with the lowest F1."""
PAIRS = 10
"""Pairs of confused classes that are listed."""
MATRIX = 12
"""Classes up to which the matrix is written out."""
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
    sure = "too high" if calibration.is_overconfident else "too low"
    told = [
        f"The expected calibration error is {_percent(calibration.error)}: probabilities are on average "
        f"{sure}."
    ]
    if temperature is None:
        return told
    if not temperature.is_determined:
        return [*told, "No temperature is determined by these rows."]
    return [
        *told,
        f"Logits divided by {temperature.value:.3g} suit these rows best; on halves held out, such a "
        f"temperature changes that error from {_percent(temperature.error_before)} to "
        f"{_percent(temperature.error_after)}, and the cross-entropy from {temperature.loss_before:.4f} to "
        f"{temperature.loss_after:.4f} nats. Classes stay the same.",
    ]


def _compared(evaluation: Evaluation) -> list[str]:
    one = evaluation.teachers
    if one is None:
        return []
    what = "rows" if evaluation.task.labels_are_classes else "labels"
    return [
        f"Student and teachers' probe give the same answer for {_percent(one.same)} of the {what}; the "
        f"student alone is right for {_percent(one.student)}, the probe alone for {_percent(one.probe)}."
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
        Column("F1", tuple("" if one.f1 is None else _percent(one.f1) for one in classes)),
    ]


def _pair_columns(evaluation: Evaluation) -> list[Column]:
    if (matrix := evaluation.confusion) is None:
        return []
    names, pairs = evaluation.task.names, most_confused_pairs(matrix, most=PAIRS)
    if not pairs:
        return []
    return [
        Column("rows of", tuple(names[one.label] for one in pairs), text=True),
        Column("taken for", tuple(names[one.given] for one in pairs), text=True),
        Column("rows", tuple(f"{one.rows:,}" for one in pairs)),
        Column("share of the class", tuple(_percent(one.share) for one in pairs)),
    ]


def _matrix(evaluation: Evaluation) -> Table | None:
    matrix, names = evaluation.confusion, evaluation.task.names
    if matrix is None or len(names) > MATRIX:
        return None
    counts = [[f"{int(count):,}" for count in row] for row in matrix]
    rows = tuple((name, *cells) for name, cells in zip(names, counts, strict=True))
    return Table(head=("Class", *names), rows=rows, numbers=len(names))


def _teacher_columns(evaluation: Evaluation) -> list[Column]:
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
        Column("share", tuple(map(_percent, shares.values()))),
    ]


def print_evaluation(evaluation: Evaluation, *, console: Console) -> None:
    """Print the headline, the tables and the sentences."""
    console.print(Text(ascii_only(headline(evaluation))), soft_wrap=True)
    classes = class_columns(evaluation, most=LISTED)
    for content in (
        metric_columns(evaluation),
        classes,
        _pair_columns(evaluation),
        _teacher_columns(evaluation),
    ):
        if content and content[0].cells:
            console.print()
            table = column_table(_plain(content), ruled=console.is_terminal)
            print_table(table, console=console)
    if len(evaluation.classes) > LISTED:
        console.print(f"these are the {LISTED} of {len(evaluation.classes)} with the lowest F1")
    console.print()
    for sentence in sentences(evaluation):
        console.print(Text(ascii_only(sentence)), soft_wrap=not console.is_terminal)


def _plain(content: Sequence[Column]) -> list[Column]:
    """With hyphens in place of dashes."""
    return [
        Column(one.head, tuple(cell.replace(DASH, "-") for cell in one.cells), one.text)
        for one in content
    ]


def write_evaluation_page(evaluation: Evaluation, path: Path) -> None:
    """Write a self-contained page; the same evaluation gives the same bytes.

    Raises:
        OutputError: If it cannot be written.
    """
    tables = {
        "metrics": metric_columns(evaluation),
        "classes": class_columns(evaluation),
        "pairs": _pair_columns(evaluation),
        "teachers": _teacher_columns(evaluation),
    }
    page = fill_page(
        "evaluation",
        title=evaluation.name,
        subtitle=f"{evaluation.source} · {evaluation.split}",
        headline=headline(evaluation),
        sentences=sentences(evaluation),
        reliability=_reliability(evaluation.calibration),
        matrix=_matrix(evaluation),
        outputs_word=evaluation.task.outputs_word.capitalize(),
        about_metrics=f"Intervals hold 95 % of {evaluation.draws:,} draws of the rows with replacement: what "
        "other rows of the same kind would change, not what another training would.",
        **{name: as_table(content) if content else None for name, content in tables.items()},
    )
    with writing_to(path, name="the page", advice="choose another path (--out)"):
        write_atomically(path, page)


def _reliability(calibration: Calibration | None) -> Plot | None:
    if calibration is None:
        return None
    title = "Reliability"
    caption = (
        "How often answers of a probability come true; on the line, probabilities mean what they say. "
        f"Larger points are more answers. Expected calibration error: {_percent(calibration.error)}."
    )
    drawing = reliability_plot(calibration)
    told = "; ".join(
        f"{one.confidence:.2f}: {one.frequency:.2f} of {one.count:,}" for one in calibration.bins
    )
    return Plot(title, caption, inline_svg(drawing, name="reliability", title=f"{title}. {told}"))


def reliability_plot(calibration: Calibration, *, palette: Palette = PAGE) -> Figure:
    """Draw how often answers are right by their probability, with the diagonal."""
    drawing, axes = figure(height=300, palette=palette)
    most = max(one.count for one in calibration.bins)
    axes.plot([0, 1], [0, 1], color=palette.muted, lw=1, dashes=(3, 3))
    axes.plot(
        [one.confidence for one in calibration.bins],
        [one.frequency for one in calibration.bins],
        color=palette.series[1],
        lw=1.2,
    )
    axes.scatter(
        [one.confidence for one in calibration.bins],
        [one.frequency for one in calibration.bins],
        s=[12 + 120 * one.count / most for one in calibration.bins],
        color=palette.series[1],
        zorder=3,
    )
    axes.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04))
    axes.set_xlabel("probability", fontsize=FONT)
    axes.set_ylabel("share that comes true", fontsize=FONT)
    return drawing


def _number(value: float, percent: bool) -> str:
    return _percent(value, decimals=2) if percent else f"{value:.4g}"


def _percent(value: float, *, decimals: int = 1) -> str:
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
    return f"{_percent(share.value)} ({low}{DASH}{high})"
