"""Measure a finished run on labelled rows: metrics, classes, confusion, calibration."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

from tutelage.config.data import DataConfig
from tutelage.deploy.agreement import Agreement, agreement, probe_outputs
from tutelage.deploy.labelled import LabelledRows, labelled_rows
from tutelage.deploy.predict_source import stream_splits
from tutelage.deploy.saved import SavedRun
from tutelage.deploy.stream import Computing
from tutelage.errors import ConfigError, DataError
from tutelage.progress import Progress, Silent
from tutelage.tasks import (
    Calibration,
    ClassScore,
    Interval,
    TargetScore,
    Task,
    Temperature,
    bootstrap_scores,
    calibration,
    class_scores,
    confusion_matrix,
    draws_for,
    target_scores,
    temperature_by_holdout,
)

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True)
class Evaluation:
    """What a run's student does on labelled rows.

    Attributes:
        folder: The run's folder.
        name: The run's name.
        source: The data.
        split: Name of the split.
        task: The meaning of outputs and labels.
        ids: Ids of the rows.
        outputs: The student's outputs: logits, or targets in their units.
        labels: Labels of the rows.
        metrics: Every metric, with its interval.
        draws: Number of draws of the bootstrap.
        reported: The metrics that the run reported on these rows; empty for other rows.
        unlabelled: Number of rows without a label, which are left out.
        skipped: Why rows could not be read, by id.
        teachers: Agreement with the teachers' probe; None if it was not asked for.
    """

    folder: Path
    name: str
    source: str
    split: str
    task: Task
    ids: list[str]
    outputs: Float32[Tensor, "rows outputs"]
    labels: Shaped[Tensor, "rows ..."]
    metrics: Mapping[str, Interval]
    draws: int
    reported: Mapping[str, float] = field(default_factory=dict)
    unlabelled: int = 0
    skipped: Mapping[str, str] = field(default_factory=dict)
    teachers: Agreement | None = None

    @property
    def classes(self) -> list[ClassScore]:
        """Precision and recall of each class or label; empty for regression."""
        return class_scores(self.task, self.outputs, self.labels)

    @property
    def targets(self) -> list[TargetScore]:
        """Errors of each target; empty for tasks with classes."""
        return target_scores(self.task, self.outputs, self.labels)

    @property
    def confusion(self) -> Int64[Tensor, "classes classes"] | None:
        """Rows by class and predicted class; None where a row may have several."""
        if not self.task.labels_are_classes:
            return None
        return confusion_matrix(self.outputs, self.labels)

    @property
    def calibration(self) -> Calibration | None:
        """Probabilities against how often they come true; None for regression."""
        return calibration(self.task, self.outputs, self.labels)

    @property
    def temperature(self) -> Temperature | None:
        """The temperature of these rows; None for regression, or of fewer than four."""
        return temperature_by_holdout(self.task, self.outputs, self.labels)

    def as_json(self) -> dict[str, Any]:
        """Return all figures as JSON has them."""
        confusion, reliability = self.confusion, self.calibration
        return {
            "run": str(self.folder),
            "source": self.source,
            "split": self.split,
            "task": self.task.kind,
            "names": list(self.task.names),
            "rows": len(self.ids),
            "rows_without_label": self.unlabelled,
            "unreadable": dict(self.skipped),
            "draws": self.draws,
            "metrics": {name: asdict(one) for name, one in self.metrics.items()},
            "reported": dict(self.reported),
            "classes": [
                {
                    "name": one.name,
                    "rows": one.rows,
                    "recall": one.recall.value,
                    "recall_interval": list(one.recall.interval),
                    "precision": one.precision.value,
                    "precision_interval": list(one.precision.interval),
                    "f1": one.f1,
                }
                for one in self.classes
            ],
            "targets": [asdict(one) for one in self.targets],
            "confusion": None if confusion is None else confusion.tolist(),
            "calibration": None
            if reliability is None
            else {"error": reliability.error, "bins": [asdict(one) for one in reliability.bins]},
            "temperature": None if (one := self.temperature) is None else asdict(one),
            "teachers": None if self.teachers is None else asdict(self.teachers),
        }


def evaluate(
    run: SavedRun,
    source: str | None = None,
    *,
    config: DataConfig | None = None,
    split: str | None = None,
    teachers: bool = False,
    skip_unreadable: bool = False,
    draws: int | None = None,
    computing: Computing | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a run's student on labelled rows.

    Args:
        run: The run.
        source: A data string, a folder with class folders, or a table; by default the rows that the
            run itself reported.
        config: Settings of the data with the options of ``source``; by default those of the run.
        split: The split; by default the test split, or the only one.
        teachers: Compare with a linear probe on the teachers' features; only for the run's own rows.
        skip_unreadable: Leave out rows that cannot be read.
        draws: Draws of the bootstrap.
        computing: Device, batch size and workers; by default those of training.
        progress: Receives progress reports. Silent by default.

    Raises:
        DataError: If rows cannot be read, have no labels, or labels that the run does not know.
        ConfigError: If teachers are asked for and cannot be compared with.

    Example:
        >>> evaluate(SavedRun.open(Path("runs/flowers"))).metrics["accuracy"]  # doctest: +SKIP
        Interval(value=0.9312, low=0.9188, high=0.9430)
    """
    progress = progress or Silent()
    if teachers and (source is not None or split is not None):
        raise ConfigError(
            "--teachers compares on the rows that the run itself reported, whose teachers' features are "
            "known; leave out DATA and --split"
        )
    if teachers and not run.task.has_classes:
        raise ConfigError("--teachers compares classes, and regression has none; leave it out")
    rows = labelled_rows(run, source, config or run.config.data, split=split)
    for note in rows.notes:
        progress.note(note)
    ids, outputs, labels, skipped = _outputs(
        run, rows, computing or Computing.of(run), skip_unreadable, progress
    )
    draws = draws_for(len(ids)) if draws is None else draws
    with progress.track("bootstrap", draws, unit="draws") as update:
        metrics = bootstrap_scores(run.task, outputs, labels, draws=draws, update=update)
    compared = None
    if teachers:
        probe = probe_outputs(run, ids, progress=progress)
        compared = agreement(run.task, outputs, probe, labels)
    return Evaluation(
        folder=run.folder,
        name=run.result.name,
        source=rows.source,
        split=rows.split.name,
        task=run.task,
        ids=ids,
        outputs=outputs,
        labels=labels,
        metrics=metrics,
        draws=draws,
        reported=run.result.metrics.get(rows.split.name, {}) if rows.own else {},
        unlabelled=rows.unlabelled,
        skipped=skipped,
        teachers=compared,
    )


def _outputs(
    run: SavedRun,
    rows: LabelledRows,
    computing: Computing,
    skip_unreadable: bool,
    progress: Progress,
) -> tuple[list[str], Tensor, Tensor, dict[str, str]]:
    """Ids, outputs and labels of the rows that can be read, and why the others cannot."""
    split, skipped = rows.split, dict[str, str]()
    outputs = torch.empty(len(split), run.task.outputs)
    kept: list[int] = []
    for _, piece in stream_splits(
        run, [split], computing, skip_unreadable=skip_unreadable, progress=progress
    ):
        outputs[len(kept) : len(kept) + len(piece.rows)] = piece.outputs
        kept += piece.rows
        skipped |= {split.ids[row]: reason for row, reason in piece.unread.items()}
    if not kept:
        raise DataError(f"none of the {len(split)} rows can be read, so nothing can be measured")
    ids = [split.ids[row] for row in kept]
    return ids, outputs[: len(kept)], split.labels[kept], skipped
