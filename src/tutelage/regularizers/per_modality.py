"""Any method for students of two modalities: applied to each on its own."""

from collections.abc import Callable, Mapping

from jaxtyping import Float
from torch import Tensor, nn

from tutelage.regularizers.columns import TeacherFeatures
from tutelage.regularizers.sides import Sides

__all__ = ["EachModality"]


class EachModality(nn.Module):
    """The sum of a method's terms, one for each modality that has a teacher.

    So feature distillation has one projection a modality, as in the paper's experiment on images with
    texts. The method compares the student's features of a modality with those of the teachers of that
    modality.

    Args:
        make: Makes the method from the student's columns and the teachers' columns by name.
        student_widths: The student's columns by modality, in the order in which they lie.
        teacher_widths: Columns of each teacher's features, by name.
        sides: Each teacher's modality, by name.

    Raises:
        ValueError: If the student does not have two modalities, or the method learns something from
            the training rows first, which it would need to do a modality at a time.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 4.3.

    Example:
        >>> import torch
        >>> from tutelage.regularizers import KD
        >>> transfer = EachModality(
        ...     KD,
        ...     {"image": 8, "text": 4},
        ...     {"dino": 6, "bert": 5},
        ...     sides={"dino": "image", "bert": "text"},
        ... )
        >>> teacher = {"dino": torch.randn(3, 6), "bert": torch.randn(3, 5)}
        >>> transfer(torch.randn(3, 12), teacher).shape
        torch.Size([])
    """

    def __init__(
        self,
        make: Callable[[int, Mapping[str, int]], nn.Module],
        student_widths: Mapping[str, int],
        teacher_widths: Mapping[str, int],
        *,
        sides: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.sides = Sides.of(student_widths, teacher_widths, sides=sides)
        self.terms = nn.ModuleDict()
        for side, teachers in self.sides.teachers.items():
            widths = dict(zip(teachers.names, teachers.widths, strict=True))
            term = make(student_widths[side], widths)
            if hasattr(term, "prepare"):
                raise ValueError(
                    f"{type(term).__name__} learns from the training rows first, which is there for one "
                    "modality only; choose another method"
                )
            self.terms[side] = term

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the sum for one batch.

        Args:
            student: The features of both modalities side by side.
            teacher: Each teacher's features of the same examples, by name.
        """
        value = student.new_zeros(())
        for side, (own, theirs) in self.sides.split(student, teacher).items():
            value = value + self.terms[side](own, theirs)
        return value
