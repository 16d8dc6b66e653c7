"""The contract of a regularizer: base classes of every method, built-in or custom."""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.regularizers.columns import (
    TeacherColumns,
    TeacherFeatures,
    TeacherWidths,
    is_count,
)
from tutelage.regularizers.preparation import TrainingEvidence
from tutelage.regularizers.teacher_order import TeacherOrder
from tutelage.regularizers.unlearned import Unlearned
from tutelage.widened import widened

__all__ = [
    "LearnsFrom",
    "PreparedRegularizer",
    "Regularizer",
    "RegularizerWrapper",
    "is_seen_not_to_be_finite",
]

LearnsFrom = Literal["nothing", "teachers", "training rows"]
"""What a regularizer learns from before training; ``"teachers"``: their features and the seed alone."""


class Regularizer(TeacherOrder):
    """A loss between the student's features and those of all teachers side by side.

        regularizer(student, teacher) -> scalar

    ``student`` is ``[batch, student_width]``. ``teacher`` has the same examples in the same order:
    one tensor with the columns of all teachers, or one a teacher, in order or by name. The result
    has no dimensions, and gradients flow to the student and to the regularizer's parameters.

    A method subclasses it and defines ``compare``. Both arguments of ``compare`` are float32, also
    under autocast, and their shapes are checked; they are float64 where features are and so are the
    method's parameters and buffers, after ``double()``, or the student's features where there are
    none. Keyword arguments of the constructor are the settings of the method, and its parameters
    are learned together with the student.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.

    Attributes:
        student_width: Columns of the student's features.
        teachers: Names and widths of the teachers.
        inner_steps: Updates of the regularizer's parameters alone before each update of the
            student; 0: one joint update. Read by the training loop.
        learns_from: What ``prepare`` learns from; see ``PreparedRegularizer``.
        default_lr: Learning rate of its parameters where ``transfer.lr`` names none; None: the
            student's. Weights of columns start far from where they end; layers that map features
            learn like the student.

    Raises:
        ValueError: If a width is not positive.

    Example:
        >>> class Energy(Regularizer):
        ...     def compare(self, student, teacher):
        ...         return (student.square().mean() - teacher.square().mean()).abs()
        >>> Energy(2, {"dino": 3})(torch.ones(4, 2), {"dino": torch.ones(4, 3).half()})
        tensor(0.)
    """

    inner_steps: int = 0
    learns_from: LearnsFrom = "nothing"
    default_lr: float | None = 1e-2

    def __init__(self, student_width: int, teacher_widths: TeacherWidths | TeacherColumns) -> None:
        super().__init__()
        if not is_count(student_width):
            raise TypeError(
                "student_width, the first argument, must be the number of columns of the student's "
                f"features, such as tap.width, got {student_width!r}"
            )
        if student_width < 1:
            raise ValueError(f"student_width must be positive, got {student_width}")
        self.student_width = student_width
        self.teachers = TeacherColumns.of(teacher_widths)
        self._unlearned = Unlearned()

    def extra_repr(self) -> str:
        """Return what it is called with, for ``repr``."""
        teachers = ", ".join(f"{n!r}: [batch, {w}]" for n, w in self.teachers.by_name.items())
        return f"student: [batch, {self.student_width}], teacher: {{{teachers}}}"

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the loss for one batch.

        Args:
            student: The student's features; any floating dtype.
            teacher: The teachers' features of the same examples: one tensor with all columns, or
                one a teacher, in order or by name; any floating dtype.

        Raises:
            TypeError: If features are no tensors, or ``compare`` gives no scalar tensor.
            ValueError: If widths differ from those of the constructor, the batches in length or
                device, or a teacher's features hold NaN or infinity. The latter is looked at on a
                CPU alone, since a step would wait for any other device.
        """
        if not isinstance(student, Tensor):
            raise TypeError(
                f"expected student features as a tensor [batch, {self.student_width}], "
                f"got a {type(student).__name__}; they are the first argument, and those of a "
                "FeatureTap are tap.take()"
            )
        if student.ndim != 2 or student.shape[1] != self.student_width:
            raise ValueError(
                f"expected student features of shape [batch, {self.student_width}], "
                f"got {tuple(student.shape)}"
            )
        columns = self.teachers.join(teacher)
        if len(student) != len(columns):
            raise ValueError(
                f"student has {len(student)} rows but teacher has {len(columns)}; "
                "both must be the same examples in the same order"
            )
        if student.device != columns.device:
            raise ValueError(
                f"student features are on {student.device}, teacher features on {columns.device}; "
                f"move the latter: teacher.to({str(student.device)!r}, non_blocking=True)"
            )
        self._unlearned.look(self, student)
        with torch.autocast(device_type=student.device.type, enabled=False):
            value: object = self.compare(*self._in_one_dtype(student, columns))
        if not isinstance(value, Tensor) or value.ndim > 0:
            given = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise TypeError(
                f"{type(self).__name__}.compare gave {given} for a batch; "
                "it returns a scalar tensor, such as a mean"
            )
        if is_seen_not_to_be_finite(value):
            self.teachers.check_finite(columns)
        return value

    def _in_one_dtype(self, student: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Features in the dtype of the arithmetic: float32; if some are float64, that of the method's
        parameters and buffers, or else of the student."""
        student, columns = widened(student), widened(columns)
        if torch.float64 not in (student.dtype, columns.dtype):
            return student, columns
        dtypes = {one.dtype for one in (*self.parameters(), *self.buffers())}
        own = {dtype for dtype in dtypes if dtype.is_floating_point}
        double = own == {torch.float64} if own else student.dtype == torch.float64
        dtype = torch.float64 if double else torch.float32
        return student.to(dtype), columns.to(dtype)

    def compare(
        self, student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, ""]:
        """Return the loss; the formula of the method."""
        raise NotImplementedError(f"{type(self).__name__} must define compare(student, teacher)")

    def column_weights(self) -> dict[str, Float[Tensor, " columns"]]:
        """Return the learned weight of each teacher column, by teacher, detached; here none."""
        return {}

    def prepare(self, evidence: TrainingEvidence) -> None:
        """Learn from the training rows before training; here nothing."""

    def learned_state(self) -> dict[str, Tensor]:
        """Return what ``prepare`` learned, for ``load_learned_state``; here nothing."""
        return {}

    def load_learned_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what ``prepare`` learned, in place of calling it; here nothing."""


class PreparedRegularizer(Regularizer):
    """A regularizer that learns from the training rows before training.

    A method subclasses it and defines ``learn``, which fills buffers that ``__init__`` registered in
    their final shapes, so that a checkpoint restores what was learned. It must be prepared once,
    with ``prepare``, before it is called.

    Attributes:
        learns_from: ``"teachers"`` promises that the buffers follow from the teachers' features and
            the seed alone; those of a method of this package are then cached and serve other
            students.

    Example:
        >>> class Shifted(PreparedRegularizer):
        ...     def learn(self, evidence):
        ...         self.seen = len(evidence.labels)
        ...     def compare(self, student, teacher):
        ...         return student.mean() - self.seen
        >>> Shifted(2, [3])(torch.ones(4, 2), torch.ones(4, 3))
        Traceback (most recent call last):
            ...
        RuntimeError: Shifted learns from the training rows first; call prepare(evidence) before training
    """

    learns_from: LearnsFrom = "training rows"
    _prepared = False

    def learn(self, evidence: TrainingEvidence) -> None:
        """Fill the buffers; draws come from ``evidence.seed``."""
        raise NotImplementedError(f"{type(self).__name__} must define learn(evidence)")

    def prepare(self, evidence: TrainingEvidence) -> None:
        """Learn from the training rows; the global random state stays as it is.

        Raises:
            ValueError: If the evidence is of other teachers.
        """
        evidence.check_teachers(self.teachers.by_name)
        self.learn(evidence)
        self._prepared = True

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the loss for one batch, as ``Regularizer`` does.

        Raises:
            RuntimeError: If neither ``prepare`` was called nor a prepared state loaded.
        """
        if not self._prepared:
            raise RuntimeError(
                f"{type(self).__name__} learns from the training rows first; "
                "call prepare(evidence) before training"
            )
        return super().forward(student, teacher)

    def learned_state(self) -> dict[str, Tensor]:
        """Return the buffers."""
        return dict(self.named_buffers())

    def load_learned_state(self, state: Mapping[str, Tensor]) -> None:
        """Fill the buffers from ``learned_state`` of an equal regularizer."""
        for name, value in state.items():
            self.get_buffer(name).copy_(value)
        self._prepared = True

    # Not a buffer: reading one in every step would wait for the accelerator.
    def get_extra_state(self) -> Tensor:
        """Return whether it is prepared, as a tensor, which safetensors can store."""
        return torch.tensor(self._prepared)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore whether it is prepared."""
        self._prepared = bool(state)


class RegularizerWrapper(Regularizer):
    """A regularizer around another one, to which it forwards everything.

    A subclass overrides what it changes.

    Args:
        regularizer: The inner regularizer.
    """

    def __init__(self, regularizer: Regularizer) -> None:
        super().__init__(regularizer.student_width, regularizer.teachers)
        self.regularizer = regularizer
        self.inner_steps = regularizer.inner_steps
        self.learns_from = regularizer.learns_from
        self.default_lr = regularizer.default_lr

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the inner regularizer's loss."""
        value: Tensor = self.regularizer(student, teacher)
        return value

    def column_weights(self) -> dict[str, Float[Tensor, " columns"]]:
        """Return the inner regularizer's column weights."""
        return self.regularizer.column_weights()

    def prepare(self, evidence: TrainingEvidence) -> None:
        """Prepare the inner regularizer."""
        self.regularizer.prepare(evidence)

    def learned_state(self) -> dict[str, Tensor]:
        """Return what the inner regularizer learned."""
        return self.regularizer.learned_state()

    def load_learned_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore what the inner regularizer learned."""
        self.regularizer.load_learned_state(state)


def is_seen_not_to_be_finite(value: Tensor) -> bool:
    """Return whether a loss is NaN or infinite, as far as that can be seen without waiting for a device."""
    if torch.compiler.is_compiling() or value.device.type != "cpu":
        return False
    return not math.isfinite(value.detach().numpy())
