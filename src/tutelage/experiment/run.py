"""One experiment, from its config to its result."""

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from accelerate.utils import set_seed
from torch import Tensor

from tutelage.config import ExperimentConfig
from tutelage.experiment.parts import (
    build_objective,
    build_student,
    prepare_batches,
    prepare_regularizer,
)
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.experiment.teacher_features import Teacher, extract_features
from tutelage.progress import Progress
from tutelage.results.result import Result, StudentInfo, TeacherInfo
from tutelage.results.run_folder import RunFolder
from tutelage.students import Student, fold_target_scaling
from tutelage.training.accelerator import accelerator_for, device_name, versions
from tutelage.training.checkpoint import unchanged_random_state
from tutelage.training.inference import evaluate
from tutelage.training.loop import Holdout, OnEvaluation, TrainingRows, fit

__all__ = ["run"]


def run(
    config: ExperimentConfig,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    on_evaluation: OnEvaluation | None = None,
) -> Result:
    """Extract what is not cached, train, evaluate, and write everything to ``config.output.dir``.

    Args:
        config: The experiment.
        resume: Continue from the folder's last checkpoint; a finished run is returned as it is.
        progress: Receives progress reports. Silent by default.
        on_evaluation: Receives the step and the metrics of each evaluation on the hold-out during
            training; may raise to end a run early.

    Returns:
        The result, which is also in ``result.json``.

    Raises:
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
    with RunFolder.claim(config, resume=resume, main=accelerator.is_main_process) as folder:
        accelerator.wait_for_everyone()
        if folder.result is not None:
            runtime.progress.note(f"{folder.path} is finished; nothing is left to do")
            return folder.result
        clock = _Clock()
        with clock("prepare"):
            plan = Plan.of(config, processes=accelerator.num_processes)
            accelerator.init_trackers(config.name)
            set_seed(config.seed)
            student = build_student(plan)
        with clock("extract"), unchanged_random_state():
            teachers = extract_features(plan, runtime)
        with clock("prepare"):
            student.model.to(accelerator.device)
            objective = build_objective(plan, student, teachers)
            if accelerator.num_processes > 1:  # each process draws dropout of its own
                set_seed(config.seed + accelerator.process_index)
            prepared = prepare_batches(plan, student, teachers, runtime)
            prepare_regularizer(
                objective.regularizer,
                student,
                prepared,
                plan=plan,
                teachers=teachers,
                accelerator=accelerator,
                runtime=runtime,
            )
        digest = plan.digest([key for teacher in teachers for key in teacher.keys])
        held_out = plan.evaluated.name == "holdout"
        if config.train.eval_every and not held_out:
            runtime.progress.note(
                "train.eval_every is not used: the test rows are evaluated once, at the end; set "
                "data.evaluate = 'holdout' to follow a hold-out during training"
            )
        with clock("train"):
            fit(
                student,
                objective,
                TrainingRows(prepared.training, plan.task, digest),
                config=plan.config,
                folder=folder,
                holdout=Holdout(prepared.evaluated, on_evaluation) if held_out else None,
                accelerator=accelerator,
                progress=runtime.progress,
            )
        with clock("evaluate"):
            metrics = {
                name: evaluate(
                    student,
                    batches,
                    task=plan.task,
                    batch_size=config.train.batch_size,
                    accelerator=accelerator,
                )
                for name, batches in (
                    ("train", prepared.plain),
                    (plan.evaluated.name, prepared.evaluated),
                )
            }
            if plan.task.scaling is not None:
                fold_target_scaling(student, plan.task.scaling)
        weights = objective.regularizer.column_weights()
        rho = {name: weight.cpu().contiguous() for name, weight in weights.items()}
        result = Result(
            name=config.name,
            method=config.transfer.method,
            beta=config.transfer.beta if plan.method.has_transfer_term else 0.0,
            seed=config.seed,
            steps=plan.config.train.steps,
            task=plan.task.kind,
            metric=plan.task.lead.name,
            metrics=metrics,
            rows=plan.counts,
            classes=list(plan.data.classes),
            student=_student_info(plan, student),
            teachers=_teacher_infos(plan, teachers, rho),
            seconds=clock.seconds,
            versions=versions(),
            device=device_name(accelerator.device),
            started=clock.started.isoformat(timespec="seconds"),
            command=shlex.join(
                ["tutelage", "train", str(folder.config), "--out", f"{folder.path}-again"]
            ),
            config=plan.config.model_dump(mode="json", exclude_none=True),
        )
        if accelerator.is_main_process:
            folder.finish(result, student, rho=rho)
        accelerator.wait_for_everyone()
        accelerator.end_training()
    return result


def _student_info(plan: Plan, student: Student) -> StudentInfo:
    return StudentInfo(
        source=plan.config.student.source if plan.config.student else "",
        parameters=student.parameters,
        width=student.width,
        tap=student.tap.path,
    )


def _teacher_infos(
    plan: Plan, teachers: Sequence[Teacher], rho: Mapping[str, Tensor]
) -> list[TeacherInfo]:
    """The teachers as results describe them, with their share of the weighted features' energy."""
    energies: dict[str, float] = {}
    for teacher in teachers:
        if teacher.name in rho:
            spread = teacher.features.std
            standardized = plan.config.transfer.standardize
            variance = (spread > 0).double() if standardized else spread.double().square()
            energies[teacher.name] = float((rho[teacher.name].double().square() * variance).sum())
    total = sum(energies.values())
    return [
        TeacherInfo(
            name=teacher.name,
            source=teacher.plan.config.source,
            width=teacher.features.width,
            parameters=teacher.parameters,
            cache_key={"train": teacher.features.key.digest},
            bytes=teacher.bytes,
            rho_mean=float(rho[teacher.name].mean()) if teacher.name in rho else None,
            share=energies[teacher.name] / total if total > 0 else None,
        )
        for teacher in teachers
    ]


class _Clock:
    """The time of the start, and seconds by phase."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[phase] = round(self.seconds.get(phase, 0.0) + time.perf_counter() - began, 3)
