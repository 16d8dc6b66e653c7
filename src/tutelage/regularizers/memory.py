"""A memory of recent rows, and regularizers that compare the rows of a batch with it, too."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.regularizers.base import Regularizer, is_seen_not_to_be_finite
from tutelage.regularizers.columns import TeacherColumns, TeacherWidths, is_count

__all__ = ["RelationalRegularizer", "RowMemory", "row_memory"]


class RowMemory(nn.Module):
    """The features of the last rows, student's and teachers', without gradients: first in, first out.

    Args:
        rows: How many rows it holds at most.
        student_width: Columns of the student's features.
        columns: Columns of all teachers.

    Attributes:
        student: The student's features, the newest first; in use up to ``filled``.
        teacher: The teachers' features of the same rows.
        filled: How many rows it holds.

    Example:
        >>> memory = RowMemory(3, student_width=1, columns=1)
        >>> for number in (1.0, 2.0):
        ...     memory.push(torch.full((2, 1), number), torch.zeros(2, 1))
        >>> memory.student.flatten()
        tensor([2., 2., 1.])
    """

    student: Tensor
    teacher: Tensor

    def __init__(self, rows: int, *, student_width: int, columns: int) -> None:
        super().__init__()
        self.register_buffer("student", torch.zeros(rows, student_width))
        self.register_buffer("teacher", torch.zeros(rows, columns))
        self.rows = rows
        self.filled = 0

    def joined(self, student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of a batch, and below them those of the memory."""
        pairs = ((student, self.student), (teacher, self.teacher))
        own, others = (
            torch.cat([batch, held[: self.filled].to(batch.dtype)]) for batch, held in pairs
        )
        return own, others

    def push(self, student: Tensor, teacher: Tensor) -> None:
        """Put the rows of a batch into the memory, in place of the oldest."""
        new = min(len(student), self.rows)
        for held, batch in ((self.student, student), (self.teacher, teacher)):
            rows = batch.detach()[len(batch) - new :].to(held.dtype)
            held.copy_(torch.cat([rows, held[: self.rows - new]]))
        self.filled = min(self.filled + new, self.rows)

    # Not a buffer: reading one in every step would wait for the accelerator.
    def get_extra_state(self) -> Tensor:
        """Return how many rows it holds, as a tensor, which safetensors can store."""
        return torch.tensor(self.filled)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore how many rows it holds."""
        self.filled = int(state)


class RelationalRegularizer(Regularizer):
    """A regularizer that compares rows with rows, those of a batch with a memory of recent ones.

    A method subclasses it and defines ``relate`` in place of ``compare``: the loss over pairs

        (i, j)    i = 1 … B, rows of the batch;    j = 1 … B + M, those and the remembered ones

    Pairs of two remembered rows do not count: they give the student no gradient, and a mean over
    (B + M)² pairs would be left with B / (B + M) of the gradient of a batch of B + M rows. The mean
    over B (B + M) pairs has, in expectation over rows and with features that change slowly, (1 + B / (B
    + M)) / 2 of it: where j is remembered, the gradient flows to row i alone.

    A batch is remembered after its loss, in training mode and where the student's features require
    gradients, unless the loss is seen not to be finite (on a CPU). Features of the student are as they
    were then; parameters of the method, such as AFT's weights of columns, apply to remembered rows of
    teachers as they are now. The memory is a part of ``state_dict``.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.
        memory: Most recent rows that are remembered; 0: none.

    Raises:
        ValueError: If ``memory`` is negative.

    Source:
        The queue of He et al. 2020, arXiv 1911.05722, section 3.2, without their momentum encoder, as in
        Wang et al. 2020, arXiv 1912.06798 (cross-batch memory).

    Example:
        >>> class Products(RelationalRegularizer):
        ...     def relate(self, student, teacher, *, batch):
        ...         return (student[:batch] @ student.T - teacher[:batch] @ teacher.T).square().mean()
        >>> method = Products(2, [3], memory=8)
        >>> student = torch.randn(4, 2, requires_grad=True)
        >>> first, second = (method(student, torch.zeros(4, 3)) for _ in range(2))
        >>> method.memory.filled
        8
    """

    memory: RowMemory | None

    def __init__(
        self, student_width: int, teacher_widths: TeacherWidths | TeacherColumns, *, memory: int = 0
    ) -> None:
        super().__init__(student_width, teacher_widths)
        self.memory = row_memory(memory, student_width=student_width, columns=self.teachers.total)

    def compare(
        self, student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, ""]:
        """Return the loss of a batch, and remember its rows."""
        batch = len(student)
        if self.memory is None:
            return self.relate(student, teacher, batch=batch)
        joined, push = map(_outside_graphs, (self.memory.joined, self.memory.push))
        value = self.relate(*joined(student, teacher), batch=batch)
        learns = self.training and student.requires_grad and torch.is_grad_enabled()
        if learns and not is_seen_not_to_be_finite(value):  # it would spoil the batches after it
            push(student, teacher)
        return value

    def relate(
        self,
        student: Float[Tensor, "rows student"],
        teacher: Float[Tensor, "rows columns"],
        *,
        batch: int,
    ) -> Float[Tensor, ""]:
        """Return the loss; the formula of the method.

        Args:
            student: The student's features; the remembered rows, below, have no gradient.
            teacher: The teachers' features of the same rows.
            batch: How many of the rows are those of the batch; they come first.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define relate(student, teacher, *, batch)"
        )


def row_memory(rows: int, *, student_width: int, columns: int) -> RowMemory | None:
    """Return a memory of so many rows; None for 0.

    Raises:
        ValueError: If the number is negative, or no whole number.
    """
    if not is_count(rows) or rows < 0:
        raise ValueError(f"memory must be a number of rows, 0 or more, got {rows!r}")
    return RowMemory(rows, student_width=student_width, columns=columns) if rows else None


def _outside_graphs(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep a function out of compiled graphs: the number of remembered rows grows with every step.

    As a decorator, ``torch.compiler.disable`` would load the compiler with the library.
    """
    if torch.compiler.is_compiling():
        return torch.compiler.disable(function)  # type: ignore[no-any-return, no-untyped-call]
    return function
