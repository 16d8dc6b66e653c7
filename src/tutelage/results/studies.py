"""A study: comparisons on several data sets, and each method's error over all of them.

``Study`` is what the page, the terminal, CSV, Markdown, pictures and ``study.json`` show.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tutelage.config.study import Figure
from tutelage.errors import DataError
from tutelage.files import with_digest, without_digest, write_atomically, writing_to
from tutelage.results.comparison import Comparison, Row
from tutelage.results.learned_weights import WeightLevel, histograms, weight_levels
from tutelage.results.runs import Run
from tutelage.results.statistics import SampleMean, correlation, sample_mean
from tutelage.tasks import Metric

__all__ = [
    "MEANS_NOTHING",
    "STUDY",
    "Cell",
    "NormalizedError",
    "Study",
    "StudyRow",
    "normalized_errors",
    "read_study",
    "study_of",
    "write_study",
]

STUDY = "study.json"
MEANS_NOTHING = (
    "TINY SCALE: small random models and generated rows stand in for those of the study. The numbers "
    "show that it runs, and mean nothing else."
)
SCHEMA_VERSION: Literal[1] = 1


class Cell(NamedTuple):
    """What rows must share to be compared: data set, student, share of the training rows."""

    data: str
    student: str
    fraction: float


class StudyPart(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)


class StudyRow(Row):
    """A row of one data set's comparison.

    Attributes:
        data: Name of the data set.
        metric: Metric of its scores and probes.
        noise: Columns of its teachers that are ``noise:``.
        epoch_seconds: Seconds of training for a pass over the labelled rows, over the seeds; None where
            no run was read.
        weights: Share of each teacher's columns in each of ``BINS`` equal ranges of the learned weight,
            from 0 to 1, the mean over seeds; empty where no weights are learned.
        weight_levels: Mean and sparsity of the same weights, by teacher.
    """

    data: str
    metric: Metric
    noise: int = 0
    epoch_seconds: SampleMean | None = None
    weights: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    weight_levels: dict[str, WeightLevel] = Field(default_factory=dict)

    @property
    def place(self) -> Cell:
        """Its cell."""
        return Cell(self.data, self.student, self.fraction)


class NormalizedError(StudyPart):
    """The error of a method relative to standard fine-tuning, over data sets and students.

        normalized error = mean_c (1 - score_c) / (1 - score of standard fine-tuning_c)

    over cells ``c``, each a data set with a student; its standard error is that over cells. Scores are
    means over seeds.

    Attributes:
        method: The method's name.
        teachers: Names of its teachers; empty for a method without teachers, and where each data set has
            its own.
        fraction: Share of the training rows.
        common: Over the cells that all methods of this share have; None where there is none.
        own: Over all cells that this method has; None where it has none.
        absent: Cells of other methods that this one lacks: failed, or without a relative error.
    """

    method: str
    teachers: tuple[str, ...]
    fraction: float
    common: SampleMean | None
    own: SampleMean | None
    absent: tuple[Cell, ...] = ()


class Study(StudyPart):
    """Comparisons on several data sets.

    Attributes:
        title: Its name in words.
        shows: What it shows.
        source: The figure or table of a paper that it repeats.
        figures: Kinds of its pictures.
        scale: ``"full"``, or ``"tiny"`` with stand-ins, whose numbers mean nothing.
        rows: Rows of all data sets.
        methods: The normalized error of each method, set of teachers and share of the rows.
        correlation: Correlation of scores with the teachers' probe, within each cell; None where it is
            undefined.
        correlations: The same for each method alone, where it is defined.
        missing: Data sets without any finished run, each with the reason.
        perfect: Cells in which standard fine-tuning makes no error, so that nothing is relative to it.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    title: str
    shows: str = ""
    source: str = ""
    figures: tuple[Figure, ...] = ("normalized-error",)
    scale: Literal["full", "tiny"] = "full"
    rows: tuple[StudyRow, ...]
    methods: tuple[NormalizedError, ...]
    correlation: float | None
    correlations: dict[str, float] = {}
    missing: dict[str, str] = {}
    perfect: tuple[Cell, ...] = ()

    @property
    def data(self) -> tuple[str, ...]:
        """Names of the data sets with a row."""
        return tuple(dict.fromkeys(row.data for row in self.rows))

    @property
    def failures(self) -> bool:
        """Whether a run failed or a data set is missing."""
        return bool(self.missing) or any(row.failures for row in self.rows)


def study_of(
    comparisons: Mapping[str, Comparison],
    *,
    title: str,
    shows: str = "",
    source: str = "",
    figures: Sequence[Figure] = ("normalized-error",),
    scale: Literal["full", "tiny"] = "full",
    missing: Mapping[str, str] | None = None,
) -> Study:
    """Gather the comparisons of several data sets.

    Args:
        comparisons: By the data set's name, in the order of tables.
        title: Its name in words.
        shows: What it shows.
        source: What it repeats.
        figures: Kinds of its pictures.
        scale: Whether stand-ins took the place of models and data.
        missing: Data sets without any finished run, each with the reason.
    """
    rows = tuple(
        StudyRow(
            **dict(row),
            data=name,
            metric=comparison.metric,
            noise=_noise(row.runs),
            epoch_seconds=_mean(map(_epoch_seconds, row.runs)),
            weights=histograms([run.rho for run in row.runs]),
            weight_levels=weight_levels([run.rho for run in row.runs]),
        )
        for name, comparison in comparisons.items()
        for row in comparison.rows
    )
    return Study(
        title=title,
        shows=shows,
        source=source,
        figures=tuple(figures),
        scale=scale,
        rows=rows,
        methods=tuple(normalized_errors(rows)),
        correlation=_with_probe(rows),
        correlations=_by_method(rows),
        missing=dict(missing or {}),
        perfect=tuple(dict.fromkeys(row.place for row in rows if _is_perfect(row))),
    )


def write_study(study: Study, folder: Path) -> None:
    """Write ``study.json``.

    Raises:
        OutputError: If the folder cannot be written.
    """
    with writing_to(folder, name="the study"):
        write_atomically(folder / STUDY, with_digest(json.loads(study.model_dump_json())))


def read_study(folder: Path) -> Study:
    """Read a study's folder.

    Raises:
        DataError: If it holds none, or a damaged one.
    """
    path = folder / STUDY
    try:
        return Study.model_validate(without_digest(path.read_bytes()))
    except FileNotFoundError:
        raise DataError(f"no study in {folder}; 'tutelage study' leaves one there") from None
    except (OSError, ValueError, ValidationError) as error:
        raise DataError(f"{path} is not a study of this version of tutelage: {error}") from None


def normalized_errors(rows: Sequence[StudyRow]) -> Iterator[NormalizedError]:
    """Return the normalized error of each method, set of teachers and share of the rows.

    Where no cell compares sets of teachers, a method's cells are one group although each data set may
    have teachers of its own, as images and texts must.

    Args:
        rows: Rows of a study, or of one student.
    """
    named = _teachers_to_name(rows)
    groups: dict[tuple[float, str, tuple[str, ...]], dict[Cell, float]] = {}
    for row in rows:
        errors = groups.setdefault((row.fraction, row.method, named(row)), {})
        if row.relative_error is not None:
            errors[row.place] = row.relative_error
    for (fraction, method, teachers), errors in groups.items():
        others = [cells for (share, *_), cells in groups.items() if share == fraction and cells]
        everywhere = dict.fromkeys(cell for cells in others for cell in cells)
        common = [cell for cell in everywhere if all(cell in cells for cells in others)]
        yield NormalizedError(
            method=method,
            teachers=teachers,
            fraction=fraction,
            common=_mean(errors[cell] for cell in common) if errors else None,
            own=_mean(errors.values()),
            absent=tuple(cell for cell in everywhere if cell not in errors),
        )


def _teachers_to_name(rows: Sequence[StudyRow]) -> Callable[[StudyRow], tuple[str, ...]]:
    """The teachers by which rows are told apart: none where they are not compared, but differ."""
    sets: dict[tuple[Cell, str], set[tuple[str, ...]]] = {}
    by_method: dict[str, set[tuple[str, ...]]] = {}
    for row in rows:
        sets.setdefault((row.place, row.method), set()).add(row.teachers)
        by_method.setdefault(row.method, set()).add(row.teachers)
    if any(len(teachers) > 1 for teachers in sets.values()):
        return lambda row: row.teachers
    return lambda row: row.teachers if len(by_method[row.method]) == 1 else ()


def _noise(runs: Sequence[Run]) -> int:
    teachers = runs[0].result.teachers if runs else []
    return sum(teacher.width for teacher in teachers if teacher.source.startswith("noise:"))


def _epoch_seconds(run: Run) -> float:
    """Seconds of a pass over the labelled rows; a step takes some batches, each partly without labels."""
    result, train = run.result, run.result.config["train"]
    labelled, batches = train["batch_size"], train.get("accumulate", 1) * result.processes
    if unlabelled := result.rows.get("unlabelled"):
        labelled -= min(round(train["unlabelled_share"] * labelled), unlabelled)
    steps = max(result.rows["train"] / labelled, 1.0) / batches
    return float(result.seconds["train"] * steps / result.steps)


def _by_method(rows: Sequence[StudyRow]) -> dict[str, float]:
    alone = {
        method: _with_probe(row for row in rows if row.method == method)
        for method in dict.fromkeys(row.method for row in rows)
    }
    return {method: number for method, number in alone.items() if number is not None}


def _mean(values: Iterable[float]) -> SampleMean | None:
    numbers = list(values)
    return sample_mean(numbers) if numbers else None


def _with_probe(rows: Iterable[StudyRow]) -> float | None:
    groups: dict[Cell, list[tuple[float, float]]] = {}
    for row in rows:
        if row.probe is not None and row.score is not None:
            groups.setdefault(row.place, []).append((row.probe, row.score.mean))
    return correlation(groups.values())


def _is_perfect(row: StudyRow) -> bool:
    return row.is_baseline and row.score is not None and row.score.mean >= 1
