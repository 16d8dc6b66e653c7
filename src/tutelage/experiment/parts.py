"""What a run is made of: rows, what the student is trained on, batches, what comes before training."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tutelage.cache.derived import derived
from tutelage.cache.key import canonical, digest_of
from tutelage.cache.place import default_root
from tutelage.config import ExperimentConfig
from tutelage.data import Split, Splits, chained
from tutelage.errors import ConfigError, TrainingError
from tutelage.experiment.teacher_features import Teacher, soft_labels, teacher_rows
from tutelage.objective import Objective
from tutelage.progress import Progress
from tutelage.registry import bind, import_object, own_code
from tutelage.regularizers import EachModality, Evidence, Standardized
from tutelage.regularizers.catalogue import PRODUCTS, Method
from tutelage.students import Student
from tutelage.tasks.base import Task, as_list
from tutelage.tasks.losses import task_loss
from tutelage.tasks.soft_labels import SoftLabels
from tutelage.training.batches import Batches, PreparedPairs, PreparedRows, prepare_rows
from tutelage.training.inference import represent
from tutelage.training.lengths import with_steps

__all__ = ["RunBatches", "RunRows", "batches_for", "objective_for", "prepare_regularizer"]


@dataclass(frozen=True)
class RunRows:
    """The rows of a run.

    Attributes:
        training: With labels.
        unlabelled: Those without that this run learns from, by where they come from.
        evaluated: Test or hold-out rows.
    """

    training: Split
    unlabelled: tuple[Split, ...]
    evaluated: Split

    @classmethod
    def of(cls, config: ExperimentConfig, method: Method, splits: Splits) -> "RunRows":
        """A method without teachers, or a share of 0, leaves unlabelled rows aside."""
        used = method.taught and config.train.unlabelled_share > 0
        return cls(splits.training, splits.unlabelled if used else (), splits.evaluated)

    @property
    def all(self) -> Split:
        """The training rows, then the unlabelled ones."""
        return chained([self.training, *self.unlabelled])

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each."""
        more = {"unlabelled": sum(map(len, self.unlabelled))} if self.unlabelled else {}
        return {"train": len(self.training), self.evaluated.name: len(self.evaluated), **more}

    def settle(self, config: ExperimentConfig, *, processes: int) -> ExperimentConfig:
        """The config with the steps that whole epochs of these rows come to."""
        train = with_steps(
            config.train,
            labelled=len(self.training),
            unlabelled=sum(map(len, self.unlabelled)),
            processes=processes,
        )
        return config.replace({"train.steps": train.steps})

    def identity(self, config: ExperimentConfig, teachers: Sequence[Teacher]) -> str:
        """A digest of settings, rows and features: a checkpoint of others is not gone on with."""
        content = [
            config.digest(),
            list(self.training.ids),
            as_list(self.training.labels),
            [list(split.ids) for split in self.unlabelled],
            [f.key.digest for t in teachers for f in (t.features, *t.unlabelled)],
        ]
        return digest_of(canonical(content))


@dataclass(frozen=True)
class RunBatches:
    """A run's rows as the student reads them.

    Attributes:
        training: To train on: augmented where that is asked for, with the teachers' features.
        plain: The same rows as they are.
        evaluated: Test or hold-out rows.
    """

    training: Batches
    plain: Batches
    evaluated: Batches


def objective_for(
    config: ExperimentConfig,
    method: Method,
    student: Student,
    teachers: Sequence[Teacher],
    *,
    task: Task,
    labels: Tensor,
) -> Objective:
    """Return the task's loss, which training rows' labels may weigh, and the method's term.

    Raises:
        ConfigError: If the method does not take its params, or weights name no class.
    """
    settings = config.transfer
    own = ":" in method.regularizer
    try:
        with own_code(method.regularizer, kind=ConfigError) if own else nullcontext():
            regularizer = _regularizer(
                method, student, teachers, classes=task.outputs, params=settings.params
            )
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"transfer: {error}") from error
    if own:
        _name_errors(regularizer, path=method.regularizer)
    if settings.standardize and method.transfers:
        regularizer = Standardized(
            regularizer,
            {teacher.name: teacher.features.mean for teacher in teachers},
            std={teacher.name: teacher.features.std for teacher in teachers},
        )
    loss = task_loss(
        task,
        labels,
        class_weights=config.train.class_weights,
        label_smoothing=config.train.label_smoothing,
    )
    soft = SoftLabels(mix=settings.mix, temperature=settings.temperature, loss=loss)
    beta = settings.beta if method.transfers else 0.0
    return Objective(soft if method.soft else loss, regularizer, beta=beta)


def _regularizer(
    method: Method,
    student: Student,
    teachers: Sequence[Teacher],
    *,
    classes: int,
    params: Mapping[str, Any],
) -> nn.Module:
    """The method's term; where the student's features are a product, in the form for that."""
    widths = {teacher.name: teacher.features.width for teacher in teachers}
    sides = {teacher.name: teacher.side for teacher in teachers}
    params = {**method.params, **params}

    def built(path: type[nn.Module], **given: Any) -> nn.Module:
        made: nn.Module = bind(path, given | {"classes": classes}, params, where="transfer.params")
        return made

    if len(student.widths) < 2 or not method.transfers:
        return built(method.regularizer_class(), student_width=student.width, teacher_widths=widths)
    products = {"student_widths": student.widths, "teacher_widths": widths, "sides": sides}
    if method.regularizer in PRODUCTS:
        return built(import_object(PRODUCTS[method.regularizer]), **products)
    return EachModality(
        lambda width, some: built(
            method.regularizer_class(), student_width=width, teacher_widths=some
        ),
        student.widths,
        widths,
        sides=sides,
    )


def _name_errors(regularizer: nn.Module, *, path: str) -> None:
    """Let what a method of one's own raises name it, and refuse what is not a scalar."""
    called = own_code(path, kind=TrainingError)(regularizer.forward)

    def forward(student: Tensor, teacher: Mapping[str, Tensor]) -> Tensor:
        value = called(student, teacher)
        if not isinstance(value, Tensor) or value.ndim > 0:
            what = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise TrainingError(
                f"{path} gave {what} for a batch; a method returns a scalar tensor, such as a mean"
            )
        return value

    regularizer.forward = forward
    if callable(prepare := getattr(regularizer, "prepare", None)):
        regularizer.prepare = own_code(path, kind=TrainingError)(prepare)


def batches_for(
    config: ExperimentConfig,
    method: Method,
    rows: RunRows,
    student: Student,
    teachers: Sequence[Teacher],
    *,
    task: Task,
    progress: Progress,
) -> RunBatches:
    """Decode the rows, and put the teachers' features and soft labels beside them."""
    settings = config.train
    seen = rows.all
    if settings.augment == "invariant" and seen.rows.modality == "text":
        raise ConfigError("train.augment = 'invariant' changes images; for texts choose 'none'")
    keep, workers = settings.inputs, settings.workers

    def prepared(split: Split, *, augment: bool = False) -> PreparedRows | PreparedPairs:
        return prepare_rows(
            split, student.input, keep=keep, augment=augment, workers=workers, progress=progress
        )

    plain = prepared(seen)
    views = prepared(seen, augment=True) if settings.augment == "invariant" else plain
    features = (
        teacher_rows(teachers, rows.training, unlabelled=rows.unlabelled) if teachers else None
    )
    soft = None
    if method.soft and features is not None:
        soft = soft_labels(
            config,
            teachers,
            features,
            training=rows.training,
            labels=seen.labels,
            task=task,
            progress=progress,
        )
    return RunBatches(
        training=Batches(seen, views, teachers=features if method.transfers else None, soft=soft),
        plain=Batches(seen, plain),
        evaluated=Batches(rows.evaluated, prepared(rows.evaluated)),
    )


def prepare_regularizer(
    regularizer: nn.Module,
    student: Student,
    batches: RunBatches,
    *,
    config: ExperimentConfig,
    rows: RunRows,
    teachers: Sequence[Teacher],
    task: Task,
    accelerator: Accelerator,
) -> None:
    """Let a method that learns something before training look at the training rows.

    What follows from the teachers' features and the seed alone is kept in the cache.
    """
    prepare: Callable[[Evidence], None] | None = getattr(regularizer, "prepare", None)
    inner = regularizer.regularizer if isinstance(regularizer, Standardized) else regularizer
    if prepare is None or not isinstance(inner, nn.Module) or batches.training.teachers is None:
        return
    regularizer.to(accelerator.device)
    size, labels = config.train.batch_size, batches.training.labels
    evidence = Evidence(
        teachers=batches.training.teachers,
        labels=labels if task.scale is None else task.scale.standardised(labels),
        classes=task.outputs,
        student=lambda: represent(student, batches.plain, batch_size=size, accelerator=accelerator),
        seed=config.seed,
        device=accelerator.device,
    )

    def learn() -> dict[str, Tensor]:
        prepare(evidence)
        return dict(inner.named_buffers())

    if not getattr(inner, "of_teachers_alone", False):
        learn()
        return
    about = {
        "what": "what a method learns from teachers' features",
        "version": 1,
        "method": [config.transfer.method, config.transfer.params, config.transfer.standardize],
        "seed": config.seed,
        "features": [f.key.digest for t in teachers for f in (t.features, *t.unlabelled)],
        "rows": digest_of(canonical(list(rows.all.ids))),
        "device": accelerator.device.type,
    }
    kept = derived(config.cache.dir or default_root(), about, compute=learn)
    for name, value in kept.items():
        inner.get_buffer(name).copy_(value)
    inner.set_extra_state(torch.tensor(True))
