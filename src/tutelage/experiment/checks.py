"""What can be wrong with a run before anything is computed, collected and told at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from tutelage.config import ExperimentConfig
from tutelage.data import Data, Modality, Splits
from tutelage.errors import ConfigError, DataError, TutelageError
from tutelage.registry import bind, problems
from tutelage.regularizers.catalogue import MethodSpec
from tutelage.students.build import student_problems
from tutelage.students.checkpointing import checkpointing_problem
from tutelage.tasks import TASKS, Task
from tutelage.teachers.build import LOOKED_UP

__all__ = [
    "Mistakes",
    "check_loss",
    "check_params",
    "problems_of_student",
    "task_of",
    "view_problems",
]

HEAD_OF_PAIRS = (
    "student.head = 'probe' is for rows of one modality: the head of an image and a text is linear in "
    "the product of their features, not in the features; leave it out"
)

Made = TypeVar("Made")


@dataclass
class Mistakes:
    """Mistakes that are collected, so that all are told at once."""

    errors: list[TutelageError] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.errors)

    def tell(self, work: Callable[[], Made]) -> Made | None:
        """Do some work; the error that it raises is kept."""
        try:
            return work()
        except TutelageError as error:
            self.errors.append(error)
            return None

    def add(self, *messages: str) -> None:
        """Keep mistakes that were found without raising."""
        self.errors.extend(ConfigError(message) for message in messages)

    def error(self) -> TutelageError:
        """The only mistake as it was raised, or one error with all of them."""
        lines = dict.fromkeys(str(error) for error in self.errors)
        return self.errors[0] if len(lines) == 1 else ConfigError("\n".join(lines))


def task_of(config: ExperimentConfig, data: Data, splits: Splits) -> Task:
    """The task of the training rows, whose leading metric the evaluated rows can measure."""
    labels = splits.training.labels
    try:
        task = TASKS[data.task].of(data.classes, labels, metric=config.data.metric)
        where = f"the {splits.evaluated.name} rows"
        task.refuse_unmeasurable(splits.evaluated.labels, where=where)
    except (ConfigError, DataError) as error:
        raise type(error)(f"data.metric: {error}") from error
    return task


def check_loss(config: ExperimentConfig, task: Task | None, splits: Splits) -> None:
    """Refuse class weights and label smoothing that the task's loss cannot take."""
    if task is None:
        return
    try:
        task.loss(
            splits.training.labels,
            class_weights=config.train.class_weights,
            label_smoothing=config.train.label_smoothing,
        )
    except ConfigError as error:
        raise ConfigError(f"train.{error}") from error


def view_problems(config: ExperimentConfig, *, taught: bool) -> list[str]:
    """Return why the teachers or the settings of training do not go with ``data.views``."""
    wrong = [
        f"data.views needs a teacher that computes features of the views; {teacher.source} holds those "
        "of the rows as they are: set data.views = 0, or leave this teacher out"
        for teacher in config.teachers
        if taught and teacher.source.startswith(LOOKED_UP)
    ]
    if config.train.augment == "invariant":
        wrong.append(
            "train.augment = 'invariant' shows the student crops that no teacher saw, and data.views "
            "crops that teachers saw, too; set one of them"
        )
    return wrong


def problems_of_student(config: ExperimentConfig, modality: Modality) -> list[str]:
    """Return what is wrong with the student's settings, without loading it."""
    settings = config.student
    if settings is None:
        return []
    wrong = [HEAD_OF_PAIRS] if settings.head == "probe" and modality == "image+text" else []
    if config.train.gradient_checkpointing:
        pair, compiles = modality == "image+text", config.train.compile != "none"
        problem = checkpointing_problem(settings.source, pair=pair, compiles=compiles)
        wrong += [problem] if problem else []
    return wrong + student_problems(
        settings.source,
        modality=modality,
        params=settings.params,
        model_input=None if settings.input is None else settings.input.model_dump(),
        tap=settings.tap,
    )


def check_params(config: ExperimentConfig, method: MethodSpec, *, classes: int) -> None:
    """Refuse ``transfer.params`` that the method does not take, or whose values it cannot use.

    The method is tried on few columns, without memory or random numbers; the widths of teachers are
    known only when they are loaded. For rows of two modalities ``check_method`` does this, once the
    student is there.
    """
    given: dict[str, Any] = {
        "student_width": 8,
        "teacher_widths": dict.fromkeys(config.teacher_names, 8),
        "classes": classes,
        "memory": config.transfer.memory,
    }
    factory, params = method.regularizer_class(), {**method.params, **config.transfer.params}
    mistakes = problems(factory, given, params, where="transfer.params")
    if mistakes := mistakes + method.contradictions(config.transfer.params):
        raise ConfigError("\n".join(mistakes))
    method.refuse_memory(config.transfer.memory)
    if method.is_custom:  # a user's code is called once, with the true widths
        return
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            bind(factory, given, params, where="transfer.params")
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"transfer: {error}") from error
