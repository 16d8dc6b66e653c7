"""A comparison's numbers: each row's mean over seeds, and how it stands to standard fine-tuning."""

from collections.abc import Iterable, Sequence

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from tutelage.regularizers.catalogue import BASELINE
from tutelage.results.statistics import (
    Difference,
    SampleMean,
    correlation,
    difference_of_means,
    sample_mean,
)
from tutelage.tasks import Metric, SingleLabel

__all__ = ["MethodSummary", "ResultTable", "Row", "Scores", "result_table"]


class Part(BaseModel):
    """Tables of before said ``accuracies`` and ``accuracy``, and are read as those of now."""

    model_config = ConfigDict(frozen=True)


class Scores(Part):
    """What the runs of one row gave, which differ in nothing but their seed.

    Attributes:
        student: What the table calls it.
        fraction: Of the training rows.
        method: The method's name.
        teachers: Their names; empty for a method without teachers.
        settings: ``beta`` and what else the method was given, by name.
        values: The metric on the evaluated rows, by seed; of the runs that finished.
        failures: Why the others did not, by seed.
        probe: The metric of the linear probe on the teachers' features; None where there are no
            teachers, or they could not be probed.
    """

    student: str
    fraction: float
    method: str
    teachers: tuple[str, ...]
    settings: dict[str, float]
    values: dict[int, float] = Field(validation_alias=AliasChoices("values", "accuracies"))
    failures: dict[int, str] = {}
    probe: float | None = None

    @property
    def reason(self) -> str:
        """Why runs failed, in one line; empty where none did."""
        reasons = set(self.failures.values())
        if len(reasons) == 1 and not self.values:
            return reasons.pop()
        return "; ".join(f"seed {seed}: {reason}" for seed, reason in self.failures.items())


class Row(Scores):
    """A row of the table: the scores, and the numbers that follow from them.

    Attributes:
        score: Mean over the seeds that finished, with its standard error; None where none did.
        relative_error: (1 - score) / (1 - score of standard fine-tuning) on the same rows with
            the same student; None where that was not run, or makes no error.
        difference: How far the score lies above that of standard fine-tuning, paired over seeds;
            None for standard fine-tuning itself, or where that was not run.
    """

    score: SampleMean | None = Field(validation_alias=AliasChoices("score", "accuracy"))
    relative_error: float | None
    difference: Difference | None


class MethodSummary(Part):
    """A method over all students, fractions and teachers.

    Attributes:
        normalised_error: Mean of the rows' relative errors, with its standard error over rows; None
            where no row has one.
        correlation: Of the rows' scores with their probes, within each student and fraction; None
            where it says nothing.
    """

    method: str
    normalised_error: SampleMean | None
    correlation: float | None


class ResultTable(Part):
    """A finished comparison.

    Attributes:
        name: The config's.
        data: Where the rows come from.
        evaluated: The rows that scores are of: ``test``, or ``holdout``.
        tuned: Whether each row's settings were chosen on a hold-out of its training rows.
        metric: What scores and probes are measured by.
        rows: By student, fraction, method, teachers.
        methods: Each over all its rows.
        correlation: Of the score with the probe, over all rows with teachers, within each student and
            fraction.
    """

    name: str
    data: str
    evaluated: str
    tuned: bool
    rows: tuple[Row, ...]
    methods: tuple[MethodSummary, ...]
    correlation: float | None
    metric: Metric = SingleLabel.metric()


def result_table(
    scores: Sequence[Scores], *, name: str, data: str, evaluated: str, tuned: bool, metric: Metric
) -> ResultTable:
    """Hold every row against standard fine-tuning of the same student on the same rows.

    Args:
        scores: In the order of the table.
        name: See ``ResultTable``, as for the others.
        data: Likewise.
        evaluated: Likewise.
        tuned: Likewise.
        metric: Likewise.
    """
    baselines = {(s.student, s.fraction): s for s in scores if s.method == BASELINE}
    rows = tuple(_row(one, baselines.get((one.student, one.fraction))) for one in scores)
    methods = dict.fromkeys(row.method for row in rows)
    return ResultTable(
        name=name,
        data=data,
        evaluated=evaluated,
        tuned=tuned,
        rows=rows,
        methods=tuple(_summary(m, [row for row in rows if row.method == m]) for m in methods),
        correlation=_with_probe(rows),
        metric=metric,
    )


def _row(scores: Scores, baseline: Scores | None) -> Row:
    score = sample_mean(scores.values.values()) if scores.values else None
    relative = difference = None
    if score is not None and baseline is not None and baseline.values:
        error = 1 - sample_mean(baseline.values.values()).mean
        relative = (1 - score.mean) / error if error > 0 else None
        if scores.method != BASELINE:
            difference = difference_of_means(scores.values, baseline.values)
    return Row(**dict(scores), score=score, relative_error=relative, difference=difference)


def _summary(method: str, rows: Sequence[Row]) -> MethodSummary:
    errors = [row.relative_error for row in rows if row.relative_error is not None]
    return MethodSummary(
        method=method,
        normalised_error=sample_mean(errors) if errors else None,
        correlation=_with_probe(rows),
    )


def _with_probe(rows: Iterable[Row]) -> float | None:
    groups: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for row in rows:
        if row.probe is not None and row.score is not None:
            group = groups.setdefault((row.student, row.fraction), [])
            group.append((row.probe, row.score.mean))
    return correlation(groups.values())
