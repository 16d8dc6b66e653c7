"""A comparison of finished runs: scores by method, and differences from standard fine-tuning.

``Comparison`` is what the page, the terminal, CSV, Markdown, LaTeX, charts and ``compare.json`` show.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from tutelage.errors import DataError
from tutelage.regularizers.catalogue import BASELINE, label_of
from tutelage.results.choice import Choice
from tutelage.results.runs import Run
from tutelage.results.statistics import (
    Difference,
    SampleMean,
    correlation,
    difference_of_means,
    ratio_of_errors,
    sample_mean,
)
from tutelage.results.tuning import Tuning
from tutelage.tasks import Metric, SingleLabel

__all__ = ["Comparison", "MethodSummary", "Row", "Scores", "compare_scores"]


class ComparisonPart(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)


class Scores(ComparisonPart):
    """Scores of runs that differ only in their seed.

    Attributes:
        student: Name of the student.
        fraction: Share of the training rows.
        method: The method's name.
        title: The method as tables write it.
        teachers: Names of the teachers; empty for a method without teachers.
        settings: ``beta`` and other settings of the method, by name.
        values: The metric on the evaluated rows of each finished run, by seed.
        failures: Why the other runs failed, by seed.
        probe: The metric of the linear probe on the teachers' features; None where there are no
            teachers, or they were not probed.
        folders: Folders of the finished runs, by seed, relative to the comparison's.
        runs: The finished runs in the order of their seeds, where they were read; not in the JSON.
    """

    student: str
    fraction: float
    method: str
    title: str = ""
    teachers: tuple[str, ...]
    settings: dict[str, float]
    values: dict[int, float] = Field(validation_alias=AliasChoices("values", "accuracies"))
    failures: dict[int, str] = {}
    probe: float | None = None
    folders: dict[int, str] = {}
    runs: tuple[Run, ...] = Field(default=(), exclude=True, repr=False)

    @property
    def is_baseline(self) -> bool:
        """Whether this is standard fine-tuning."""
        return self.method == BASELINE

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the finished runs."""
        return tuple(self.values)

    @property
    def cell(self) -> tuple[str, float]:
        """Student and share of the training rows; rows of one cell can be compared."""
        return self.student, self.fraction

    @property
    def reason(self) -> str:
        """Why runs failed, in one line; empty where none did."""
        reasons = set(self.failures.values())
        if len(reasons) == 1 and not self.values:
            return reasons.pop()
        return "; ".join(f"seed {seed}: {reason}" for seed, reason in self.failures.items())


class Row(Scores):
    """Scores, and the numbers that follow from them: one row of every table.

    Attributes:
        label: The row's name, different for each row of a comparison.
        score: Mean over the finished seeds with its standard error; None where none finished.
        baseline: Label of the standard fine-tuning that the row is compared with; None for standard
            fine-tuning itself, or where it was not run.
        relative_error: (1 - score) / (1 - score of standard fine-tuning) on the same rows with
            the same student and seeds; None where that was not run, or makes no error.
        difference: The score minus that of standard fine-tuning, paired by seed; None without a
            baseline.
        fair: Whether the baseline was trained with the same settings, or each with its tuned ones.
    """

    label: str
    score: SampleMean | None
    baseline: str | None = None
    relative_error: float | None
    difference: Difference | None
    fair: bool = True


class MethodSummary(ComparisonPart):
    """A method over all students, fractions and teachers.

    Attributes:
        normalized_error: Mean of the rows' relative errors with its standard error over rows; None
            where no row has one.
        correlation: Correlation of the rows' scores with their probes, within each student and
            fraction; None where it is undefined.
    """

    method: str
    normalized_error: SampleMean | None
    correlation: float | None


class Comparison(ComparisonPart):
    """Finished runs of several methods on the same evaluated rows.

    Attributes:
        name: Name of the comparison, or of its first run.
        data: Source of the data.
        evaluated: The evaluated rows: ``test`` or ``holdout``.
        tuned: Whether each row's settings were chosen on a hold-out of its training rows.
        metric: Metric of scores and probes.
        rows: A row for each student, fraction, method and set of teachers.
        methods: Each method over all its rows.
        correlation: Correlation of the scores with the probes over all rows with teachers, within
            each student and fraction.
        probes: Linear probes on teachers' features, by name of the teachers.
        picked: Label of the row that was chosen beforehand, by rows other than the evaluated ones.
        left_out: Folders that were given but hold no finished run, each with the reason.
        search: The search that chose it, where it was read; not in the JSON.
    """

    name: str
    data: str
    evaluated: str
    tuned: bool
    rows: tuple[Row, ...]
    methods: tuple[MethodSummary, ...]
    correlation: float | None
    metric: Metric = SingleLabel.metric()
    probes: dict[str, float] = {}
    picked: str | None = None
    left_out: tuple[str, ...] = ()
    search: Tuning | Choice | None = Field(default=None, exclude=True, repr=False)

    @property
    def finished(self) -> tuple[Row, ...]:
        """Rows with a score."""
        return tuple(row for row in self.rows if row.score is not None)

    @property
    def transfers(self) -> tuple[Row, ...]:
        """Rows with a score whose method is not standard fine-tuning."""
        return tuple(row for row in self.finished if not row.is_baseline)

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs that were read, row by row."""
        return tuple(run for row in self.rows for run in row.runs)

    @property
    def cells(self) -> tuple[tuple[str, float], ...]:
        """The students and shares of the training rows that are compared."""
        return tuple(dict.fromkeys(row.cell for row in self.rows))

    @property
    def foremost(self) -> Row | None:
        """The row that the verdict is about: the one chosen beforehand, else the highest mean.

        None where there is none, or where several students or shares of the rows are compared.
        """
        if len(self.cells) > 1:
            return None
        chosen = (row for row in self.transfers if row.label == self.picked)
        return next(chosen, max(self.transfers, key=_mean, default=None))

    def baseline_of(self, row: Row) -> Row | None:
        """Return the standard fine-tuning that a row is compared with."""
        return next((other for other in self.rows if other.label == row.baseline), None)


def compare_scores(
    scores: Sequence[Scores],
    *,
    name: str,
    data: str,
    evaluated: str,
    metric: Metric,
    tuned: bool = False,
    probes: Mapping[str, float] | None = None,
    fair: Mapping[int, Sequence[int]] | None = None,
) -> Comparison:
    """Compare every row with standard fine-tuning of the same student on the same rows.

    Args:
        scores: In the order of the table.
        name: Name of the comparison.
        data: Source of the data.
        evaluated: The evaluated rows: ``test`` or ``holdout``.
        metric: Metric of scores and probes.
        tuned: Whether each row's settings were chosen on a hold-out.
        probes: Linear probes by name of the teachers; by default those of the rows.
        fair: For each position in ``scores``, positions of the standard fine-tunings trained with
            the same settings, which are preferred; by default all are.

    Raises:
        DataError: If there are no scores.
    """
    if not scores:
        raise DataError("no runs to compare; give at least one run's folder")
    names = _names(scores)
    labelled = [
        row.model_copy(update={"title": title})
        for row, (title, _) in zip(scores, names, strict=True)
    ]
    rows = []
    for index, row in enumerate(labelled):
        candidates = [
            other
            for other, candidate in enumerate(labelled)
            if candidate.is_baseline and candidate.cell == row.cell
        ]
        preferred = [other for other in candidates if fair is None or tuned or other in fair[index]]
        chosen = next(iter(preferred or candidates), None)
        rows.append(
            _row(
                row,
                label=names[index][1],
                baseline=None if chosen is None else labelled[chosen],
                baseline_label=None if chosen is None or row.is_baseline else names[chosen][1],
                fair=bool(preferred) or not candidates,
            )
        )
    methods = dict.fromkeys(row.method for row in rows)
    return Comparison(
        name=name,
        data=data,
        evaluated=evaluated,
        tuned=tuned,
        rows=tuple(rows),
        methods=tuple(_summary(m, [row for row in rows if row.method == m]) for m in methods),
        correlation=_correlation_with_probe(rows),
        metric=metric,
        probes=dict(_probes(rows) if probes is None else probes),
    )


def _row(
    scores: Scores, *, label: str, baseline: Scores | None, baseline_label: str | None, fair: bool
) -> Row:
    score = sample_mean(scores.values.values()) if scores.values else None
    relative = difference = None
    if score is not None and baseline is not None and baseline.values:
        relative = ratio_of_errors(scores.values, baseline.values)
        if not scores.is_baseline:
            difference = difference_of_means(scores.values, baseline.values)
    return Row(
        **dict(scores),
        label=label,
        score=score,
        baseline=baseline_label if difference is not None else None,
        relative_error=relative,
        difference=difference,
        fair=fair,
    )


def _mean(row: Row) -> float:
    assert row.score is not None
    return row.score.mean


def _summary(method: str, rows: Sequence[Row]) -> MethodSummary:
    errors = [row.relative_error for row in rows if row.relative_error is not None]
    return MethodSummary(
        method=method,
        normalized_error=sample_mean(errors) if errors else None,
        correlation=_correlation_with_probe(rows),
    )


def _correlation_with_probe(rows: Iterable[Row]) -> float | None:
    groups: dict[tuple[str, float], list[tuple[float, float]]] = {}
    for row in rows:
        if row.probe is not None and row.score is not None:
            groups.setdefault(row.cell, []).append((row.probe, row.score.mean))
    return correlation(groups.values())


def _probes(rows: Sequence[Row]) -> dict[str, float]:
    """Probes by teachers, where all rows have the same training rows."""
    if len({row.fraction for row in rows}) > 1:
        return {}
    return {"+".join(row.teachers): row.probe for row in rows if row.probe is not None}


def _names(scores: Sequence[Scores]) -> list[tuple[str, str]]:
    """Title and label of each row: titles differ within a cell and its teachers, labels everywhere."""
    groups = [(row.cell, row.teachers) for row in scores]
    titles = [row.title or label_of(row.method) for row in scores]
    betas = [f", β {row.settings['beta']:g}" if "beta" in row.settings else "" for row in scores]
    names = [f" ({row.runs[0].result.name})" if row.runs else "" for row in scores]
    numbers = [f" no. {index + 1}" for index in range(len(scores))]
    for suffixes in (betas, names, numbers):
        keys = list(zip(groups, titles, strict=True))
        titles = [
            title + suffix if keys.count(key) > 1 else title
            for key, title, suffix in zip(keys, titles, suffixes, strict=True)
        ]
    parts = {
        "student": [row.student for row in scores],
        "fraction": [f"{row.fraction:.4g}" for row in scores],
        "title": titles,
        "teachers": ["+".join(row.teachers) for row in scores],
    }
    shown = [part for part in parts if part == "title" or len(set(parts[part]) - {""}) > 1]
    return [
        (titles[index], " · ".join(filter(None, (parts[part][index] for part in shown))))
        for index in range(len(scores))
    ]
