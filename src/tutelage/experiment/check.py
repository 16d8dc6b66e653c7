"""Check the rows of a data source, and their labels where teachers' features are cached."""

from collections.abc import Mapping
from dataclasses import dataclass

from tutelage.cache import Features
from tutelage.config import ExperimentConfig
from tutelage.data.check import Finding, find_faults, rows_to_check, scan_rows
from tutelage.data.check.findings import sorted_findings
from tutelage.data.check.rows import RowsToCheck
from tutelage.errors import CacheError, ConfigError, TutelageError
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import Teacher, teacher_rows
from tutelage.extraction.extract import feature_key
from tutelage.probes import cross_fitted
from tutelage.probes.label_errors import label_errors
from tutelage.progress import Progress
from tutelage.tasks import TASKS

__all__ = ["Checked", "check"]


@dataclass(frozen=True)
class Checked:
    """What a check found.

    Attributes:
        rows: Number of rows by split.
        unlabelled: Number of these rows that have no label, in splits where some have none.
        classes: Number of rows of each class by split; empty for regression.
        findings: All faults, the gravest first.
        notes: How the source was read, what was not checked and why, and how far the check of labels
            can be trusted.
    """

    rows: Mapping[str, int]
    unlabelled: Mapping[str, int]
    classes: Mapping[str, Mapping[str, int]]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no row is damaged and none leaks from one split into another."""
        return not any(finding.is_grave for finding in self.findings)


def check(
    config: ExperimentConfig, *, workers: int | None = None, progress: Progress | None = None
) -> Checked:
    """Decode every row once, and list damaged, repeated, leaking, odd and mislabelled ones.

    Memory holds about 1 kB a row. Rows of all splits are read, whatever ``data.evaluate`` says, but
    nothing is learned from test rows. Teachers compute nothing; where their features of the training
    rows are cached, a linear probe tells which labels they contradict.

    Args:
        config: Data and, if there are any, teachers.
        workers: Processes that decode; by default one a core, or none for few rows.
        progress: Receives progress reports. Silent by default.

    Raises:
        ConfigError: If the source or an option cannot be understood.
        DataError: If the source cannot be read as rows with labels.

    Example:
        >>> config = ExperimentConfig.model_validate(
        ...     {"data": {"source": "folder:flowers/"}, "transfer": {"method": "stl"}}
        ... )
        >>> [f.id for f in check(config).findings if f.kind == "damaged"]  # doctest: +SKIP
        ['train/rose/17.jpg']
    """
    rows = rows_to_check(config.data)
    runtime = Runtime.of(config, progress)
    findings = find_faults(rows, scan_rows(rows.inputs, workers=workers, progress=progress))
    notes = [*rows.data.notes, *([rows.note] if rows.note else []), *_without_label(rows)]
    if config.teachers:
        try:
            suspects, note = _label_errors(config, runtime)
        except TutelageError as error:
            notes.append(f"labels were not checked: {error}")
        else:
            findings, notes = findings + suspects, [*notes, note]
    return Checked(
        {split.name: len(split) for split in rows.splits},
        {split: len(ids) for split, ids in rows.without_label.items()},
        dict(rows.counts()),
        tuple(sorted_findings(findings)),
        tuple(notes),
    )


def _without_label(rows: RowsToCheck) -> list[str]:
    """Say what a run does with rows that have no label."""
    all_rows = {split.name: len(split) for split in rows.splits}
    does = {
        "train": "methods with teachers learn from them all the same, others leave them out",
        "validation": "they are not evaluated",
        "test": "they are not evaluated",
    }
    return [
        f"{len(ids)} of {all_rows[split]} {split} rows have no label (the first: {ids[0]!r}): {does[split]}"
        for split, ids in rows.without_label.items()
    ]


def _label_errors(config: ExperimentConfig, runtime: Runtime) -> tuple[list[Finding], str]:
    """Return training rows whose label the teachers' cached features contradict, and how often."""
    if not TASKS[config.data.task].labels_are_classes:
        raise ConfigError(f"data.task is {config.data.task!r}, and only one class a row can be")
    plan = Plan.of(config, trains=False)
    teachers = _cached(plan, runtime)
    if not teachers:
        raise CacheError(
            "no teacher's features of the training rows are cached; 'tutelage extract' computes them"
        )
    with runtime.progress.track("probe for the labels", 1, unit="probe") as update:
        logits = cross_fitted(
            teacher_rows(teachers, plan.training),
            plan.training.labels,
            task=plan.task,
            seed=config.data.split_seed,
            device=runtime.device,
        )
        update(1)
    names, labels = plan.data.classes, plan.training.labels
    agreed = 100 * (logits.argmax(dim=1) == labels).float().mean().item()
    note = (
        f"labels were checked by {' + '.join(teacher.name for teacher in teachers)}: a linear probe "
        f"that has not seen a row gives {agreed:.0f} % of the training rows their label"
    )
    suspects = [
        Finding(
            "label",
            plan.training.origin.split,
            plan.training.ids[error.row],
            names[error.label],
            other_label=names[error.likelier],
            detail=f"probability of {names[error.label]!r} {error.share:.2f}, "
            f"of {names[error.likelier]!r} {error.likelier_share:.2f}",
        )
        for error in label_errors(logits, labels)
    ]
    return suspects, note


def _cached(plan: Plan, runtime: Runtime) -> list[Teacher]:
    """Return the teachers whose features of the training rows are cached."""
    teachers = []
    for teacher in plan.teachers:
        runtime.progress.note(
            f"opening {teacher.name} ({teacher.config.source}) to look for its cached features"
        )
        source, split = teacher.open(), plan.splits.extracted.side(teacher.side)
        key = feature_key(source, split, dtype=plan.config.cache.dtype)
        features: Features | None = runtime.cache.open(key, split.ids)
        if features is not None:
            teachers.append(Teacher(teacher, source.parameters, features))
    return teachers
