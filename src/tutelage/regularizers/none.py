"""Standard fine-tuning: nothing is transferred."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from tutelage.regularizers.columns import TeacherFeatures

__all__ = ["NoTransfer"]


class NoTransfer(nn.Module):
    """Zero, whatever the features: standard transfer learning (STL), the baseline of every method."""

    def __init__(
        self, student_width: int, teacher_widths: Sequence[int] | Mapping[str, int]
    ) -> None:
        super().__init__()

    def forward(self, student: Tensor, teacher: TeacherFeatures) -> Tensor:
        """Return zero."""
        return student.new_zeros(())
