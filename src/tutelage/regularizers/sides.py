"""Students and teachers of two modalities: which columns belong to which."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.errors import did_you_mean
from tutelage.regularizers.columns import TeacherFeatures, Teachers

__all__ = ["Sides"]


@dataclass(frozen=True)
class Sides:
    """The student's columns of each modality, and the teachers of each.

    Attributes:
        widths: The student's columns by modality, in the order in which they lie.
        teachers: The teachers by modality, in the same order; a modality without one is missing.

    Example:
        >>> sides = Sides.of(
        ...     {"image": 2, "text": 1},
        ...     {"bert": 3, "dino": 4},
        ...     sides={"dino": "image", "bert": "text"},
        ... )
        >>> teacher = {"bert": torch.ones(5, 3), "dino": torch.zeros(5, 4)}
        >>> [(u.shape[1], t.shape[1]) for u, t in sides.split(torch.ones(5, 3), teacher).values()]
        [(2, 4), (1, 3)]
    """

    widths: Mapping[str, int]
    teachers: Mapping[str, Teachers]

    @classmethod
    def of(
        cls,
        student_widths: Mapping[str, int],
        teacher_widths: Mapping[str, int],
        *,
        sides: Mapping[str, str],
    ) -> "Sides":
        """Sort the teachers by modality.

        Raises:
            ValueError: If the student has not two modalities, or a teacher's is none of them.
        """
        if len(student_widths) != 2 or min(student_widths.values()) < 1:
            raise ValueError(
                f"expected the student's columns of two modalities, got {dict(student_widths)}"
            )
        if sides.keys() != teacher_widths.keys():
            raise ValueError(
                f"expected the modality of each of {list(teacher_widths)}, got those of {list(sides)}"
            )
        for name, side in sides.items():
            if side not in student_widths:
                raise ValueError(
                    f"teacher {name!r} is of {side!r}{did_you_mean(side, student_widths)}; "
                    f"the student has {' and '.join(student_widths)}"
                )
        sorted_widths = {
            side: {name: width for name, width in teacher_widths.items() if sides[name] == side}
            for side in student_widths
        }
        teachers = {side: Teachers.of(widths) for side, widths in sorted_widths.items() if widths}
        return cls(dict(student_widths), teachers)

    @property
    def taught(self) -> tuple[str, ...]:
        """The modalities that have a teacher."""
        return tuple(self.teachers)

    def split(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Return the student's and the teachers' columns of each modality that has a teacher.

        Args:
            student: Both modalities side by side.
            teacher: Each teacher's features, by name.

        Raises:
            ValueError: If widths or names are not those that were announced.
        """
        total = sum(self.widths.values())
        if student.ndim != 2 or student.shape[1] != total:
            raise ValueError(
                f"expected student features of shape [batch, {total}] "
                f"({', '.join(f'{side}: {width}' for side, width in self.widths.items())}), "
                f"got {tuple(student.shape)}"
            )
        if not isinstance(teacher, Mapping):
            raise ValueError("give the teachers' features by name, so that each has its modality")
        names = [name for teachers in self.teachers.values() for name in teachers.names]
        if teacher.keys() != set(names):
            raise ValueError(f"expected teachers {names}, got {list(teacher)}")
        own = dict(
            zip(self.widths, torch.split(student, list(self.widths.values()), 1), strict=True)
        )
        return {
            side: (own[side], teachers.join({name: teacher[name] for name in teachers.names}))
            for side, teachers in self.teachers.items()
        }
