"""A regularizer of one's own, used by name without touching the package.

`CentredAlignment` is one minus the centred kernel alignment of student and teachers (Kornblith et al.
2019, linear CKA). Run from this folder, the program finds it by its path:

    python add_a_regularizer.py
    tutelage train flowers.toml --method add_a_regularizer:CentredAlignment
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from tutelage import Objective
from tutelage.registry import bind, lookup
from tutelage.regularizers.catalogue import METHODS
from tutelage.regularizers.columns import TeacherFeatures, Teachers


class CentredAlignment(nn.Module):
    """One minus the alignment of the two centred Gram matrices: 0 where they are proportional, 1 at most."""

    def __init__(
        self,
        student_width: int,
        teacher_widths: Sequence[int] | Mapping[str, int],
        *,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__()
        self.teachers = Teachers.of(teacher_widths)
        self.epsilon = epsilon

    def forward(self, student: Tensor, teacher: TeacherFeatures) -> Tensor:
        """Return the value for one batch."""
        left, right = (
            x.float() - x.float().mean(0) for x in (student, self.teachers.join(teacher))
        )
        cross = (left.T @ right).square().sum()
        scale = (left.T @ left).norm() * (right.T @ right).norm()
        return 1 - cross / (scale + self.epsilon)


if __name__ == "__main__":
    method = lookup("add_a_regularizer:CentredAlignment", METHODS, kind="method")
    given = {"student_width": 8, "teacher_widths": {"dino": 16}}
    alignment = bind(method, given, {"epsilon": 1e-6}, where="transfer.params")
    objective = Objective(nn.CrossEntropyLoss(), alignment, beta=1.0)

    torch.manual_seed(0)
    student = nn.Linear(16, 8)
    head = nn.Linear(8, 2)
    optimizer = torch.optim.Adam([*student.parameters(), *head.parameters()], lr=1e-2)
    teacher, labels = torch.randn(64, 16), torch.randint(2, (64,))
    for _ in range(50):
        features = student(teacher)
        terms = objective(head(features), labels, features, {"dino": teacher})
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
    print(f"task {terms.task.item():.3f}  transfer {terms.transfer.item():.3f}")
