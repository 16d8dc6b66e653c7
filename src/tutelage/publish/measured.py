"""What a run's own evaluated rows tell of its student, for the model card."""

from collections.abc import Mapping
from dataclasses import dataclass

from tutelage.results.predictions import Predictions
from tutelage.results.result import Result
from tutelage.tasks import (
    TASKS,
    Interval,
    Task,
    bootstrap_scores,
    calibration,
    class_scores,
    draws_for,
)

__all__ = ["Measured"]

WEAK = 3
"""Classes that are named for their low recall."""


@dataclass(frozen=True)
class Measured:
    """What is known of a student from the rows that its run evaluated.

    Attributes:
        split: The rows: ``test`` or ``holdout``.
        rows: Their number.
        metrics: Every metric with its interval.
        draws: Draws of the bootstrap; None where the run kept no predictions, so there are no intervals.
        weak: Classes of low recall: names, recall (0 to 1) and rows, the lowest first.
        calibration_error: The expected calibration error, 0 to 1; None for regression.
    """

    split: str
    rows: int
    metrics: Mapping[str, Interval]
    draws: int | None = None
    weak: tuple[tuple[str, float, int], ...] = ()
    calibration_error: float | None = None

    @classmethod
    def of(cls, result: Result, predictions: Predictions | None) -> "Measured":
        """Measure the predictions of a run again; without them, take the figures of its result."""
        split = result.config["data"].get("evaluate", "test")
        rows, reported = result.rows[split], result.metrics[split]
        if predictions is None:
            named = {name: Interval(value) for name, value in reported.items() if name != "loss"}
            return cls(split, rows, named)
        task = TASKS[result.task](tuple(result.classes), result.lead)
        outputs, labels = predictions.outputs, predictions.labels
        draws = draws_for(len(labels))
        drawn = bootstrap_scores(task, outputs, labels, draws=draws)
        calibrated = calibration(task, outputs, labels)
        return cls(
            split,
            rows,
            {name: interval for name, interval in drawn.items() if name in reported},
            draws,
            _weakest(task, predictions),
            None if calibrated is None else calibrated.error,
        )


def _weakest(task: Task, predictions: Predictions) -> tuple[tuple[str, float, int], ...]:
    scores = class_scores(task, predictions.outputs, predictions.labels)
    known = [(one.name, one.recall.value, one.rows) for one in scores]
    counted = [(name, recall, rows) for name, recall, rows in known if recall is not None]
    return tuple(sorted(counted, key=lambda one: one[1])[:WEAK]) if len(counted) > WEAK else ()
