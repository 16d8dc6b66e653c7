"""An evaluation as a self-contained page."""

from pathlib import Path

from tutelage.deploy.evaluate import Evaluation
from tutelage.files import write_atomically, writing_to
from tutelage.report.class_scores import class_bars
from tutelage.report.confusion import matrix_view, pair_table
from tutelage.report.evaluation import (
    class_columns,
    headline,
    in_percent,
    metric_columns,
    sentences,
    teacher_columns,
)
from tutelage.report.facts import as_table
from tutelage.report.figures import Plot
from tutelage.report.row_plots import reliability_plot
from tutelage.report.svg import inline_svg
from tutelage.report.templates import fill_page
from tutelage.tasks import Calibration

__all__ = ["write_evaluation_page"]


def write_evaluation_page(evaluation: Evaluation, path: Path) -> None:
    """Write a self-contained page; the same evaluation gives the same bytes.

    Raises:
        OutputError: If it cannot be written.
    """
    task, matrix = evaluation.task, evaluation.confusion
    tables = {
        "metrics": metric_columns(evaluation),
        "classes": class_columns(evaluation),
        "teachers": teacher_columns(evaluation),
    }
    page = fill_page(
        "evaluation",
        title=evaluation.name,
        subtitle=f"{evaluation.source} · {evaluation.split}",
        headline=headline(evaluation),
        sentences=sentences(evaluation),
        reliability=_reliability(evaluation.calibration),
        shares=class_bars(evaluation.classes, word=task.outputs_word)
        if evaluation.classes
        else None,
        matrix=None if matrix is None else matrix_view(matrix, task.names),
        pairs=None if matrix is None or task.outputs == 2 else pair_table(matrix, task.names),
        outputs_word=task.outputs_word.capitalize(),
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
        f"Larger points are more answers. Expected calibration error: {in_percent(calibration.error)}."
    )
    drawing = reliability_plot(calibration)
    told = "; ".join(
        f"{one.confidence:.2f}: {one.frequency:.2f} of {one.count:,}" for one in calibration.bins
    )
    return Plot(title, caption, inline_svg(drawing, name="reliability", title=f"{title}. {told}"))
