"""What regularizers on features share: shapes are checked, numbers are wide, autocast is off."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.regularizers.columns import TeacherFeatures, Teachers

__all__ = ["Regularizer"]


class Regularizer(nn.Module):
    """A loss between the student's features and those of all teachers side by side.

    A method gives ``compare``, which gets both as float32 (float64 where that comes in), also
    under autocast.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.

    Raises:
        ValueError: If a width is not positive.

    Example:
        >>> class Energy(Regularizer):
        ...     def compare(self, student, teacher):
        ...         return (student.square().mean() - teacher.square().mean()).abs()
        >>> Energy(2, {"dino": 3})(torch.ones(4, 2), {"dino": torch.ones(4, 3).half()})
        tensor(0.)
    """

    def __init__(
        self, student_width: int, teacher_widths: Sequence[int] | Mapping[str, int]
    ) -> None:
        super().__init__()
        if student_width < 1:
            raise ValueError(f"student_width must be positive, got {student_width}")
        self.student_width = student_width
        self.teachers = Teachers.of(teacher_widths)

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the loss for one batch.

        Args:
            student: The student's features.
            teacher: The teachers' features of the same examples: one tensor with all columns, or
                one a teacher, in order or by name; any floating dtype.

        Raises:
            ValueError: If widths are not those that were announced, or the batches differ in length.
        """
        if student.ndim != 2 or student.shape[1] != self.student_width:
            raise ValueError(
                f"expected student features of shape [batch, {self.student_width}], got {tuple(student.shape)}"
            )
        joined = self.teachers.join(teacher)
        if len(student) != len(joined):
            raise ValueError(
                f"student has {len(student)} rows but teacher has {len(joined)}; "
                "both must be the same examples in the same order"
            )
        with torch.autocast(device_type=student.device.type, enabled=False):
            return self.compare(_wide(student), _wide(joined))

    def compare(
        self, student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, ""]:
        """Return the loss; a method's formula."""
        raise NotImplementedError(f"{type(self).__name__} must define compare(student, teacher)")


def _wide(features: Tensor) -> Tensor:
    return features if features.dtype == torch.float64 else features.float()
