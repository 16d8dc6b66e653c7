"""One experiment, from its config to its result."""

from collections.abc import Mapping, Sequence

from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor

from tutelage.config import ExperimentConfig
from tutelage.experiment.examples import choose_examples
from tutelage.experiment.head_start import start_head
from tutelage.experiment.outcome import describe, measure
from tutelage.experiment.parts import (
    Prepared,
    build_objective,
    build_student,
    check_method,
    prepare_batches,
    prepare_regularizer,
)
from tutelage.experiment.plan import Plan
from tutelage.experiment.repeated_rows import repeated_rows
from tutelage.experiment.row_memory import words_of_copies
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.same_rows import refuse_other_rows
from tutelage.experiment.shares import lopsided
from tutelage.experiment.step_memory import refuse_step_without_room
from tutelage.experiment.teacher_features import (
    Teacher,
    extract_features,
    refuse_constant,
    run_digest,
)
from tutelage.experiment.teachers_view import teachers_view
from tutelage.experiment.unused import unused_settings
from tutelage.objective import Objective
from tutelage.progress import Progress
from tutelage.ranks import process_count
from tutelage.results.result import Result
from tutelage.results.run_folder import RunFolder
from tutelage.students import Student
from tutelage.training.accelerator import accelerator_for, precision_on, refuse_apart
from tutelage.training.checkpoint import unchanged_random_state
from tutelage.training.clock import Clock
from tutelage.training.diverged import words_if_diverged
from tutelage.training.loop import Holdout, OnEvaluation, TrainingRows, fit
from tutelage.training.settled import batch_norm_losses

__all__ = ["run"]

COARSE = 0.01
"""Distance of neighboring predictions, in standard deviations of the target, that is worth a word."""


def run(
    config: ExperimentConfig,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    on_evaluation: OnEvaluation | None = None,
    check_rows: bool = True,
) -> Result:
    """Extract what is not cached, train, evaluate, and write everything to ``config.output.dir``.

    Args:
        config: The experiment.
        resume: Continue from the folder's last checkpoint; a finished run is returned as it is.
        progress: Receives progress reports. Silent by default.
        on_evaluation: Receives the step and the metrics of each evaluation on the hold-out during
            training; may raise to end a run early.
        check_rows: Whether the rows of a finished run are compared with those of the data, which is
            opened for that; searches do so once for all of their runs.

    Returns:
        The result, which is also in ``result.json``.

    Raises:
        TrainingError: If the folder holds a run that is not to be resumed, or is of other settings or
            rows.
        TutelageError: If something in config, data, teachers, cache or student cannot be used;
            what can be known before computing is told before any teacher is run.

    Example:
        >>> config = ExperimentConfig.model_validate({
        ...     "data": {"source": "folder:flowers/"},
        ...     "teachers": [{"source": "timm:vit_giant_patch14_dinov2.lvd142m"}],
        ...     "student": {"source": "timm:vit_small_patch16_224.augreg_in1k"},
        ... })
        >>> result = run(config)  # doctest: +SKIP
    """
    accelerator, runtime = accelerator_for(config), Runtime.of(config, progress)
    with RunFolder.claim(
        config,
        resume=resume,
        main=accelerator.is_main_process,
        precision=precision_on(accelerator.device, config.train.mixed_precision),
    ) as folder:
        accelerator.wait_for_everyone()
        refuse_apart(folder, accelerator)
        if folder.result is not None:
            if check_rows:
                refuse_other_rows(folder.result, folder.path, runtime.progress)
            runtime.progress.note(f"{folder.path} is finished; nothing is left to do")
            return folder.result
        clock = Clock()
        with clock("prepare"):
            plan = Plan.of(config, processes=accelerator.num_processes)
            plan.tell(runtime.progress)
            row_digests = plan.row_digests  # of the rows as they are before training
            accelerator.init_trackers(config.name)
            set_seed(config.seed)
            student = build_student(
                plan, folder=folder.path if accelerator.is_main_process else None
            )
            check_method(plan, student)
            of_a_step = refuse_step_without_room(
                student,
                plan.looks,
                rows=plan.rows_of_a_pass,
                settings=plan.config.train,
                accelerator=accelerator,
            )
        with clock("extract"), unchanged_random_state():
            teachers = extract_features(plan, runtime, look_up_evaluated=True)
            refuse_constant(teachers)
        with clock("prepare"):
            student.model.to(accelerator.device)
            objective = build_objective(plan, student, teachers)
            for word in _words_before(plan, objective, teachers, student, asked=config):
                runtime.progress.note(word)
            if accelerator.num_processes > 1:  # each process draws dropout of its own
                set_seed(config.seed + accelerator.process_index)
            prepared = prepare_batches(plan, student, teachers, runtime, reserved=of_a_step)
            with unchanged_random_state():
                head = start_head(
                    plan,
                    student,
                    prepared.labelled,
                    accelerator=accelerator,
                    runtime=runtime,
                )
            prepare_regularizer(
                objective.regularizer,
                student,
                prepared,
                plan=plan,
                teachers=teachers,
                accelerator=accelerator,
                runtime=runtime,
            )
        held_out = plan.evaluated.name == "holdout"
        with clock("train"):
            fit(
                student,
                objective,
                TrainingRows(prepared.training, plan.task, run_digest(plan, teachers), row_digests),
                config=plan.config,
                folder=folder,
                holdout=Holdout(prepared.evaluated, on_evaluation) if held_out else None,
                accelerator=accelerator,
                progress=runtime.progress,
                clock=clock,
            )
        with clock("evaluate"):
            doubts = _unsettled(plan, student, prepared, accelerator=accelerator)
            measured = measure(plan, student, prepared, accelerator=accelerator)
            if not doubts and (
                worse := words_if_diverged(
                    measured.metrics["train"].get("loss"),
                    plan.task,
                    plan.training.labels,
                    probed=head == "probe",
                )
            ):
                doubts.append(worse)
            examples = None
            if accelerator.is_main_process and config.output.examples:
                view = teachers_view(plan, teachers, runtime, soft=prepared.training.soft)
                examples = choose_examples(plan, measured.predictions, view)
        for doubt in doubts:
            runtime.progress.note(doubt)
        weights = objective.regularizer.column_weights()
        rho = {name: weight.cpu().contiguous() for name, weight in weights.items()}
        for word in _lopsided(plan, teachers, student, rho) if rho else []:
            runtime.progress.note(word)
        result = describe(
            plan,
            student,
            teachers,
            folder,
            metrics=measured.metrics,
            row_digests=row_digests,
            rho=rho,
            clock=clock,
            device=accelerator.device,
            head=head,
            doubts=doubts,
        )
        if accelerator.is_main_process:
            result = folder.finish(
                result, student, rho=rho, predictions=measured.predictions, examples=examples
            )
        accelerator.wait_for_everyone()
        accelerator.end_training()
    return result


def _words_before(
    plan: Plan,
    objective: Objective,
    teachers: Sequence[Teacher],
    student: Student,
    *,
    asked: ExperimentConfig,
) -> list[str]:
    """What the user should know before training: unused settings, and a teacher that decides alone."""
    with unchanged_random_state():
        words = unused_settings(plan, objective.regularizer, asked=asked, student=student)
    words += repeated_rows(
        asked.train,
        joined=asked.transfer.batch,
        labelled=len(plan.training),
        processes=process_count(),
    )
    if plan.method.has_transfer_term:
        words += words_of_copies(asked.transfer.memory, trained=len(plan.looks))
        words += _lopsided(plan, teachers, student)
    if (scaling := plan.task.scaling) is not None:
        words += [
            f"the target {name!r} is {mean:.10g} ± {std:.3g}; the predictions of a float32 model are "
            f"{step:.1%} of that deviation apart: subtract a constant from it"
            for name, mean, std, step in zip(
                plan.task.names, scaling.mean, scaling.std, scaling.float32_steps, strict=True
            )
            if step > COARSE
        ]
    return words


def _unsettled(
    plan: Plan, student: Student, prepared: Prepared, *, accelerator: Accelerator
) -> list[str]:
    """Say if the student is not used as it was trained, judged on a batch of training rows."""
    count, batch_size = prepared.labelled.labelled, plan.config.train.batch_size
    rows = [number * count // batch_size for number in range(batch_size)]
    losses = batch_norm_losses(
        student,
        prepared.labelled,
        rows=sorted(set(rows)),
        task=plan.task,
        accelerator=accelerator,
    )
    return [losses.words(plan.config.train.known_steps)] if losses and losses.unsettled else []


def _lopsided(
    plan: Plan,
    teachers: Sequence[Teacher],
    student: Student,
    rho: Mapping[str, Tensor] | None = None,
) -> list[str]:
    sides = {teacher.plan.side for teacher in teachers} if len(student.widths) > 1 else {None}
    kernels = [
        {t.name: t.features.std for t in teachers if side in (None, t.plan.side)} for side in sides
    ]
    return lopsided(kernels, standardized=plan.standardized, weights=rho)
