"""One experiment from its config to its result: the only place where the parts are wired."""

import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn

from tutelage.config import ExperimentConfig
from tutelage.data import Data, Splits, choose_splits, read_data, read_unlabelled
from tutelage.errors import ConfigError
from tutelage.experiment.parts import RunRows, batches_for, objective_for, prepare_regularizer
from tutelage.experiment.teacher_features import Teacher, teachers_features
from tutelage.progress import Progress, Silent
from tutelage.regularizers import Standardized
from tutelage.regularizers.catalogue import parse_method
from tutelage.results.result import Result, StudentInfo, TeacherInfo
from tutelage.results.run_folder import RunFolder
from tutelage.students import (
    Student,
    build_student,
    limit_training,
    output_layer,
    unstandardise,
)
from tutelage.tasks.base import Task
from tutelage.tasks.scores import refuse_unmeasurable
from tutelage.training.accelerator import accelerator_for, device_name, versions
from tutelage.training.inference import evaluate
from tutelage.training.loop import Holdout, OnEvaluation, TrainingRows, fit

__all__ = ["build", "open_data", "run", "task_for"]


def run(
    config: ExperimentConfig,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    on_evaluation: Callable[[int, Mapping[str, float]], None] | None = None,
) -> Result:
    """Extract what is not cached, train, evaluate, and leave everything in ``config.output.dir``.

    Args:
        config: What to do.
        resume: Go on from the folder's last checkpoint; a finished run is returned as it is.
        progress: Is told where the run is; by default nobody is.
        on_evaluation: Is told the step and the metrics of each evaluation on the hold-out during
            training; may raise to end a run that is not worth going on with.

    Returns:
        The result that also stands in ``result.json``.

    Raises:
        TutelageError: If something in config, data, teachers, cache or student cannot be used.

    Example:
        >>> config = ExperimentConfig.model_validate({
        ...     "data": {"source": "folder:flowers/"},
        ...     "teachers": [{"source": "timm:vit_giant_patch14_dinov2.lvd142m"}],
        ...     "student": {"source": "timm:vit_small_patch16_224.augreg_in1k"},
        ... })
        >>> result = run(config)  # doctest: +SKIP
    """
    progress = progress or Silent()
    accelerator = accelerator_for(config)
    with RunFolder.claim(config, resume=resume, main=accelerator.is_main_process) as folder:
        accelerator.wait_for_everyone()
        if folder.result is not None:
            progress.note(f"{folder.path} is finished; nothing is left to do")
            return folder.result
        return _train(config, folder, accelerator, progress=progress, on_evaluation=on_evaluation)


def _train(
    config: ExperimentConfig,
    folder: RunFolder,
    accelerator: Accelerator,
    *,
    progress: Progress,
    on_evaluation: OnEvaluation | None,
) -> Result:
    method = parse_method(config.transfer.method)
    started, clock = datetime.now(UTC), _Clock()
    accelerator.init_trackers(config.name)

    with clock("prepare"):
        data, splits = open_data(config)
        task = task_for(config, data, splits)
    rows = RunRows.of(config, method, splits)
    config = rows.settle(config, processes=accelerator.num_processes)
    with clock("extract"):
        teachers = (
            teachers_features(
                config,
                splits.pool,
                unlabelled=rows.unlabelled,
                modality=data.modality,
                progress=progress,
            )
            if method.taught
            else []
        )
    set_seed(config.seed)
    with clock("prepare"):
        student = build(config, data)
        if task.scale is not None:
            output_layer(student)  # found now, or not at all: before anything is trained
        student.model.to(accelerator.device)
        objective = objective_for(
            config, method, student, teachers, task=task, labels=rows.training.labels
        )
        if accelerator.num_processes > 1:  # each process draws dropout of its own
            set_seed(config.seed + accelerator.process_index)
        batches = batches_for(config, method, rows, student, teachers, task=task, progress=progress)
        prepare_regularizer(
            objective.regularizer,
            student,
            batches,
            config=config,
            rows=rows,
            teachers=teachers,
            task=task,
            accelerator=accelerator,
        )
    with clock("train"):
        fit(
            student,
            objective,
            TrainingRows(batches.training, task, rows.identity(config, teachers)),
            config=config,
            folder=folder,
            holdout=Holdout(batches.evaluated, on_evaluation)
            if splits.evaluated.name == "holdout"
            else None,
            accelerator=accelerator,
            progress=progress,
        )
    with clock("evaluate"):
        metrics = {
            name: evaluate(
                student,
                evaluated,
                task=task,
                batch_size=config.train.batch_size,
                accelerator=accelerator,
            )
            for name, evaluated in (
                ("train", batches.plain),
                (splits.evaluated.name, batches.evaluated),
            )
        }
        if task.scale is not None:
            unstandardise(student, task.scale)

    rho = _rho(objective.regularizer)
    result = Result(
        name=config.name,
        method=config.transfer.method,
        beta=config.transfer.beta if method.transfers else 0.0,
        seed=config.seed,
        steps=config.train.steps,
        task=task.kind,
        metric=task.lead.name,
        metrics=metrics,
        rows=rows.counts,
        classes=list(data.classes),
        student=StudentInfo(
            source=config.student.source if config.student else "",
            parameters=student.parameters,
            width=student.width,
            tap=student.tap.path,
        ),
        teachers=_describe(teachers, rho, standardized=config.transfer.standardize),
        seconds=clock.seconds,
        versions=versions(),
        device=device_name(accelerator.device),
        started=started.isoformat(timespec="seconds"),
        command=shlex.join(
            ["tutelage", "train", str(folder.config), "--out", f"{folder.path}-again"]
        ),
        config=config.model_dump(mode="json", exclude_none=True),
    )
    if accelerator.is_main_process:
        folder.finish(result, student, rho=rho)
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return result


def open_data(config: ExperimentConfig) -> tuple[Data, Splits]:
    """Read the data and choose the rows to train and to evaluate on."""
    options = config.data
    data = read_data(
        options.source,
        image=options.image,
        text=options.text,
        template=options.template,
        task=options.task,
        label=options.label,
        label_separator=options.label_separator,
        id=options.id,
        train=options.train,
        test=options.test,
        validation=options.validation,
        read_test=options.evaluate == "test",
        params=options.params,
    )
    splits = choose_splits(
        data,
        evaluate=options.evaluate,
        holdout=options.holdout,
        test_share=options.test_share,
        limit=options.limit,
        split_seed=options.split_seed,
        unlabelled=None
        if options.unlabelled is None
        else read_unlabelled(
            options.unlabelled,
            like=data,
            image=options.image,
            text=options.text,
            template=options.template,
            id=options.id,
            split=options.unlabelled_split,
        ),
    )
    return data, splits


def task_for(config: ExperimentConfig, data: Data, splits: Splits) -> Task:
    """Return what is to be learned from the training rows.

    Raises:
        DataError: If the metric that leads is undefined on the evaluated rows.
        ConfigError: If the task has no such metric.
    """
    task = Task.of(data.task, data.classes, splits.training.labels, metric=config.data.metric)
    refuse_unmeasurable(
        task.kind,
        task.lead,
        splits.evaluated.labels,
        outputs=task.outputs,
        where=f"the {splits.evaluated.name} rows",
    )
    return task


def build(config: ExperimentConfig, data: Data) -> Student:
    """Build the student of a config, with a head of one output a class, label or target.

    Raises:
        ConfigError: If the config has no student.
    """
    if config.student is None:
        raise ConfigError("setting student is missing; give --student, or [student] with a source")
    settings = config.student
    student = build_student(
        settings.source,
        classes=data.classes,
        task=data.task,
        modality=data.modality,
        params=settings.params,
        model_input=None if settings.input is None else settings.input.model_dump(),
        tap=settings.tap,
    )
    return limit_training(
        student,
        frozen=settings.frozen,
        lora=None if settings.lora is None else settings.lora.model_dump(),
    )


def _rho(regularizer: nn.Module) -> dict[str, Tensor]:
    """Each teacher's column weights, where the method has them."""
    inner = regularizer.regularizer if isinstance(regularizer, Standardized) else regularizer
    weights: Callable[[], dict[str, Tensor]] | None = getattr(inner, "rho", None)
    return {} if weights is None else {n: w.cpu().contiguous() for n, w in weights().items()}


def _describe(
    teachers: Sequence[Teacher], rho: Mapping[str, Tensor], *, standardized: bool
) -> list[TeacherInfo]:
    energies: dict[str, float] = {}
    for teacher in teachers:
        if teacher.name in rho:
            spread = teacher.features.std
            variance = (spread > 0).double() if standardized else spread.double().square()
            energies[teacher.name] = float((rho[teacher.name].double().square() * variance).sum())
    total = sum(energies.values())
    return [
        TeacherInfo(
            name=t.name,
            source=t.config.source,
            width=t.features.width,
            parameters=t.parameters,
            cache_key={"train": t.features.key.digest},
            bytes=t.bytes,
            rho_mean=float(rho[t.name].mean()) if t.name in rho else None,
            share=energies[t.name] / total if total > 0 else None,
        )
        for t in teachers
    ]


class _Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, phase: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[phase] = round(self.seconds.get(phase, 0.0) + time.perf_counter() - began, 3)
