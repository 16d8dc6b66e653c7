"""What a student gets right and wrong, row by row and class by class: a part of the page."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tutelage.report.class_scores import ClassBars, class_bars, target_table
from tutelage.report.confusion import Matrix, matrix_view, pair_table
from tutelage.report.facts import Table, metric_table
from tutelage.report.figures import Plot, plot_of
from tutelage.report.gallery import Gallery, gallery
from tutelage.report.row_plots import reliability_plot, scatter_plot
from tutelage.report.units import SPACE
from tutelage.results.comparison import Comparison, Row
from tutelage.results.examples import Examples, read_examples
from tutelage.results.predictions import Predictions, read_predictions
from tutelage.results.runs import Run
from tutelage.tasks import (
    TASKS,
    Task,
    calibration,
    class_scores,
    confusion_matrix,
    has_label,
    target_scores,
)

__all__ = ["Work", "work_of"]

MOST_SCATTERS = 6
OLD = (
    "The run's folder holds no predictions of the evaluated rows, as runs of version 0.1 left none, so "
    "what the student gets wrong is not shown. Train again to see it."
)


@dataclass(frozen=True)
class Work:
    """What a student gets right and wrong.

    Attributes:
        about: Which run it is, on which rows.
        metrics: All its metrics.
        matrix: Which classes are taken for which.
        pairs: The largest errors between two classes.
        bars: Recall and precision of each class or label.
        targets: Errors of each target.
        plots: Calibration, or predicted against true targets.
        wrong: The rows that are most wrong.
        doubted: The rows whose labels are most in doubt.
        notes: Why something is not shown.
    """

    about: str = ""
    metrics: Table | None = None
    matrix: Matrix | None = None
    pairs: Table | None = None
    bars: ClassBars | None = None
    targets: Table | None = None
    plots: tuple[Plot, ...] = ()
    wrong: Gallery | None = None
    doubted: Gallery | None = None
    notes: tuple[str, ...] = ()


def work_of(comparison: Comparison) -> Work | None:
    """Return what one student of a comparison gets right and wrong.

    It is that of the row that the verdict is about, else of the first, and of its first seed. None where
    several students or shares of the rows are compared, or the run is not in a folder.

    Raises:
        DataError: If the run's files are damaged.
    """
    row = comparison.foremost or next(iter(comparison.finished), None)
    if row is None or not row.runs or len(comparison.cells) > 1:
        return None
    run = row.runs[0]
    if run.folder is None or not run.result.files:
        return None
    predictions, examples = read_predictions(run.folder), read_examples(run.folder)
    if predictions is None and examples is None:
        return Work(notes=(OLD,))
    task = TASKS[run.result.task](tuple(run.result.classes), run.result.lead)
    several = len(comparison.runs) > 1
    about = _about(row, run, predictions, examples, named=several)
    work = Work(about, metric_table(run.result))
    if predictions is not None and bool(has_label(predictions.labels).any()):
        work = _measured(work, task, predictions)
    return work if examples is None else _shown(work, task, examples)


def _about(
    row: Row, run: Run, predictions: Predictions | None, examples: Examples | None, *, named: bool
) -> str:
    who = f"{row.label}, seed {run.result.seed}, on " if named else "On "
    if predictions is None:
        assert examples is not None
        return f"{who}{examples.evaluated:,} {examples.split} rows."
    labelled = int(has_label(predictions.labels).sum())
    if examples is not None and not named and not predictions.is_drawn:
        return ""  # the captions say it
    if predictions.is_drawn:
        return (
            f"{who}a draw of {labelled:,} of {predictions.rows:,} {predictions.split} rows, whose outputs "
            "the run's folder keeps."
        )
    return f"{who}{labelled:,} {predictions.split} rows."


def _measured(work: Work, task: Task, predictions: Predictions) -> Work:
    """Add the parts that follow from outputs and labels."""
    outputs, labels = predictions.outputs, predictions.labels
    if not task.has_classes:
        return replace(
            work,
            targets=target_table(target_scores(task, outputs, labels)),
            plots=tuple(_scatters(task, predictions)),
        )
    work = replace(
        work,
        bars=class_bars(class_scores(task, outputs, labels), word=task.outputs_word),
        plots=tuple(_reliability(task, predictions)),
    )
    if not task.labels_are_classes:
        return work
    matrix = confusion_matrix(outputs, labels)
    return replace(
        work,
        matrix=matrix_view(matrix, task.names),
        pairs=pair_table(matrix, task.names) if task.outputs > 2 else None,
    )


def _shown(work: Work, task: Task, examples: Examples) -> Work:
    """Add the parts that show single rows."""
    shares = task.has_classes
    told = ' "Teachers" is a linear probe on the teachers\' features that did not see these labels.'
    known = any(answer.teachers is not None for one in examples.wrong for answer in one.answers)
    if shares:
        wrong = (
            f"{examples.wrong_rows:,} of {examples.evaluated:,} {examples.split} rows are wrong; these are "
            f"the {len(examples.wrong):,} with the greatest loss."
        )
    else:
        wrong = (
            f"The {len(examples.wrong):,} of {examples.evaluated:,} {examples.split} rows with the largest "
            "errors."
        )
    counts = [
        f"{count:,} of {examples.checked_rows[split]:,} {split} rows"
        for split, count in examples.doubted_rows.items()
    ]
    doubted = (
        f"A linear probe on the teachers' features, which did not see these labels, contradicts those of "
        f"{' and '.join(counts)}; {len(examples.doubted):,} are shown, the likeliest errors first."
    )
    return replace(
        work,
        wrong=gallery(examples.wrong, caption=wrong + told * known, shares=shares),
        doubted=gallery(examples.doubted, caption=doubted, shares=shares, splits=True),
        notes=examples.notes,
    )


def _reliability(task: Task, predictions: Predictions) -> Iterator[Plot]:
    found = calibration(task, predictions.outputs, predictions.labels)
    if found is None:
        return
    which = "above" if found.is_overconfident else "below"
    caption = (
        f"How often answers are right, by the student's probability of them; on the dashed line the two "
        f"are equal. The expected calibration error is {100 * found.error:.1f}{SPACE}%: probabilities are "
        f"on the whole {which} the share that is right."
    )
    yield plot_of(reliability_plot(found), "reliability", "Calibration", caption)


def _scatters(task: Task, predictions: Predictions) -> Iterator[Plot]:
    for number, name in enumerate(task.names[:MOST_SCATTERS]):
        drawing, shown, known = scatter_plot(
            predictions.labels[:, number], predictions.outputs[:, number]
        )
        if drawing is None:
            continue
        caption = "A point a row; on the dashed line predictions are right."
        if shown < known:
            caption += f" {shown:,} of {known:,} rows are drawn."
        if len(task.names) > MOST_SCATTERS and number == MOST_SCATTERS - 1:
            caption += f" The first {MOST_SCATTERS} of {len(task.names)} targets are drawn."
        yield plot_of(drawing, f"scatter-{number}", f"{name}: predicted against true", caption)
