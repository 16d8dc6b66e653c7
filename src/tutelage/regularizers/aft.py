"""Adaptive Feature Transfer: the student's kernel is drawn to that of weighted teacher features."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.regularizers.columns import TeacherFeatures, Teachers
from tutelage.regularizers.kernels import centred, kernel_of, root_mean_square

__all__ = ["AFTLoss", "Kernel", "Weights", "kernel_distance"]

Kernel = Literal["linear", "rbf", "none"]
Weights = Literal["diagonal", "identity", "dense"]


def kernel_distance(
    student: Float[Tensor, "batch student"],
    teacher: Float[Tensor, "batch teacher"],
    *,
    kernel: Literal["linear", "rbf"] = "linear",
) -> Float[Tensor, ""]:
    """Return how far apart the kernels are that two sets of features span over one batch.

    Features are centred over the batch and each row is brought to unit length; then ``K[i, j]``
    is the cosine between the examples ``i`` and ``j``, and the distance is the root of the mean
    squared difference over all pairs, the diagonal included:

        R = sqrt( mean_ij (K_student - K_teacher)[i, j]² + 1e-8 )

    Rotating, shifting or scaling either side as a whole leaves R as it is, and the two widths
    need not agree. Computed in float32, or float64 where that comes in, also under autocast.

    Args:
        student: Features of the model in training.
        teacher: Features of the same examples, in the same order.
        kernel: ``"linear"``: cosines. ``"rbf"``: ``exp(-||x_i - x_j||²)`` of the unit rows.

    Returns:
        A scalar in [1e-4, 2).

    Raises:
        ValueError: If the batches differ in length, or have fewer than two examples.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 3.2, eq. 8; RBF: section 5.3.

    Example:
        >>> student = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
        >>> kernel_distance(student, 3 * student + 5)
        tensor(0.0001)
    """
    with torch.autocast(device_type=student.device.type, enabled=False):
        return _distance(centred(student), centred(teacher), kernel)


class AFTLoss(nn.Module):
    """The distance between the student's kernel and that of teacher features under learned weights.

        R(θ, s) = kernel_distance(φ_θ, ρψ),    ρ = diag(sigmoid(s)),    s = 0 at the start

    ``φ`` are the student's features, ``ψ`` those of all teachers side by side. ``s`` is learned
    together with the student: give it a learning rate of its own (1e-2) and no weight decay. Since
    rows have unit length, shrinking all weights alike changes nothing.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.
        weights: ``"diagonal"``: learned, one a column. ``"identity"``: none. ``"dense"``: a learned
            matrix in place of ρ, without sigmoid, started at N(0, 1/columns).
        kernel: ``"linear"``, ``"rbf"``, or ``"none"``: no kernel, but ``mean (φ - ψA)²`` of centred
            features with ``A`` learned (a shift of ψA would be centred away), in place of ρ.
        inner_steps: Updates of the weights, on the same batch with the student's features held,
            before each update of the student under the new weights, in place of joint updates:
            bi-level optimisation. Training loops read it.

    Raises:
        ValueError: If a width is not positive, or ``kernel="none"`` meets weights other than its own.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 3.2; the other settings: section 5.3.

    Example:
        >>> transfer = AFTLoss(512, {"dino": 1536, "clip": 768})
        >>> student = torch.randn(32, 512)
        >>> loss = transfer(student, {"dino": torch.randn(32, 1536), "clip": torch.randn(32, 768)})
        >>> transfer.rho()["clip"].shape
        torch.Size([768])
    """

    def __init__(
        self,
        student_width: int,
        teacher_widths: Sequence[int] | Mapping[str, int],
        *,
        weights: Weights = "diagonal",
        kernel: Kernel = "linear",
        inner_steps: int = 0,
    ) -> None:
        super().__init__()
        _check("weights", weights, ("diagonal", "identity", "dense"))
        _check("kernel", kernel, ("linear", "rbf", "none"))
        if kernel == "none" and weights != "diagonal":
            raise ValueError("kernel='none' learns a map of its own; leave weights out")
        if student_width < 1 or inner_steps < 0:
            raise ValueError(
                f"student_width must be positive and inner_steps not negative, "
                f"got {student_width} and {inner_steps}"
            )
        self.teachers = Teachers.of(teacher_widths)
        self.student_width = student_width
        self.kernel = kernel
        self.weights = weights
        self.inner_steps = inner_steps
        columns = self.teachers.total
        if kernel == "none":
            self.map = nn.Parameter(torch.randn(columns, student_width) / columns**0.5)
        elif weights == "dense":
            self.map = nn.Parameter(torch.randn(columns, columns) / columns**0.5)
        elif weights == "diagonal":
            self.scores = nn.Parameter(torch.zeros(columns))

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the distance for one batch.

        Args:
            student: The student's features.
            teacher: The teachers' features of the same examples: one tensor with all columns, or
                one a teacher, in order or by name; any floating dtype.
        """
        if student.shape[-1] != self.student_width:
            raise ValueError(
                f"expected student features of shape [batch, {self.student_width}], got {tuple(student.shape)}"
            )
        joined = self.teachers.join(teacher)
        with torch.autocast(device_type=student.device.type, enabled=False):
            # Centred before they are weighted, which is the same and needs no gradient.
            student, weighted = centred(student), self._weighted(centred(joined))
            if self.kernel == "none":
                _check_rows(student, weighted)
                return (student - weighted).square().mean()
            return _distance(student, weighted, self.kernel)

    def rho(self) -> dict[str, Float[Tensor, " columns"]]:
        """Return each teacher column's weight, by teacher, detached.

        For a learned matrix it is the length of the column's row in it; for ``"identity"`` it is 1.
        """
        match self:
            case AFTLoss(kernel="none") | AFTLoss(weights="dense"):
                weights = self.map.detach().norm(dim=1)
            case AFTLoss(weights="diagonal"):
                weights = self.scores.detach().sigmoid()
            case _:
                weights = torch.ones(self.teachers.total)
        return self.teachers.split(weights)

    def _weighted(self, teacher: Tensor) -> Tensor:
        if self.kernel == "none" or self.weights == "dense":
            return teacher @ self.map
        return teacher * self.scores.sigmoid() if self.weights == "diagonal" else teacher


def _distance(
    student: Tensor, teacher: Tensor, kernel: Literal["linear", "rbf"]
) -> Float[Tensor, ""]:
    """The distance of two sets of centred features."""
    _check_rows(student, teacher)
    return root_mean_square(
        kernel_of(student @ student.T, kernel) - kernel_of(teacher @ teacher.T, kernel)
    )


def _check_rows(student: Tensor, teacher: Tensor) -> None:
    if len(student) != len(teacher):
        raise ValueError(
            f"student has {len(student)} rows but teacher has {len(teacher)}; "
            "both must be the same examples in the same order"
        )


def _check(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
