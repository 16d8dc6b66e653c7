"""The parts of a model card: what a student is, what it reaches, how it was made, where it ends."""

from collections.abc import Mapping

from tutelage.publish.measured import Measured
from tutelage.publish.origins import STUDENT, sources
from tutelage.regularizers.catalogue import label_of
from tutelage.report.facts import method_table, setup
from tutelage.report.speed import size_columns, speed_columns, speed_notes
from tutelage.report.tables import Column, markdown_escaped, markdown_table
from tutelage.report.units import SPACE, parameters
from tutelage.report.verdict import cautions, verdict
from tutelage.results.comparison import Comparison
from tutelage.results.latency import Latency
from tutelage.results.result import Result
from tutelage.tasks import TASKS

__all__ = ["limits", "models", "results", "speed", "summary", "training", "verdict_with_table"]


def summary(result: Result, modality: str) -> str:
    """One paragraph: the model, its task, how it learned."""
    what = TASKS[result.task].answer.format(len(result.classes))
    label = label_of(result.method)
    method = label if label.isupper() else label[0].lower() + label[1:]
    text = (
        f"A small model ({parameters(result.student.parameters)} parameters, "
        f"`{result.student.source}`) that gives {what} for {_rows_word(modality)}, trained with "
        f"tutelage by {method}"
    )
    if not result.teachers:
        return f"{text}."
    several = "s" if len(result.teachers) > 1 else ""
    names = " and ".join(markdown_escaped(one.name) for one in result.teachers)
    return f"{text} under the teacher{several} {names}. At use it runs alone, without teachers."


def _rows_word(modality: str) -> str:
    return {"image": "an image", "text": "a text"}.get(modality, "an image with a text")


def results(result: Result, measured: Measured) -> str:
    """The table of metrics with their intervals, and on what rows they were measured."""
    known = TASKS[result.task].metrics
    labels, values, intervals = [], [], []
    for name, one in measured.metrics.items():
        metric = known.get(name)
        factor = metric.display_factor if metric else 1.0
        unit = f"{SPACE}%" if metric and metric.percent else ""
        form = ".2f" if unit else ".4g"
        labels.append(metric.label if metric else name)
        values.append(f"{factor * one.value:{form}}{unit}")
        intervals.append(
            ""
            if one.low is None or one.high is None
            else f"{factor * one.low:{form}} to {factor * one.high:{form}}{unit}"
        )
    columns = [Column("metric", tuple(labels), text=True), Column("value", tuple(values))]
    if measured.draws is not None:
        columns.append(Column("95 % interval", tuple(intervals)))
    return "\n\n".join((markdown_table(columns), _measured_on(result, measured)))


def _measured_on(result: Result, measured: Measured) -> str:
    source = markdown_escaped(result.config["data"]["source"])
    text = f"Measured on {measured.rows:,} {_split_word(measured.split)} rows of {source}"
    if measured.draws is None:
        return text + "."
    return (
        f"{text}; intervals by {measured.draws} bootstrap draws of these rows, of accuracies Wilson's. "
        "They say what other rows of the same kind would change, not what another training would."
    )


def _split_word(split: str) -> str:
    return {"holdout": "held-out training"}.get(split, split)


def verdict_with_table(comparison: Comparison) -> str:
    """What the transfer changed over standard fine-tuning, and why scores may say nothing."""
    warned = "\n\n".join(f"**{markdown_escaped(sentence)}**" for sentence in cautions(comparison))
    if not any(row.difference is not None for row in comparison.rows):
        return warned
    table = method_table(comparison)
    text = len(table.head) - table.numbers
    columns = [
        Column(head[0].lower() + head[1:], cells, text=number < text)
        for number, (head, cells) in enumerate(
            zip(table.head, zip(*table.rows, strict=True), strict=True)
        )
    ]
    parts = (markdown_escaped(verdict(comparison)), markdown_table(columns), warned)
    return "\n\n".join(filter(None, parts))


def speed(latency: Latency | None) -> str:
    """The tables of ``tutelage latency``; empty where it was not run."""
    if latency is None:
        return ""
    rows = latency.rows.partition(", since")[0]  # reasons name files
    latency = latency.model_copy(update={"left_out": (), "rows": rows})
    tables = (markdown_table(size_columns(latency)), markdown_table(speed_columns(latency)))
    return "\n\n".join((*tables, markdown_escaped(" ".join(speed_notes(latency)))))


def training(comparison: Comparison) -> str:
    """A list of what the student was trained on and with."""
    lines = []
    for title, rows in setup(comparison):
        if title == "Machine":
            continue
        inner = "; ".join(
            f"{markdown_escaped(name.lower())}: {markdown_escaped(value)}" for name, value in rows
        )
        lines.append(f"- **{title}** {inner}")
    return "\n".join(lines)


def models(result: Result, licences: Mapping[str, str | None]) -> str:
    """The table of the models that had a part in it, with their licences; empty where nothing did."""
    trained = sources(result)
    rows = [(one.name, one.source, one.parameters) for one in result.teachers]
    if STUDENT in trained:
        rows.insert(0, ("the student before", result.student.source, result.student.parameters))
    if not rows:
        return ""
    keys = [STUDENT] * (STUDENT in trained) + [one.name for one in result.teachers]
    columns = [
        Column("model", tuple(name for name, _, _ in rows), text=True),
        Column("source", tuple(source for _, source, _ in rows), text=True),
        Column(
            "parameters",
            tuple("" if count is None else parameters(count) for _, _, count in rows),
        ),
        Column(
            "licence",
            tuple(
                (licences.get(key) or "not found") if key in trained else "random weights"
                for key in keys
            ),
            text=True,
        ),
    ]
    return (
        markdown_table(columns)
        + "\n\nLicences are those that the publishers of the weights state; data that these were "
        "trained on may have others."
    )


def limits(result: Result, measured: Measured, *, license: str | None) -> str:
    """A list of what the figures do not show, and where the student is weak."""
    lines = [
        "Nothing is known of rows of another kind than those measured: other sources, times, "
        f"languages or cameras. {_always_answers(result)}",
    ]
    if measured.weak:
        named = ", ".join(
            f"{markdown_escaped(name)} ({100 * recall:.0f}{SPACE}% of {rows:,} rows)"
            for name, recall, rows in measured.weak
        )
        lines.append(f"Lowest recall: {named}.")
    if measured.calibration_error is not None:
        lines.append(
            f"Probabilities are off by {100 * measured.calibration_error:.1f} points on average "
            "(expected calibration error on these rows)."
        )
    lines.append(
        "Biases of the training labels and of the pre-trained models, teachers included, may show in "
        "its answers."
    )
    lines += [markdown_escaped(doubt) for doubt in result.student.doubts]
    lines += [markdown_escaped(doubt) for one in result.teachers for doubt in one.doubts]
    if license is None:
        lines.append("No licence was chosen for this model yet.")
    return "\n".join(f"- {line}" for line in lines)


def _always_answers(result: Result) -> str:
    if not TASKS[result.task].labels_are_classes:
        return ""
    return "It always names one of its classes, whatever it is shown."
