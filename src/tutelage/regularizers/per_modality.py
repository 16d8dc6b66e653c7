"""Students and teachers of two modalities: their columns, and any method applied to each modality."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.errors import did_you_mean
from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.columns import TeacherColumns, TeacherFeatures

__all__ = ["EachModality", "ModalityColumns"]


@dataclass(frozen=True)
class ModalityColumns:
    """The columns of the student and of the teachers, by modality.

    Attributes:
        student: The student's widths by modality, in the order of its columns.
        teachers: The teachers by modality, in the same order; a modality without one is missing.

    Example:
        >>> columns = ModalityColumns.of(
        ...     {"image": 2, "text": 1},
        ...     {"bert": 3, "dino": 4},
        ...     modalities={"dino": "image", "bert": "text"},
        ... )
        >>> teacher = {"bert": torch.ones(5, 3), "dino": torch.zeros(5, 4)}
        >>> [(u.shape[1], t.shape[1]) for u, t in columns.split(torch.ones(5, 3), teacher).values()]
        [(2, 4), (1, 3)]
    """

    student: Mapping[str, int]
    teachers: Mapping[str, TeacherColumns]

    @classmethod
    def of(
        cls,
        student_widths: Mapping[str, int],
        teacher_widths: Mapping[str, int],
        *,
        modalities: Mapping[str, str],
    ) -> "ModalityColumns":
        """Sort the teachers by modality.

        Raises:
            ValueError: If the student does not have two modalities, or a teacher has another one.
        """
        if len(student_widths) != 2 or min(student_widths.values()) < 1:
            raise ValueError(
                f"expected the student's columns of two modalities, got {dict(student_widths)}"
            )
        if modalities.keys() != teacher_widths.keys():
            raise ValueError(
                f"expected the modality of each of {list(teacher_widths)}, "
                f"got those of {list(modalities)}"
            )
        for name, modality in modalities.items():
            if modality not in student_widths:
                raise ValueError(
                    f"teacher {name!r} is of {modality!r}{did_you_mean(modality, student_widths)}; "
                    f"the student has {' and '.join(student_widths)}"
                )
        widths = {
            modality: {n: width for n, width in teacher_widths.items() if modalities[n] == modality}
            for modality in student_widths
        }
        teachers = {modality: TeacherColumns.of(some) for modality, some in widths.items() if some}
        return cls(dict(student_widths), teachers)

    @property
    def student_width(self) -> int:
        """The student's columns of both modalities."""
        return sum(self.student.values())

    @property
    def all_teachers(self) -> TeacherColumns:
        """The teachers of the first modality, then those of the second."""
        widths: dict[str, int] = {}
        for teachers in self.teachers.values():
            widths |= teachers.by_name
        return TeacherColumns.of(widths)

    def split(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the student's and the teachers' columns of each modality that has a teacher.

        Args:
            student: Both modalities side by side.
            teacher: Each teacher's features, by name.

        Raises:
            ValueError: If widths or names differ from those of the constructor.
        """
        if student.ndim != 2 or student.shape[1] != self.student_width:
            raise ValueError(
                f"expected student features of shape [batch, {self.student_width}] "
                f"({', '.join(f'{modality}: {width}' for modality, width in self.student.items())}), "
                f"got {tuple(student.shape)}"
            )
        if not isinstance(teacher, Mapping):
            raise ValueError("give the teachers' features by name, so that each has its modality")
        names = self.all_teachers.names
        if teacher.keys() != set(names):
            raise ValueError(f"expected teachers {list(names)}, got {list(teacher)}")
        parts = torch.split(student, list(self.student.values()), dim=1)
        student_columns = dict(zip(self.student, parts, strict=True))
        return {
            modality: (
                student_columns[modality],
                teachers.join({name: teacher[name] for name in teachers.names}),
            )
            for modality, teachers in self.teachers.items()
        }


class EachModality(Regularizer):
    """The mean of a method's losses, one for each modality that has a teacher.

    The method compares the student's features of a modality with those of the teachers of that
    modality; feature distillation then has one projection a modality.

    Args:
        make: Builds the method from the student's width and the teachers' widths by name.
        student_widths: The student's widths by modality, in the order of its columns.
        teacher_widths: Columns of each teacher's features, by name.
        modalities: Each teacher's modality, by name.

    Raises:
        ValueError: If the student does not have two modalities, or the method learns from the
            training rows first, which is possible for one modality only.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 4.3.

    Example:
        >>> from tutelage.regularizers import KD
        >>> transfer = EachModality(
        ...     KD,
        ...     {"image": 8, "text": 4},
        ...     {"dino": 6, "bert": 5},
        ...     modalities={"dino": "image", "bert": "text"},
        ... )
        >>> teacher = {"dino": torch.randn(3, 6), "bert": torch.randn(3, 5)}
        >>> transfer(torch.randn(3, 12), teacher).shape
        torch.Size([])
    """

    def __init__(
        self,
        make: Callable[[int, Mapping[str, int]], Regularizer],
        student_widths: Mapping[str, int],
        teacher_widths: Mapping[str, int],
        *,
        modalities: Mapping[str, str],
    ) -> None:
        columns = ModalityColumns.of(student_widths, teacher_widths, modalities=modalities)
        super().__init__(columns.student_width, columns.all_teachers)
        self.columns = columns
        terms: dict[str, Regularizer] = {}
        for modality, teachers in columns.teachers.items():
            terms[modality] = make(student_widths[modality], teachers.by_name)
            if terms[modality].learns_from != "nothing":
                raise ValueError(
                    f"{type(terms[modality]).__name__} learns from the training rows first, which is "
                    "possible for students of one modality only; choose another method"
                )
        self.terms = nn.ModuleDict(terms)
        self.inner_steps = max(term.inner_steps for term in terms.values())
        self.default_lr = next(iter(terms.values())).default_lr

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the mean for one batch.

        Args:
            student: The features of both modalities side by side.
            teacher: Each teacher's features of the same examples, by name.
        """
        value = student.new_zeros(())
        for modality, (own, others) in self.columns.split(student, teacher).items():
            value = value + self.terms[modality](own, others)
        return value / len(self.terms)

    def column_weights(self) -> dict[str, Float[Tensor, " columns"]]:
        """Return the column weights of both modalities, by teacher."""
        weights: dict[str, Tensor] = {}
        for term in self.terms.values():
            assert isinstance(term, Regularizer)
            weights |= term.column_weights()
        return weights
