"""Build the parts of a run from its plan: student, objective, batches, prepared regularizer."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from tutelage.cache import select
from tutelage.cache.derived import derived
from tutelage.data import Split
from tutelage.errors import ConfigError
from tutelage.experiment.guarded import Guarded
from tutelage.experiment.plan import Plan
from tutelage.experiment.row_memory import refuse_rows_of_others, refuse_what_does_not_fit
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import Teacher, teacher_rows
from tutelage.experiment.teacher_moments import TeacherMoments
from tutelage.experiment.teacher_probe import soft_labels
from tutelage.files import canonical, digest_of
from tutelage.objective import Objective
from tutelage.registry import bind, naming_user_code
from tutelage.regularizers import EachModality, Regularizer, Standardized, TrainingEvidence
from tutelage.students import (
    Student,
    checkpoint_activations,
    in_memory_format,
    limit_training,
    open_student,
    output_layer,
    try_rows,
    try_saving,
)
from tutelage.tasks.soft_labels import SoftLabels
from tutelage.training.accelerator import computing_device
from tutelage.training.batches import BatchSource
from tutelage.training.checkpoint import unchanged_random_state
from tutelage.training.held_features import hold_features
from tutelage.training.inference import represent
from tutelage.training.prepared import PreparedPairs, PreparedRows, prepare_rows
from tutelage.training.storage import choose_keep

__all__ = [
    "Prepared",
    "build_objective",
    "build_student",
    "check_method",
    "prepare_batches",
    "prepare_regularizer",
]


@dataclass(frozen=True)
class Prepared:
    """A run's rows as the student reads them.

    Attributes:
        training: The rows to train on and their views, with the teachers' features and soft labels; or
            new augmented views each time, where these are asked for.
        plain: The same rows, not augmented.
        labelled: Those of the plain rows that have a label to train on.
        evaluated: Test or hold-out rows.
    """

    training: BatchSource
    plain: BatchSource
    labelled: BatchSource
    evaluated: BatchSource


def build_student(plan: Plan, *, folder: Path | None = None) -> Student:
    """Build the student, with a head of one output a class, label or target, and try it.

    Args:
        plan: The run.
        folder: Where saving is tried; by default it is not.

    Raises:
        ConfigError: If the config has no student, or an option cannot be used.
        StudentError: If there is no such model, it cannot take these rows, or cannot be saved.
    """
    settings = plan.config.student
    if settings is None:
        raise ConfigError("setting student is missing; give --student, or [student] with a source")
    student = open_student(
        settings.source,
        output_names=plan.data.classes,
        task=plan.data.task,
        modality=plan.data.modality,
        params=settings.params,
        model_input=None if settings.input is None else settings.input.model_dump(),
        tap=settings.tap,
    )
    if folder is not None:
        try_saving(student, folder, source=settings.source)
    student = limit_training(
        student,
        frozen=settings.frozen,
        lora=None if settings.lora is None else settings.lora.model_dump(),
    )
    train = plan.config.train
    if train.gradient_checkpointing:
        checkpoint_activations(student.model, source=settings.source)
    student = in_memory_format(
        student,
        train.memory_format,
        device=computing_device(train.device),
        precision=train.mixed_precision,
    )
    if plan.task.scaling is not None:
        output_layer(student)  # refused now rather than after training
    with unchanged_random_state():
        rows = [plan.training.rows[index] for index in range(min(2, len(plan.training)))]
        try_rows(student, rows, outputs=plan.task.outputs, source=settings.source)
    return student


def build_objective(plan: Plan, student: Student, teachers: Sequence[Teacher]) -> Objective:
    """Return the task's loss, which training rows' labels may weigh, and the method's term.

    Raises:
        ConfigError: If the method does not take its params, or weights name no class.
    """
    method, settings, train = plan.method, plan.config.transfer, plan.config.train
    custom = method.is_custom
    try:
        with naming_user_code(method.regularizer, kind=ConfigError) if custom else nullcontext():
            widths = {teacher.name: teacher.features.width for teacher in teachers}
            regularizer = _regularizer(plan, student, widths)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"transfer: {error}") from error
    if plan.standardized:
        moments = TeacherMoments.of(plan, teachers)
        regularizer = Standardized(regularizer, moments.mean, std=moments.std)
    loss = plan.task.loss(
        plan.training.labels,
        class_weights=train.class_weights,
        label_smoothing=train.label_smoothing,
    )
    soft = SoftLabels(mix=settings.mix, temperature=settings.temperature, loss=loss)
    beta = settings.beta if method.has_transfer_term else 0.0
    objective = Objective(
        soft if method.uses_soft_labels else loss,
        regularizer,
        beta=beta,
        batch="local" if settings.batch == "local" else "global",
    )
    objective.looks_for_gradients = False  # unused_settings does so before training
    return objective


def check_method(plan: Plan, student: Student) -> Regularizer | None:
    """Refuse what the method cannot use, before the teachers, whose widths matter not, are loaded.

    The method is built without memory or random numbers; one of a user is called only once, by
    ``build_objective``.

    Returns:
        The method's term, without weights; None for one of a user.

    Raises:
        ConfigError: If it does not take ``transfer.params``, or cannot learn from these teachers.
    """
    if plan.method.is_custom:
        return None
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            return _regularizer(plan, student, {teacher.name: 8 for teacher in plan.teachers})
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"transfer: {error}") from error


def _regularizer(plan: Plan, student: Student, widths: Mapping[str, int]) -> Regularizer:
    """The method's term; where the student's features are a product, in the form for that.

    Args:
        plan: The method, its params, and the teachers.
        student: The student, whose widths count.
        widths: Columns of each teacher's features, by name.
    """
    method = plan.method
    asked, memory = plan.config.transfer.params, plan.config.transfer.memory
    params = {**method.params, **asked}
    if contradictions := method.contradictions(asked):
        raise ConfigError("\n".join(contradictions))
    method.refuse_memory(memory)
    refuse_rows_of_others(memory, batch=plan.config.transfer.batch)
    refuse_what_does_not_fit(memory, columns=sum(student.widths.values()) + sum(widths.values()))

    def built(factory: Callable[..., Any], **given: Any) -> Regularizer:
        given |= {"classes": plan.task.outputs, "memory": memory}
        regularizer: Regularizer = bind(factory, given, params, where="transfer.params")
        return Guarded(regularizer, path=method.regularizer) if method.is_custom else regularizer

    if len(student.widths) < 2 or not method.has_transfer_term:
        return built(method.regularizer_class(), student_width=student.width, teacher_widths=widths)
    modalities = {teacher.name: teacher.side for teacher in plan.teachers}
    if method.product is not None:
        return built(
            method.product,
            student_widths=student.widths,
            teacher_widths=widths,
            modalities=modalities,
        )
    return EachModality(
        lambda width, some: built(
            method.regularizer_class(), student_width=width, teacher_widths=some
        ),
        student.widths,
        widths,
        modalities=modalities,
    )


def prepare_batches(
    plan: Plan,
    student: Student,
    teachers: Sequence[Teacher],
    runtime: Runtime,
    *,
    reserved: int = 0,
) -> Prepared:
    """Decode the rows, and join the teachers' features and soft labels to them.

    Args:
        plan: The rows, and where decoded ones may be kept.
        student: Its input decodes them.
        teachers: With their features.
        runtime: Device, cache and progress.
        reserved: Bytes of free memory that are left for the training's steps.
    """
    settings, method = plan.config.train, plan.method
    rows = len(plan.looks) + len(plan.evaluated)
    keep = choose_keep(
        settings.inputs, student.input, rows=rows, reserved=reserved, progress=runtime.progress
    )

    def prepared(split: Split, *, augment: bool = False) -> PreparedRows | PreparedPairs:
        return prepare_rows(
            split,
            student.input,
            keep=keep,
            augment=augment,
            workers=settings.workers,
            progress=runtime.progress,
        )

    looks = prepared(plan.looks)  # the rows as they are come first, and of these the labelled ones
    augmented = settings.augment == "invariant"
    shown = prepared(plan.seen, augment=True) if augmented else looks
    features = soft = None
    if teachers:
        features = teacher_rows(
            teachers, plan.training, unlabelled=plan.unlabelled, views=plan.views
        )
        soft = soft_labels(plan, teachers, features, runtime) if method.uses_soft_labels else None
    compared = features if method.has_transfer_term else None
    held = None
    if compared is not None:
        held = hold_features(compared, plan.config.cache.on_device, device=runtime.device)
    return Prepared(
        training=BatchSource(
            plan.seen, shown, teachers=compared, soft=soft, views=plan.views, held=held
        ),
        plain=BatchSource(plan.seen, looks),
        labelled=BatchSource(plan.training, looks),
        evaluated=BatchSource(plan.evaluated, prepared(plan.evaluated)),
    )


def prepare_regularizer(
    regularizer: Regularizer,
    student: Student,
    prepared: Prepared,
    *,
    plan: Plan,
    teachers: Sequence[Teacher],
    accelerator: Accelerator,
    runtime: Runtime,
) -> None:
    """Let a method that learns something before training look at the training rows.

    What follows from the teachers' features and the seed alone is kept in the cache, but not of a
    custom method: no digest covers all code that it runs, and an edited one must learn anew.
    """
    if prepared.training.teachers is None:
        return
    regularizer.to(accelerator.device)
    config, task, labels = plan.config, plan.task, prepared.training.labels
    size = config.train.batch_size
    evidence = TrainingEvidence(
        teachers=select(prepared.training.teachers, torch.arange(len(plan.seen))),  # no views
        labels=task.standardized(labels),
        classes=task.outputs,
        student=lambda: represent(
            student, prepared.plain, batch_size=size, accelerator=accelerator
        ),
        seed=config.seed,
        device=accelerator.device,
    )

    def learn() -> dict[str, Tensor]:
        regularizer.prepare(evidence)
        return regularizer.learned_state()

    if regularizer.learns_from != "teachers" or plan.method.is_custom:
        regularizer.prepare(evidence)
        return
    about = {
        "what": "what a method learns from teachers' features",
        "version": 4 if plan.standardized else 3,
        "method": [config.transfer.method, config.transfer.params, plan.standardized],
        "seed": config.seed,
        "features": [key for teacher in teachers for key in teacher.keys],
        "rows": digest_of(canonical(list(plan.seen.ids))),
        "device": accelerator.device.type,
    }
    regularizer.load_learned_state(derived(runtime.cache.root, about, compute=learn))
