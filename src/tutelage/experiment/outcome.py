"""The outcome of a run: metrics of the trained student, and the result that describes it all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from tutelage.experiment.head_start import Head
from tutelage.experiment.parts import Prepared
from tutelage.experiment.plan import Plan
from tutelage.experiment.shares import variance_shares
from tutelage.experiment.teacher_features import Teacher
from tutelage.ranks import process_count
from tutelage.results.predictions import Predictions
from tutelage.results.result import InputColumns, Result, StudentInfo, TeacherInfo
from tutelage.results.run_folder import RunFolder
from tutelage.results.shell import command_line, started_by
from tutelage.results.sparsity import sparsity
from tutelage.students import Student, fold_target_scaling
from tutelage.tasks import fully_labelled
from tutelage.training.accelerator import device_name, versions
from tutelage.training.batches import BatchSource
from tutelage.training.clock import Clock
from tutelage.training.inference import Evaluation, evaluate

__all__ = ["Measured", "describe", "measure"]


@dataclass(frozen=True)
class Measured:
    """What a trained student is measured by.

    Attributes:
        metrics: Metrics by split.
        predictions: Outputs of the evaluated rows.
    """

    metrics: dict[str, dict[str, float]]
    predictions: Predictions


def measure(
    plan: Plan, student: Student, prepared: Prepared, *, accelerator: Accelerator
) -> Measured:
    """Return metrics and outputs; a student of regression then predicts in the targets' units.

    Of the training rows a sample is measured, see ``train.scored_rows``.
    """

    def measured(batches: BatchSource, rows: Sequence[int] | None = None) -> Evaluation:
        return evaluate(
            student,
            batches,
            rows=rows,
            task=plan.task,
            batch_size=plan.config.train.batch_size,
            accelerator=accelerator,
        )

    training = measured(prepared.plain, _scored_rows(plan, prepared.plain))
    evaluated, split = measured(prepared.evaluated), plan.evaluated
    if plan.task.scaling is not None:
        fold_target_scaling(student, plan.task.scaling)
    return Measured(
        {"train": training.metrics, split.name: evaluated.metrics},
        Predictions(
            split.name,
            ids=tuple(split.ids),
            outputs=evaluated.outputs,
            labels=split.labels,
            rows=len(split),
        ),
    )


def _scored_rows(plan: Plan, training: BatchSource) -> Sequence[int]:
    """The labelled training rows to measure, in order; every run draws the same."""
    labelled, most = training.labelled, plan.config.train.scored_rows
    if most == "all" or labelled <= most:
        return range(labelled)
    order = np.random.default_rng(plan.config.data.split_seed).permutation(labelled)
    drawn: list[int] = sorted(order[:most].tolist())
    return drawn


def describe(
    plan: Plan,
    student: Student,
    teachers: Sequence[Teacher],
    folder: RunFolder,
    *,
    metrics: dict[str, dict[str, float]],
    row_digests: Mapping[str, str],
    rho: Mapping[str, Tensor],
    clock: Clock,
    device: torch.device,
    head: Head,
    doubts: Sequence[str] = (),
) -> Result:
    """Return the result of a run that was trained and measured; ``doubts`` are of its student."""
    config = plan.config
    processes = process_count()
    again = [
        *(*started_by(processes), "train", str(folder.config)),
        *("--out", f"{folder.path}-again"),
    ]
    return Result(
        name=config.name,
        method=config.transfer.method,
        beta=config.transfer.beta if plan.method.has_transfer_term else 0.0,
        standardized=plan.standardized,
        seed=config.seed,
        steps=config.train.known_steps,
        automatic_steps=plan.rule is not None,
        inputs=_inputs(plan),
        task=plan.task.kind,
        metric=plan.task.lead.name,
        metrics=metrics,
        rows=plan.counts,
        whole_rows=int(fully_labelled(plan.evaluated.labels).sum()),
        row_digests=dict(row_digests),
        processes=processes,
        classes=list(plan.data.classes),
        student=_student_info(plan, student, head=head, doubts=doubts),
        teachers=_teacher_infos(plan, teachers, rho),
        seconds=clock.seconds,
        versions=versions(),
        device=device_name(device),
        started=clock.started.isoformat(timespec="seconds"),
        command=command_line(*again),
        config=config.model_dump(mode="json", exclude_none=True),
    )


def _inputs(plan: Plan) -> InputColumns | None:
    columns = plan.data.columns
    return None if columns is None else InputColumns(image=columns.image, text=columns.text)


def _student_info(
    plan: Plan, student: Student, *, head: Head, doubts: Sequence[str]
) -> StudentInfo:
    return StudentInfo(
        source=plan.config.student.source if plan.config.student else "",
        parameters=student.parameters,
        width=student.width,
        tap=student.tap.path,
        head=head,
        doubts=tuple(doubts),
    )


def _teacher_infos(
    plan: Plan, teachers: Sequence[Teacher], rho: Mapping[str, Tensor]
) -> list[TeacherInfo]:
    """The teachers as results describe them, with their share of the weighted features' energy."""
    deviations = {teacher.name: teacher.features.std for teacher in teachers}
    shares = variance_shares(deviations, standardized=plan.standardized, weights=rho)
    spread = {name: sparsity(weights) for name, weights in rho.items() if weights.ndim == 1}
    return [
        TeacherInfo(
            name=teacher.name,
            source=teacher.plan.config.source,
            width=teacher.features.width,
            parameters=teacher.parameters,
            cache_key={"train": teacher.features.key.digest},
            bytes=teacher.bytes,
            rho_mean=float(rho[teacher.name].mean()) if teacher.name in rho else None,
            rho_top=found.top if (found := spread.get(teacher.name)) else None,
            rho_effective=found.effective if found else None,
            share=shares.get(teacher.name),
            doubts=teacher.doubts,
        )
        for teacher in teachers
    ]
