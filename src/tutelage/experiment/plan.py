"""A run as a value: everything that is known, and checked, before anything is computed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

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
from tutelage.data.row_digests import row_digests
from tutelage.data.views import refuse_equal_views
from tutelage.experiment.checks import (
    Mistakes,
    check_loss,
    check_params,
    problems_of_student,
    task_of,
    view_problems,
)
from tutelage.files import canonical, digest_of
from tutelage.progress import Progress
from tutelage.regularizers.catalogue import MethodSpec, parse_method
from tutelage.tasks import Task, as_list
from tutelage.teachers import Source, open_teacher
from tutelage.teachers.build import refuse_unmatched, teacher_problems
from tutelage.teachers.sides import side_of
from tutelage.training.accelerator import computing_device, precision_on
from tutelage.training.lengths import StepRule, batch_sizes, length_of

__all__ = ["Plan", "TeacherPlan"]


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
        config: The settings, with the number of steps and the precision of this device resolved.
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
        mistakes = Mistakes()
        method = mistakes.tell(partial(parse_method, config.transfer.method))
        opened = mistakes.tell(partial(open_data, config.data))
        if trains and config.student is None:
            mistakes.add("setting student is missing; give --student, or [student] with a source")
        if opened is None:
            if trains and method is not None:
                mistakes.tell(partial(check_params, config, method, classes=2))
            raise mistakes.error()
        data, splits = opened
        taught = method is None or method.needs_teachers
        task = mistakes.tell(partial(task_of, config, data, splits))
        teachers = [
            mistakes.tell(partial(_teacher, name, teacher, data.modality))
            for name, teacher in zip(config.teacher_names, config.teachers, strict=True)
            if taught or not trains
        ]
        used = trains and taught and config.train.unlabelled_share > 0
        soft = method is not None and method.uses_soft_labels
        others = mistakes.tell(partial(not_evaluated, splits, soft_labels=soft)) if used else None
        unlabelled, notes = others or ((), ())
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
            mistakes.add(*view_problems(config, taught=taught or not trains))
            mistakes.tell(partial(refuse_equal_views, splits.training))
        if trains:
            mistakes.add(*problems_of_student(config, data.modality))
            if method is not None and data.modality != "image+text":
                mistakes.tell(partial(check_params, config, method, classes=len(data.classes)))
        rule = None
        if trains:
            mistakes.tell(partial(check_loss, config, task, splits))
            if config.train.augment == "invariant" and data.modality == "text":
                mistakes.add("train.augment = 'invariant' changes images; for texts choose 'none'")
            if config.train.compile != "none" and data.modality == "image+text":
                mistakes.add(
                    "train.compile is for students of images or of texts; for both choose 'none'"
                )
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
                precision = precision_on(computing_device(train.device), train.mixed_precision)
                stated = {"train.steps": train.steps, "train.mixed_precision": precision}
                # A run has one length; values to choose from go with 'auto' alone.
                config = config.replace(stated | {"tune.patience": ()})
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
        asked = self.config.transfer.standardize
        wanted = self.weighs_teachers if asked == "auto" else asked
        return wanted and self.method.has_transfer_term

    @property
    def weighs_teachers(self) -> bool:
        """Whether several teachers are compared with the same features of the student."""
        sides = [teacher.side for teacher in self.teachers]
        return len(sides) > (len(set(sides)) if self.data.modality == "image+text" else 1)

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
    def rows_of_a_pass(self) -> int:
        """How many rows a process takes at once."""
        counts = len(self.training), sum(map(len, self.unlabelled))
        return sum(batch_sizes(*counts, settings=self.config.train))

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows by split."""
        more = {"unlabelled": sum(map(len, self.unlabelled))} if self.unlabelled else {}
        return {"train": len(self.training), self.evaluated.name: len(self.evaluated), **more}

    @cached_property
    def row_digests(self) -> dict[str, str]:
        """Digests of the rows that the run uses, by split."""
        return row_digests(self.data, self.splits, unlabelled=bool(self.unlabelled))

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


def _teacher(name: str, teacher: TeacherConfig, modality: Modality) -> TeacherPlan:
    side = side_of(
        teacher.source,
        rows=modality,
        stated=teacher.modality,
        params=teacher.params,
        model_input=None if teacher.input is None else teacher.input.model_dump(),
    )
    return TeacherPlan(name, teacher, side)


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
