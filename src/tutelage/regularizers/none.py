"""Standard fine-tuning: nothing is transferred."""

from jaxtyping import Float
from torch import Tensor

from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.columns import TeacherColumns, TeacherFeatures, TeacherWidths

__all__ = ["NoTransfer"]


class NoTransfer(Regularizer):
    """Zero: standard transfer learning (STL), the baseline of every method.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features; there may be none.

    Example:
        >>> import torch
        >>> NoTransfer(3, {})(torch.ones(2, 3), {})
        tensor(0.)
    """

    def __init__(self, student_width: int, teacher_widths: TeacherWidths) -> None:
        none = TeacherColumns((), ())
        super().__init__(
            student_width, TeacherColumns.of(teacher_widths) if teacher_widths else none
        )

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return zero."""
        return student.new_zeros(())
