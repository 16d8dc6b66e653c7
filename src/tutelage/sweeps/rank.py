"""Rank teachers by linear probes and LogME on a hold-out, and say whether transfer may help."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from tutelage.cache.table import matrix
from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError, DataError, TutelageError
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.student_features import new_student, student_features
from tutelage.experiment.teacher_features import Teacher, extract_features
from tutelage.experiment.teacher_probe import ProbedRows, teacher_probe
from tutelage.files import find_files
from tutelage.probes import Probe, linear_probe
from tutelage.progress import Progress
from tutelage.regularizers.catalogue import BASELINE
from tutelage.regularizers.logme import Moments, logme
from tutelage.results.grouping import same_data, score_of
from tutelage.results.result import Result, differing_rows, read_result
from tutelage.students import Student
from tutelage.sweeps.advice import Candidate, Score, advise
from tutelage.tasks import fully_labelled, share_error

__all__ = ["Ranking", "rank"]


class Ranking(BaseModel):
    """Scores of teachers on the hold-out, and the advice that follows from them.

    Attributes:
        candidates: Single teachers, pairs and all together, the highest probe first.
        rows: Rows that probes were fitted on.
        holdout: Rows that they were scored on.
        student: A linear probe on the student's features as it begins; None without a student.
        fine_tuned: The student after standard fine-tuning, where such a run on the same hold-out exists.
        fine_tuned_run: Folder of that run; None where there is none.
        keep: The teachers that the advice is to keep.
        advice: Sentences of advice for the user, after doubts about the features.
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
        progress: Receives progress reports. Silent by default.

    Returns:
        The scores of all sets of teachers, the highest probe first, and which teachers to keep.

    Raises:
        ConfigError: If there is no teacher.

    Example:
        >>> config = ExperimentConfig.model_validate({
        ...     "data": {"source": "folder:flowers/"},
        ...     "teachers": [
        ...         {"source": "timm:vit_giant_patch14_dinov2.lvd142m", "name": "dino"},
        ...         {"source": "timm:vit_base_patch16_224.mae", "name": "mae"},
        ...     ],
        ... })
        >>> rank(config).keep  # doctest: +SKIP
        ('dino',)
    """
    if not config.teachers:
        raise ConfigError("there is no teacher to rank; add --teacher or [[teachers]]")
    config = config.replace({"data.evaluate": "holdout"})
    plan, runtime = Plan.of(config, trains=False, probes=True), Runtime.of(config, progress)
    plan.tell(runtime.progress)
    student = None if config.student is None else new_student(plan)
    teachers = extract_features(plan, runtime)
    candidates = sorted(
        _candidates(plan, teachers, runtime),
        key=lambda one: (-one.probe.value, len(one.teachers), one.columns),
    )
    begun = None if student is None else _student_probe(plan, student, runtime)
    fine_tuned = _fine_tuned(config, plan)
    score = None if fine_tuned is None else _score(fine_tuned[1])
    keep, advice = advise(candidates, student=begun, fine_tuned=score)
    doubts = tuple(f"{one.name}: {doubt}." for one in teachers for doubt in one.doubts)
    return Ranking(
        candidates=tuple(candidates),
        rows=len(plan.training),
        holdout=len(plan.evaluated),
        student=begun,
        fine_tuned=score,
        fine_tuned_run=None if fine_tuned is None else str(fine_tuned[0]),
        keep=keep,
        advice=doubts + advice,
    )


def _candidates(plan: Plan, teachers: Sequence[Teacher], runtime: Runtime) -> Iterator[Candidate]:
    rows = ProbedRows.of(plan, teachers, runtime)
    widths, task = rows.training.widths, plan.task
    moments = _moments(plan, rows, runtime)
    columns = dict(
        zip(
            widths,
            torch.split(torch.arange(sum(widths.values())), list(widths.values())),
            strict=True,
        )
    )
    sets = _sets([teacher.name for teacher in teachers])
    by_name = {teacher.name: teacher for teacher in teachers}
    with runtime.progress.track("probes", len(sets), unit="sets") as update:
        alone: dict[str, Probe] = {}
        for done, names in enumerate(sets, start=1):
            after = [alone[name] for name in names] if len(names) > 1 else ()
            probe = teacher_probe(plan, rows, runtime, names=names, after=after)
            if len(names) == 1:
                alone[names[0]] = probe
            update(done)
            members = [by_name[name] for name in names]
            parameters = [teacher.parameters for teacher in members]
            evidence = logme(moments.select(torch.cat([columns[name] for name in names])))
            yield Candidate(
                teachers=names,
                columns=sum(widths[name] for name in names),
                bytes=sum(teacher.features.bytes for teacher in members),
                parameters=None if None in parameters else sum(p or 0 for p in parameters),
                logme=evidence.comparable_score,
                probe=Score(value=probe.score, error=probe.error, metric=task.lead),
            )


def _moments(plan: Plan, rows: ProbedRows, runtime: Runtime) -> Moments:
    """Sums over the training rows that LogME of any set of teachers follows from."""
    labels = plan.training.labels
    numbers = fully_labelled(labels).nonzero().flatten()
    if not len(numbers):
        raise DataError("LogME needs training rows that have all labels, and there are none")
    with runtime.progress.track("LogME", len(numbers), unit="rows") as update:

        def blocks() -> Iterator[tuple[Tensor, Tensor]]:
            done = 0
            for block in torch.split(numbers, 4096):
                yield matrix(rows.training, block), plan.task.columns(labels[block])
                update(done := done + len(block))

        return Moments.of(blocks())


def _sets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Each alone, each pair, and all together."""
    found = [(name,) for name in names] + list(itertools.combinations(names, 2))
    return list(dict.fromkeys([*found, tuple(names)]))


def _student_probe(plan: Plan, student: Student, runtime: Runtime) -> Score:
    """The probe of the student's features as it begins."""
    rows, evaluated = student_features(plan, student, [plan.training, plan.evaluated], runtime)
    probe: Probe = linear_probe(
        rows,
        plan.training.labels,
        test_features=evaluated,
        test_labels=plan.evaluated.labels,
        task=plan.task,
        seed=plan.config.data.split_seed,
        device=runtime.device,
    )
    return Score(value=probe.score, error=probe.error, metric=plan.task.lead)


def _fine_tuned(config: ExperimentConfig, plan: Plan) -> tuple[Path, Result] | None:
    """The best run of standard fine-tuning of this student on this hold-out, if there is one."""
    folder = config.output.dir
    asked = config.model_dump(mode="json", exclude_none=True)
    found = []
    for path in sorted({*find_files(folder, "result.json"), *folder.parent.glob("*/result.json")}):
        try:
            result = read_result(path.parent)
        except TutelageError:
            continue
        if (
            result.method == BASELINE
            and result.rows.get("holdout") == len(plan.evaluated)
            and not differing_rows(result.row_digests, plan.row_digests)
            and result.metric == config.data.lead.name
            and same_data(result.config, asked)
            and result.config.get("student") == asked.get("student")
        ):
            found.append((path.parent, result))
    return max(found, key=lambda one: score_of(one[1]), default=None)


def _score(result: Result) -> Score:
    value, rows = score_of(result), result.counted_rows("holdout")
    error = share_error(value, rows) if rows and result.lead.counts_rows else None
    return Score(value=value, error=error, metric=result.lead)
