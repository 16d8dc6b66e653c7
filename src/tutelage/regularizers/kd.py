"""Feature distillation (KD): predict the teachers' features from the student's."""

from jaxtyping import Float
from torch import Tensor, nn

from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.columns import TeacherWidths

__all__ = ["KD"]


class KD(Regularizer):
    """The mean squared error of the teachers' features, predicted from the student's.

        mean (φP + b - ψ)²    over examples and teacher columns

    ``φ`` are the student's features, ``ψ`` those of all teachers side by side. ``P`` and ``b`` are
    learned together with the student. Columns with large values dominate; ``Standardized`` brings
    all columns to one scale.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.

    Source:
        Romero et al. 2015, arXiv 1412.6550, section 2.2; as a baseline: Qiu et al. 2024, arXiv
        2406.07337, section 5.

    Example:
        >>> import torch
        >>> transfer = KD(384, {"dino": 1536, "clip": 768})
        >>> teacher = {"dino": torch.randn(8, 1536), "clip": torch.randn(8, 768)}
        >>> transfer(torch.randn(8, 384), teacher).shape
        torch.Size([])
    """

    default_lr = None

    def __init__(self, student_width: int, teacher_widths: TeacherWidths) -> None:
        super().__init__(student_width, teacher_widths)
        self.map = nn.Linear(student_width, self.teachers.total)

    def compare(
        self, student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, ""]:
        """Return the mean squared error."""
        predicted: Tensor = self.map(student)
        return (predicted - teacher).square().mean()
