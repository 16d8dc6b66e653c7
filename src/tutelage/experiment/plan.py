"""A run as a value: everything that is known, and checked, before anything is computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, TypeVar

import torch

from tutelage.config import ExperimentConfig, TeacherConfig
from tutelage.data import (
    Data,
    Modality,
    Side,
    Split,
    Splits,
    chained,
    open_data,
    summarize,
    view_of,
)
from tutelage.data.overlap import not_evaluated
from tutelage.data.views import refuse_equal_views
from tutelage.errors import ConfigError, DataError, TutelageError
from tutelage.files import canonical, digest_of
from tutelage.progress import Progress
from tutelage.registry import bind, problems
from tutelage.regularizers.catalogue import MethodSpec, parse_method
from tutelage.students.build import student_problems
from tutelage.tasks import TASKS, Task, as_list
from tutelage.teachers import Source, open_teacher
from tutelage.teachers.build import refuse_unmatched, teacher_problems
from tutelage.teachers.sides import side_of
from tutelage.training.lengths import StepRule, batch_sizes, length_of

__all__ = ["Plan", "TeacherPlan"]

HEAD_OF_PAIRS = (
    "student.head = 'probe' is for rows of one modality: the head of an image and a text is linear in "
    "the product of their features, not in the features; leave it out"
)

Made = TypeVar("Made")


@dataclass(frozen=True)
class TeacherPlan:
    """A teacher whose settings are checked and whose weights are not loaded.

    Attributes:
        name: The teacher's name in results.
        config: Its settings.
        side: What it reads of the rows: images or texts.
    """

    name: str
    config: TeacherConfig
    side: Side

    def open(self) -> Source:
        """Load the teacher."""
        return open_teacher(
            self.config.source,
            modality=self.side,
            params=self.config.params,
            model_input=None if self.config.input is None else self.config.input.model_dump(),
        )


@dataclass(frozen=True)
class Plan:
    """A run, checked: data opened, splits drawn, task, method, teachers and student known.

    Attributes:
        config: The settings, with the number of steps resolved.
        method: What the student learns from the teachers.
        data: The source of the rows.
        splits: The rows to train and to evaluate on.
        task: The meaning of outputs and labels.
        teachers: The teachers, in the order of the config.
        unlabelled: Rows without a label that this run learns from, by source.
        views: Augmented views of each of these rows, besides the row itself.
        rule: How the number of steps came about; None where the config states the length, or no
            student is trained.
    """

    config: ExperimentConfig
    method: MethodSpec
    data: Data
    splits: Splits
    task: Task
    teachers: tuple[TeacherPlan, ...]
    unlabelled: tuple[Split, ...]
    views: int = 0
    rule: StepRule | None = None

    @classmethod
    def of(
        cls,
        config: ExperimentConfig,
        *,
        trains: bool = True,
        probes: bool = False,
        processes: int = 1,
    ) -> "Plan":
        """Check a config against its data, without loading a model.

        Args:
            config: The settings.
            trains: Whether a student is trained; else student, method and training settings are
                not looked at.
            probes: Whether teachers' features of the evaluated rows are needed, too.
            processes: How many train together.

        Raises:
            TutelageError: The only mistake there is; or a ``ConfigError`` with all of them.
        """
        mistakes = _Mistakes()
        method = mistakes.tell(partial(parse_method, config.transfer.method))
        opened = mistakes.tell(partial(open_data, config.data))
        if trains and config.student is None:
            mistakes.add("setting student is missing; give --student, or [student] with a source")
        if opened is None:
            if trains and method is not None:
                mistakes.tell(partial(_check_method, config, method, classes=2))
            raise mistakes.error()
        data, splits = opened
        taught = method is None or method.needs_teachers
        task = mistakes.tell(partial(_task, config, data, splits))
        teachers = [
            mistakes.tell(partial(_teacher, name, teacher, data.modality))
            for name, teacher in zip(config.teacher_names, config.teachers, strict=True)
            if taught or not trains
        ]
        used = trains and taught and config.train.unlabelled_share > 0
        unlabelled, notes = (mistakes.tell(partial(not_evaluated, splits)) if used else None) or (
            (),
            (),
        )
        data = replace(data, notes=data.notes + notes)
        extracted = splits.unlabelled if unlabelled else ()
        needed = [splits.extracted, *extracted, *([splits.evaluated] if probes else [])]
        for teacher in filter(None, teachers):
            if wrong := _teacher_problems(teacher):
                mistakes.add(*wrong)
            else:
                mistakes.tell(partial(_refuse_unmatched, teacher, data, splits, needed))
        views = 0 if probes else config.data.views  # probes are of the rows as they are
        if views:
            mistakes.add(*_view_problems(config, taught=taught or not trains))
            mistakes.tell(partial(refuse_equal_views, splits.training))
        if trains:
            mistakes.add(*_student_problems(config, data.modality))
            if method is not None and data.modality != "image+text":
                mistakes.tell(partial(_check_method, config, method, classes=len(data.classes)))
        rule = None
        if trains:
            mistakes.tell(partial(_check_loss, config, task, splits))
            if config.train.augment == "invariant" and data.modality == "text":
                mistakes.add("train.augment = 'invariant' changes images; for texts choose 'none'")
            counts = {
                "labelled": len(splits.training),
                "unlabelled": sum(map(len, unlabelled)),
            }
            length = mistakes.tell(
                partial(length_of, config.train, **counts, processes=processes, taught=taught)
            )
            if length is not None:
                train, rule = length
                mistakes.tell(partial(batch_sizes, **counts, settings=train))
                config = config.replace({"train.steps": train.steps})
        if mistakes:
            raise mistakes.error()
        known = tuple(teacher for teacher in teachers if teacher is not None)
        assert task is not None
        assert method is not None
        return cls(config, method, data, splits, task, known, unlabelled, views, rule)

    @property
    def training(self) -> Split:
        """The rows with a label to train on."""
        return self.splits.training

    @property
    def evaluated(self) -> Split:
        """The test or hold-out rows."""
        return self.splits.evaluated

    @property
    def standardized(self) -> bool:
        """Whether the transfer term sees standardized teachers' columns: ``transfer.standardize``.

        ``"auto"`` is true where several teachers are compared with the same features of the student.
        """
        asked, sides = self.config.transfer.standardize, [one.side for one in self.teachers]
        if asked != "auto":
            return asked and self.method.has_transfer_term
        kernels = set(sides) if self.data.modality == "image+text" else {""}
        return self.method.has_transfer_term and len(sides) > len(kernels)

    @cached_property
    def seen(self) -> Split:
        """All rows that the student sees in training: those with a label, then those without."""
        return chained([self.training, *self.unlabelled])

    @cached_property
    def looks(self) -> Split:
        """All rows that the student sees, as they are; then all of them in each view, view by view."""
        rows = [self.training, *self.unlabelled]
        return chained([*rows, *(split for view in self.views_of(*rows) for split in view)])

    def views_of(self, *splits: Split) -> tuple[tuple[Split, ...], ...]:
        """For each view, these splits in that view."""
        seed = self.config.data.split_seed
        return tuple(
            tuple(view_of(split, number, seed=seed) for split in splits)
            for number in range(1, self.views + 1)
        )

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows by split."""
        more = {"unlabelled": sum(map(len, self.unlabelled))} if self.unlabelled else {}
        return {"train": len(self.training), self.evaluated.name: len(self.evaluated), **more}

    def tell(self, progress: Progress) -> None:
        """Report which rows, classes and columns are used, what was left out, and the steps."""
        for line in summarize(self.data, self.splits, self.config.data):
            progress.note(line)
        if self.rule is not None:
            progress.note(f"train.steps = 'auto': {self.rule}")

    def digest(self, features: Sequence[str]) -> str:
        """Return a digest of settings, rows and features; other checkpoints are not continued.

        Args:
            features: Digests of the cached features' keys.
        """
        content = [
            self.config.digest(),
            list(self.training.ids),
            as_list(self.training.labels),
            [list(split.ids) for split in self.unlabelled],
            list(features),
        ]
        return digest_of(canonical(content))


@dataclass
class _Mistakes:
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


def _task(config: ExperimentConfig, data: Data, splits: Splits) -> Task:
    """The task of the training rows, whose leading metric the evaluated rows can measure."""
    labels = splits.training.labels
    try:
        task = TASKS[data.task].of(data.classes, labels, metric=config.data.metric)
        where = f"the {splits.evaluated.name} rows"
        task.refuse_unmeasurable(splits.evaluated.labels, where=where)
    except (ConfigError, DataError) as error:
        raise type(error)(f"data.metric: {error}") from error
    return task


def _teacher(name: str, teacher: TeacherConfig, modality: Modality) -> TeacherPlan:
    side = side_of(
        teacher.source,
        rows=modality,
        stated=teacher.modality,
        params=teacher.params,
        model_input=None if teacher.input is None else teacher.input.model_dump(),
    )
    return TeacherPlan(name, teacher, side)


def _check_loss(config: ExperimentConfig, task: Task | None, splits: Splits) -> None:
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


def _teacher_problems(teacher: TeacherPlan) -> list[str]:
    settings = teacher.config
    return teacher_problems(
        settings.source,
        modality=teacher.side,
        params=settings.params,
        model_input=None if settings.input is None else settings.input.model_dump(),
    )


def _refuse_unmatched(
    teacher: TeacherPlan, data: Data, splits: Splits, needed: Sequence[Split]
) -> None:
    """Refuse features of files that cannot be matched to the rows."""
    others = [split for split in splits.unlabelled if split.origin.split == split.name]
    refuse_unmatched(
        teacher.config.source,
        modality=teacher.side,
        params=teacher.config.params,
        splits=[split.side(teacher.side) for split in (*data.splits.values(), *others)],
        needed=[split.side(teacher.side) for split in needed],
    )


def _view_problems(config: ExperimentConfig, *, taught: bool) -> list[str]:
    wrong = [
        f"data.views needs a teacher that computes features of the views; {teacher.source} holds those "
        "of the rows as they are: set data.views = 0, or leave this teacher out"
        for teacher in config.teachers
        if taught and teacher.source.startswith("features:")
    ]
    if config.train.augment == "invariant":
        wrong.append(
            "train.augment = 'invariant' shows the student crops that no teacher saw, and data.views "
            "crops that teachers saw, too; set one of them"
        )
    return wrong


def _student_problems(config: ExperimentConfig, modality: Modality) -> list[str]:
    settings = config.student
    if settings is None:
        return []
    wrong = [HEAD_OF_PAIRS] if settings.head == "probe" and modality == "image+text" else []
    return wrong + student_problems(
        settings.source,
        modality=modality,
        params=settings.params,
        model_input=None if settings.input is None else settings.input.model_dump(),
        tap=settings.tap,
    )


def _check_method(config: ExperimentConfig, method: MethodSpec, *, classes: int) -> None:
    """Refuse ``transfer.params`` that the method does not take, or whose values it cannot use.

    The method is tried on few columns, without memory or random numbers; the widths of teachers are
    known only when they are loaded. For rows of two modalities ``check_method`` does this, once the
    student is there.
    """
    given: dict[str, Any] = {
        "student_width": 8,
        "teacher_widths": dict.fromkeys(config.teacher_names, 8),
        "classes": classes,
    }
    factory, params = method.regularizer_class(), {**method.params, **config.transfer.params}
    if mistakes := problems(factory, given, params, where="transfer.params"):
        raise ConfigError("\n".join(mistakes))
    if method.is_custom:  # a user's code is called once, with the true widths
        return
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            bind(factory, given, params, where="transfer.params")
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"transfer: {error}") from error
