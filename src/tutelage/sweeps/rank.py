"""Before spending: which teachers are worth it for this data and student, and whether any is."""

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from tutelage.config import ExperimentConfig
from tutelage.data import Data, Split, Splits
from tutelage.errors import ConfigError, DataError, TutelageError
from tutelage.experiment.run import build, open_data, task_for
from tutelage.experiment.teacher_features import (
    Teacher,
    evaluated_rows,
    teacher_rows,
    teachers_features,
)
from tutelage.probe import Probe, SideBySide, linear_probe
from tutelage.progress import Progress, Silent
from tutelage.regularizers.catalogue import BASELINE
from tutelage.regularizers.logme import Moments, logme
from tutelage.results.comparison import same_data, score_of
from tutelage.results.result import Result, read_result
from tutelage.tasks.base import Metric, complete, metric_of
from tutelage.training.accelerator import accelerator_for
from tutelage.training.batches import Batches, prepare_rows
from tutelage.training.inference import represent

__all__ = ["Candidate", "Ranking", "Score", "advise", "rank"]

CLEARLY = 2.0
"""Standard errors of the difference from which on one score counts as above another."""


class Score(BaseModel):
    """A metric on the hold-out, with its standard error.

    Attributes:
        value: At most 1.
        error: Of an accuracy ``sqrt(p (1 - p) / n)``; of others see ``scores.standard_error``. None
            for a fine-tuned student, whose outputs are not kept, where it is not an accuracy.
        metric: What it is.
    """

    model_config = ConfigDict(frozen=True)

    value: float
    error: float | None
    metric: Metric = metric_of("single-label")

    def __str__(self) -> str:
        decimals = 1 if self.metric.percent else 3
        number = f"{self.metric.shown * self.value:.{decimals}f}"
        error = "" if self.error is None else f" ± {self.metric.shown * self.error:.{decimals}f}"
        return f"{number}{error} %" if self.metric.percent else f"{number}{error}"

    def clearly_above(self, other: "Score") -> bool:
        """Whether it lies above by more than two standard errors of the difference.

        Where the other's error is not known, on the same rows, it is taken to be as large.
        """
        error = math.hypot(self.error or 0.0, other.error or self.error or 0.0)
        return self.value - other.value > CLEARLY * error


class Candidate(BaseModel):
    """A teacher, or several together.

    Attributes:
        teachers: Their names.
        columns: Columns of their features.
        bytes: Size of the cached features.
        parameters: Of the teachers; None where it is not known.
        logme: Evidence of a Bayesian linear model, nats a row; comparable on the same rows only.
        probe: Of a linear probe on their features.
    """

    model_config = ConfigDict(frozen=True)

    teachers: tuple[str, ...]
    columns: int
    bytes: int
    parameters: int | None
    logme: float
    probe: Score


class Ranking(BaseModel):
    """What a look at the hold-out says before any training.

    Attributes:
        candidates: Single teachers, pairs and all together, the highest probe first.
        rows: Rows that probes were fitted on.
        holdout: Rows that they were scored on.
        student: A linear probe on the student's features as it begins; None without a student.
        fine_tuned: The student after standard fine-tuning, where such a run on the same hold-out exists.
        fine_tuned_run: Its folder.
        keep: The teachers that the advice is to keep.
        advice: In words.
    """

    model_config = ConfigDict(frozen=True)

    candidates: tuple[Candidate, ...]
    rows: int
    holdout: int
    student: Score | None
    fine_tuned: Score | None
    fine_tuned_run: str | None
    keep: tuple[str, ...]
    advice: tuple[str, ...]


def rank(config: ExperimentConfig, *, progress: Progress | None = None) -> Ranking:
    """Score every teacher, every pair, and all together; the test rows are not read.

    Probes are fitted on the training rows without the hold-out (their C on a part of those) and
    scored on the hold-out. LogME is of the same rows as the probes are fitted on: one pass over the
    features serves all candidates.

    Args:
        config: Data, teachers, and perhaps a student; ``output.dir`` and the folders in and beside
            it are searched for a run of standard fine-tuning.
        progress: Is told where it is.

    Raises:
        ConfigError: If there is no teacher.
    """
    progress = progress or Silent()
    if not config.teachers:
        raise ConfigError("there is no teacher to rank; add --teacher or [[teachers]]")
    config = config.replace({"data.evaluate": "holdout"})
    data, splits = open_data(config)
    teachers = teachers_features(config, splits.pool, modality=data.modality, progress=progress)
    candidates = sorted(
        _candidates(config, data, splits, teachers, progress=progress),
        key=lambda one: (-one.probe.value, len(one.teachers), one.columns),
    )
    student = None
    if config.student is not None:
        student = _student_probe(config, data, splits, progress=progress)
    fine_tuned = _fine_tuned(config, holdout=len(splits.evaluated))
    score = None if fine_tuned is None else _score(fine_tuned[1])
    keep, advice = advise(candidates, student=student, fine_tuned=score)
    return Ranking(
        candidates=tuple(candidates),
        rows=len(splits.training),
        holdout=len(splits.evaluated),
        student=student,
        fine_tuned=score,
        fine_tuned_run=None if fine_tuned is None else str(fine_tuned[0]),
        keep=keep,
        advice=advice,
    )


def advise(
    candidates: Sequence[Candidate], *, student: Score | None, fine_tuned: Score | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the teachers to keep, and plain advice.

    The rule. Keep the smallest set (fewest teachers, then fewest columns) whose probe is within one
    standard error of the highest. Transfer is likely to help if that set's probe is above the
    fine-tuned student by more than two standard errors of the difference; where no such run exists,
    above the student's own probe it may, and if not even that, it is unlikely to.

    Args:
        candidates: All that were scored, on the same hold-out.
        student: The student's own probe.
        fine_tuned: The student after standard fine-tuning.

    Source:
        The rule is ours: transfer was seen to help only where the teachers' probe is clearly above
        the fine-tuned student's.
    """
    best = max(candidates, key=lambda one: one.probe.value)
    enough = best.probe.value - (best.probe.error or 0.0)
    kept = min(
        (one for one in candidates if one.probe.value >= enough),
        key=lambda one: (len(one.teachers), one.columns),
    )
    names = " and ".join(kept.teachers)
    sentences = [f"Keep {names}: its probe reaches {kept.probe} on the hold-out."]
    if kept is not best:
        sentences[0] = (
            f"Keep {names}: its probe reaches {kept.probe} on the hold-out, within one standard "
            f"error of the highest ({' and '.join(best.teachers)}, {best.probe}), for less."
        )
    if fine_tuned is not None:
        if kept.probe.clearly_above(fine_tuned):
            sentences.append(
                f"Transfer is likely to help: that is clearly above the fine-tuned student, "
                f"{fine_tuned}."
            )
        else:
            sentences.append(
                f"Transfer is unlikely to help: that is not clearly above the fine-tuned student, "
                f"{fine_tuned}. Look for a teacher that knows more of this task."
            )
    elif student is not None and not kept.probe.clearly_above(student):
        sentences.append(
            f"Transfer is unlikely to help: that is not clearly above the student's own probe, "
            f"{student}, and fine-tuning will raise the student further."
        )
    else:
        above = "" if student is None else f" clearly above the student's own probe, {student}"
        sentences.append(
            f"Transfer may help{':' + ' that is' + above if above else ''}. What counts is the student "
            "after fine-tuning without teachers: train it with --method stl --set "
            "data.evaluate=holdout and rank again."
        )
    return kept.teachers, tuple(sentences)


def _candidates(
    config: ExperimentConfig,
    data: Data,
    splits: Splits,
    teachers: Sequence[Teacher],
    *,
    progress: Progress,
) -> Iterator[Candidate]:
    rows = teacher_rows(teachers, splits.training)
    held = evaluated_rows(config, teachers, splits, modality=data.modality, progress=progress)
    together, labels = SideBySide(rows), splits.training.labels
    task = task_for(config, data, splits)
    numbers = complete(labels).nonzero().flatten()
    if not len(numbers):
        raise DataError("LogME needs training rows that have all labels, and there are none")
    with progress.track("LogME", len(numbers), unit="rows") as update:

        def blocks() -> Iterator[tuple[Tensor, Tensor]]:
            done = 0
            for some in torch.split(numbers, 4096):
                yield together.gather(some), task.columns(labels[some])
                update(done := done + len(some))

        moments = Moments.of(blocks())
    columns = dict(
        zip(
            rows.widths,
            torch.split(torch.arange(together.width), list(rows.widths.values())),
            strict=True,
        )
    )
    sets = _sets([teacher.name for teacher in teachers])
    by_name = {teacher.name: teacher for teacher in teachers}
    with progress.track("probes", len(sets), unit="sets of teachers") as update:
        alone: dict[str, Probe] = {}
        for done, names in enumerate(sets, start=1):
            probe = linear_probe(
                SideBySide(rows, names=names),
                labels,
                test_features=SideBySide(held, names=names),
                test_labels=splits.evaluated.labels,
                kind=task.kind,
                metric=task.lead,
                classes=task.outputs,
                after=[alone[name] for name in names] if len(names) > 1 else (),
                seed=config.data.split_seed,
            )
            if len(names) == 1:
                alone[names[0]] = probe
            update(done)
            members = [by_name[name] for name in names]
            parameters = [teacher.parameters for teacher in members]
            yield Candidate(
                teachers=names,
                columns=sum(rows.widths[name] for name in names),
                bytes=sum(teacher.features.bytes for teacher in members),
                parameters=None if None in parameters else sum(p or 0 for p in parameters),
                logme=logme(moments.select(torch.cat([columns[name] for name in names]))).score,
                probe=Score(value=probe.score, error=probe.error, metric=task.lead),
            )


def _sets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Each alone, each pair, and all together."""
    found = [(name,) for name in names] + list(itertools.combinations(names, 2))
    return list(dict.fromkeys([*found, tuple(names)]))


def _student_probe(
    config: ExperimentConfig, data: Data, splits: Splits, *, progress: Progress
) -> Score:
    accelerator = accelerator_for(config)
    torch.manual_seed(config.seed)
    student = build(config, data)
    student.model.to(accelerator.device)

    def features(split: Split) -> Float[Tensor, "rows width"]:
        inputs = prepare_rows(
            split,
            student.input,
            keep=config.train.inputs,
            workers=config.train.workers,
            progress=progress,
        )
        size = config.train.batch_size
        return represent(student, Batches(split, inputs), batch_size=size, accelerator=accelerator)

    probe: Probe = linear_probe(
        features(splits.training),
        splits.training.labels,
        test_features=features(splits.evaluated),
        test_labels=splits.evaluated.labels,
        kind=data.task,
        metric=config.data.lead,
        classes=len(data.classes),
        seed=config.data.split_seed,
    )
    return Score(value=probe.score, error=probe.error, metric=config.data.lead)


def _fine_tuned(config: ExperimentConfig, *, holdout: int) -> tuple[Path, Result] | None:
    """The best run of standard fine-tuning of this student on this hold-out, if there is one."""
    folder = config.output.dir
    asked = config.model_dump(mode="json", exclude_none=True)
    found = []
    for path in sorted({*folder.rglob("result.json"), *folder.parent.glob("*/result.json")}):
        try:
            result = read_result(path.parent)
        except TutelageError:
            continue
        if (
            result.method == BASELINE
            and result.rows.get("holdout") == holdout
            and result.metric == config.data.lead.name
            and same_data(result.config, asked)
            and result.config.get("student") == asked.get("student")
        ):
            found.append((path.parent, result))
    return max(found, key=lambda one: score_of(one[1]), default=None)


def _score(result: Result) -> Score:
    value, rows = score_of(result), result.rows["holdout"]
    share = result.metric in ("accuracy", "subset_accuracy")
    error = math.sqrt(value * (1 - value) / rows) if share else None
    return Score(value=value, error=error, metric=result.lead)
