"""One experiment from its config to its result: the only place where the parts are wired."""

import importlib.util
import platform
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import DataLoaderConfiguration, set_seed
from torch import Tensor, nn

from tutelage.batches import Batches, prepare_rows
from tutelage.cache import Features, FeatureStore, TeacherRows, extract
from tutelage.cache.place import default_root
from tutelage.config import ExperimentConfig, TeacherConfig
from tutelage.datasets import Data, Modality, Split, choose_splits, read_data
from tutelage.datasets.splits import Splits
from tutelage.errors import ConfigError, MissingExtraError
from tutelage.folder import claim, identity, leave
from tutelage.metrics import evaluate
from tutelage.objective import Objective
from tutelage.progress import Progress, Silent
from tutelage.registry import bind, lookup
from tutelage.regularizers import METHODS, Standardized
from tutelage.result import Result, StudentInfo, TeacherInfo
from tutelage.sources import Source, open_teacher
from tutelage.students import Student, build_student
from tutelage.training import fit

__all__ = ["Teacher", "open_data", "run", "teacher_names", "teachers_features"]


@dataclass(frozen=True)
class Teacher:
    """A teacher as a run uses it: its name, where it comes from, and its cached features."""

    name: str
    config: TeacherConfig
    parameters: int | None
    features: Features


def run(
    config: ExperimentConfig, *, resume: bool = False, progress: Progress | None = None
) -> Result:
    """Extract what is not cached, train, evaluate, and leave everything in ``config.output.dir``.

    Args:
        config: What to do.
        resume: Go on from the folder's last checkpoint; a finished run is returned as it is.
        progress: Is told where the run is; by default nobody is.

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
    folder = config.output.dir
    if config.student is None:
        raise ConfigError("setting student is missing; give --student, or [student] with a source")
    started, clock = datetime.now(UTC), _Clock()
    accelerator = _accelerator(config)
    finished = claim(config, resume=resume, main=accelerator.is_main_process)
    accelerator.wait_for_everyone()
    if finished is not None:
        progress.note(f"{folder} is finished; nothing is left to do")
        return finished
    accelerator.init_trackers(config.name)

    with clock("prepare"):
        data, splits = open_data(config)
    with clock("extract"):
        teachers = (
            []
            if config.transfer.method == "stl"
            else teachers_features(config, splits.pool, modality=data.modality, progress=progress)
        )
    set_seed(config.seed)
    with clock("prepare"):
        student = build_student(
            config.student.source,
            classes=data.classes,
            modality=data.modality,
            params=config.student.params,
            model_input=None if config.student.input is None else config.student.input.model_dump(),
            tap=config.student.tap,
        )
        student.model.to(accelerator.device)
        objective = _objective(config, student, teachers)
        if accelerator.num_processes > 1:  # each process draws dropout of its own
            set_seed(config.seed + accelerator.process_index)
        training, held, plain = _batches(config, splits, student, teachers, progress)
    with clock("train"):
        fit(
            student,
            objective,
            training,
            settings=config.train,
            transfer_lr=config.transfer.lr,
            seed=config.seed,
            folder=folder,
            identity=identity(config),
            resume=resume,
            holdout=held if splits.evaluated.name == "holdout" else None,
            accelerator=accelerator,
            progress=progress,
        )
    with clock("evaluate"):
        size = config.train.batch_size
        metrics = {
            "train": evaluate(student, plain, batch_size=size, accelerator=accelerator),
            splits.evaluated.name: evaluate(
                student, held, batch_size=size, accelerator=accelerator
            ),
        }

    rho = _rho(objective.regularizer)
    result = Result(
        name=config.name,
        method=config.transfer.method,
        beta=0.0 if config.transfer.method == "stl" else config.transfer.beta,
        seed=config.seed,
        steps=config.train.steps,
        metrics=metrics,
        rows={"train": len(splits.training), splits.evaluated.name: len(splits.evaluated)},
        classes=list(data.classes),
        student=StudentInfo(
            source=config.student.source,
            parameters=sum(p.numel() for p in student.model.parameters()),
            width=student.width,
            tap=student.tap.path,
        ),
        teachers=_describe(teachers, rho, standardized=config.transfer.standardize),
        seconds=clock.seconds,
        versions=versions(),
        device=_device_name(accelerator.device),
        started=started.isoformat(timespec="seconds"),
        command=shlex.join(
            ["tutelage", "train", str(folder / "config.toml"), "--out", f"{folder}-again"]
        ),
        config=config.model_dump(mode="json", exclude_none=True),
    )
    if accelerator.is_main_process:
        leave(folder, result, student, rho)
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
        label=options.label,
        id=options.id,
        train=options.train,
        test=options.test,
        validation=options.validation,
        params=options.params,
    )
    splits = choose_splits(
        data,
        evaluate=options.evaluate,
        holdout=options.holdout,
        test_share=options.test_share,
        limit=options.limit,
        split_seed=options.split_seed,
    )
    return data, splits


def teachers_features(
    config: ExperimentConfig, pool: Split, *, modality: Modality, progress: Progress
) -> list[Teacher]:
    """Return every teacher with its features of these rows, from the cache or newly extracted."""
    store = FeatureStore(config.cache.dir or default_root())
    teachers = []
    for name, teacher in zip(teacher_names(config.teachers), config.teachers, strict=True):
        source = open_config(teacher, modality=modality)
        with progress.track(f"extract {name}", len(pool), unit="rows") as update:
            features = extract(
                source,
                pool,
                store=store,
                dtype=config.cache.dtype,
                workers=config.cache.workers,
                batch_size=teacher.batch_size,
                device=_device(config),
                on_progress=update,
            )
        teachers.append(Teacher(name, teacher, source.parameters, features))
    return teachers


def open_config(teacher: TeacherConfig, *, modality: Modality) -> Source:
    """Open one teacher of the config."""
    return open_teacher(
        teacher.source,
        modality=modality,
        params=teacher.params,
        model_input=None if teacher.input is None else teacher.input.model_dump(),
    )


def teacher_names(teachers: tuple[TeacherConfig, ...]) -> list[str]:
    """Return how results call the teachers: as they are named, else the source's last part.

    Raises:
        ConfigError: If two teachers have the same name.
    """
    names = [t.name or t.source.rstrip("/").replace(":", "/").rpartition("/")[2] for t in teachers]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(
            f"teachers need names of their own, and {sorted(twice)} stands twice; set teachers.N.name"
        )
    return names


def versions() -> dict[str, str]:
    """Return the versions that decide a run's numbers."""
    packages = ("tutelage", "torch", "accelerate", "timm", "transformers", "datasets", "numpy")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _accelerator(config: ExperimentConfig) -> Accelerator:
    settings = config.train
    if settings.mixed_precision == "fp16" and _device(config).type == "cpu":
        raise ConfigError(
            "train.mixed_precision = 'fp16' needs a GPU; choose 'bf16' or 'no' on the CPU"
        )
    # A process may run several experiments, each with settings of its own.
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    tracker = None if settings.tracker == "none" else settings.tracker
    if tracker is not None and importlib.util.find_spec(tracker) is None:
        raise MissingExtraError(tracker, extra=tracker, purpose=f"train.tracker = {tracker!r}")
    return Accelerator(
        cpu=settings.device == "cpu",
        mixed_precision=settings.mixed_precision,
        gradient_accumulation_steps=settings.accumulate,
        log_with=tracker,
        project_dir=config.output.dir,
        dataloader_config=DataLoaderConfiguration(non_blocking=True),
    )


def _device(config: ExperimentConfig) -> torch.device:
    if config.train.device == "cpu" or not torch.accelerator.is_available():
        return torch.device("cpu")
    return torch.accelerator.current_accelerator() or torch.device("cpu")


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def _objective(config: ExperimentConfig, student: Student, teachers: list[Teacher]) -> Objective:
    settings = config.transfer
    method = lookup(settings.method, METHODS, kind="method")
    widths = {teacher.name: teacher.features.width for teacher in teachers}
    given = {"student_width": student.width, "teacher_widths": widths}
    try:
        regularizer = bind(method, given, settings.params, where="transfer.params")
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"transfer.params: {error}") from error
    if settings.standardize and teachers:
        regularizer = Standardized(
            regularizer,
            {teacher.name: teacher.features.mean for teacher in teachers},
            std={teacher.name: teacher.features.std for teacher in teachers},
        )
    task = nn.CrossEntropyLoss()
    return Objective(task, regularizer, beta=settings.beta if teachers else 0.0)


def _batches(
    config: ExperimentConfig,
    splits: Splits,
    student: Student,
    teachers: list[Teacher],
    progress: Progress,
) -> tuple[Batches, Batches, Batches]:
    """The rows to train on, the rows to evaluate, and the training rows as they are."""
    settings = config.train
    if settings.augment == "invariant" and splits.training.rows.modality != "image":
        raise ConfigError("train.augment = 'invariant' changes images; for texts choose 'none'")
    rows = (
        TeacherRows({t.name: t.features for t in teachers}, splits.training.ids)
        if teachers
        else None
    )
    keep, workers = settings.inputs, settings.workers

    def prepared(split: Split, *, augment: bool = False) -> Any:
        return prepare_rows(
            split, student.input, keep=keep, augment=augment, workers=workers, progress=progress
        )

    plain = prepared(splits.training)
    seen = prepared(splits.training, augment=True) if settings.augment == "invariant" else plain
    return (
        Batches(splits.training, seen, teachers=rows),
        Batches(splits.evaluated, prepared(splits.evaluated), teachers=None),
        Batches(splits.training, plain, teachers=None),
    )


def _rho(regularizer: nn.Module) -> dict[str, Tensor]:
    """Each teacher's column weights, where the method has them."""
    inner = regularizer.regularizer if isinstance(regularizer, Standardized) else regularizer
    weights: Callable[[], dict[str, Tensor]] | None = getattr(inner, "rho", None)
    return {} if weights is None else {n: w.cpu().contiguous() for n, w in weights().items()}


def _describe(
    teachers: list[Teacher], rho: Mapping[str, Tensor], *, standardized: bool
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
            bytes=t.features.bytes,
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
