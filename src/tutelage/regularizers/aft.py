"""Adaptive Feature Transfer (AFT): match the student's kernel to that of weighted teacher features."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.regularizers.axes import Axes, ProbeAxes, check_axes
from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.column_weights import (
    ColumnWeights,
    Weights,
    build_column_weights,
    check_inner_steps,
)
from tutelage.regularizers.columns import TeacherWidths
from tutelage.regularizers.kernels import (
    Kernel,
    centered,
    check_kernel,
    cosine_distance,
    gram_matrix,
    kernel_of,
    root_mean_square,
)
from tutelage.regularizers.memory import RelationalRegularizer
from tutelage.regularizers.preparation import TrainingEvidence

__all__ = ["AFTLoss", "AFTWithoutKernel", "kernel_distance"]


def kernel_distance(
    student: Float[Tensor, "batch student"],
    teacher: Float[Tensor, "batch teacher"],
    *,
    kernel: Kernel = "linear",
) -> Float[Tensor, ""]:
    """Return the distance between the kernels of two sets of features of one batch.

    Features are centered over the batch and each row is scaled to unit length; ``K[i, j]`` is then
    the cosine between examples ``i`` and ``j``, and the distance is the root of the mean squared
    difference over all pairs, the diagonal included:

        R = sqrt( mean_ij (K_student - K_teacher)[i, j]² + 1e-8 )

    R is invariant to rotation, shift and scale of either side, and the two widths need not agree.
    Computed in float32, or in float64 where features are, also under autocast.

    Args:
        student: Features of the model in training.
        teacher: Features of the same examples, in the same order.
        kernel: ``"linear"``: cosines. ``"rbf"``: ``exp(-||x_i - x_j||²)`` of the unit rows.

    Returns:
        A scalar in [1e-4, 2).

    Raises:
        TypeError: If features are no tensors.
        ValueError: If the batches differ in length, or have fewer than two examples.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 3.2, eq. 8; RBF: section 5.3.

    Example:
        >>> student = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
        >>> kernel_distance(student, 3 * student + 5)
        tensor(0.0001)
    """
    for features in (student, teacher):
        if not isinstance(features, Tensor):
            raise TypeError(
                f"expected features as tensors, got {type(features).__name__}; use torch.from_numpy"
            )
    if len(student) != len(teacher):
        raise ValueError(
            f"student has {len(student)} rows but teacher has {len(teacher)}; "
            "both must be the same examples in the same order"
        )
    wide = torch.promote_types(student.dtype, teacher.dtype)
    with torch.autocast(device_type=student.device.type, enabled=False):
        return _distance(student.to(wide), centered(teacher.to(wide)), kernel)


class AFTLoss(RelationalRegularizer):
    """The distance between the student's kernel and that of teacher features under learned weights.

        R(θ, s) = kernel_distance(φ_θ, ρψ),    ρ = diag(sigmoid(s)),    s = 0 at the start

    ``φ`` are the student's features, ``ψ`` those of all teachers side by side. ``s`` is learned
    together with the student, with its own learning rate (1e-2) and no weight decay. Rows have unit
    length, so shrinking all weights alike changes nothing.

    ``FeatureTap`` reads the student's features while the model runs, and ``Objective`` adds the loss
    to the loss of the task.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.
        weights: ``"diagonal"``: learned, one a column. ``"identity"``: none. ``"dense"``: a learned
            matrix in place of ρ, without sigmoid, N(0, 1/columns) at the start.
        kernel: ``"linear"`` or ``"rbf"``, as in ``kernel_distance``.
        inner_steps: Updates of the weights alone, on the same batch, before each update of the
            student: bi-level optimization in place of joint updates. Read by the training loop.
        axes: ``"given"``: ρ weighs the teachers' columns. ``"probe"``: it weighs the span of what a
            linear probe of the task reads of each teacher, and the rest of the teacher, from 0.95
            and 0.05 on; ``prepare`` finds the span in the labelled training rows. Not in the paper.
            See ``tutelage.regularizers.axes.ProbeAxes``.
        classes: The number of classes, labels or targets; for ``axes="probe"``.
        memory: Rows of recent batches that a batch is compared with, too, M or fewer. The features are
            centered over all B + M rows, and the mean of the distance is over i = 1 … B and j = 1 … B + M:
            see ``RelationalRegularizer``.

    Raises:
        ValueError: If a width is not positive, a setting is unknown, or memory and inner_steps are both
            given.
        RuntimeError: If it is called before ``prepare``, with ``axes="probe"``.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 3.2; the other settings: section 5.3.

    Example:
        >>> transfer = AFTLoss(512, {"dino": 1536, "clip": 768})
        >>> student = torch.randn(32, 512)
        >>> loss = transfer(student, {"dino": torch.randn(32, 1536), "clip": torch.randn(32, 768)})
        >>> transfer.column_weights()["clip"].shape
        torch.Size([768])
    """

    def __init__(
        self,
        student_width: int,
        teacher_widths: TeacherWidths,
        *,
        weights: Weights = "diagonal",
        kernel: Kernel = "linear",
        inner_steps: int = 0,
        axes: Axes = "given",
        classes: int | None = None,
        memory: int = 0,
    ) -> None:
        super().__init__(student_width, teacher_widths, memory=memory)
        check_kernel(kernel)
        check_inner_steps(inner_steps, weights=weights, memory=memory)
        check_axes(axes, weights=weights, classes=classes)
        self.kernel = kernel
        self.inner_steps = inner_steps
        self.weights: ColumnWeights
        if axes == "probe" and classes is not None:
            self.weights = ProbeAxes(self.teachers, classes=classes)
            self.learns_from = "training rows"
        else:
            self.weights = build_column_weights(weights, self.teachers.total)

    def relate(
        self,
        student: Float[Tensor, "rows student"],
        teacher: Float[Tensor, "rows columns"],
        *,
        batch: int,
    ) -> Float[Tensor, ""]:
        """Return the kernel distance."""
        # Centered before they are weighted, which is the same and needs no gradient.
        weighted = self.weights(centered(teacher))
        return _distance(student, weighted, self.kernel, batch=batch)

    def column_weights(self) -> dict[str, Float[Tensor, " columns"]]:
        """Return the weight ``ρ`` of each teacher column, by teacher, detached.

        For ``weights="dense"`` the length of the column's row in the matrix; for ``"identity"`` 1; for
        ``axes="probe"`` the length of what the column's unit vector is mapped to.
        """
        return self.teachers.split(self.weights.column_weights())

    def prepare(self, evidence: TrainingEvidence) -> None:
        """Find the probe's axes in the labelled training rows; nothing with ``axes="given"``.

        Raises:
            ValueError: If the evidence is of other teachers or classes, or has no labels.
        """
        if isinstance(self.weights, ProbeAxes):
            self.weights.learn(evidence)

    def learned_state(self) -> dict[str, Tensor]:
        """Return the probe's axes; nothing with ``axes="given"``."""
        return {"axes": self.weights.axes} if isinstance(self.weights, ProbeAxes) else {}

    def load_learned_state(self, state: Mapping[str, Tensor]) -> None:
        """Restore the probe's axes."""
        if isinstance(self.weights, ProbeAxes):
            self.weights.restore(state["axes"])


class AFTWithoutKernel(Regularizer):
    """The mean squared difference of student features and linearly mapped teacher features.

        mean (φ - ψA)²    over examples and the student's columns

    of centered features ``φ`` and ``ψ``, with ``A`` learned, N(0, 1/columns) at the start. AFT's
    ablation without a kernel; a shift of ψA would be centered away.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 5.3.

    Example:
        >>> AFTWithoutKernel(8, {"dino": 16})(torch.randn(4, 8), torch.randn(4, 16)).shape
        torch.Size([])
    """

    def __init__(self, student_width: int, teacher_widths: TeacherWidths) -> None:
        super().__init__(student_width, teacher_widths)
        columns = self.teachers.total
        self.map = nn.Parameter(torch.randn(columns, student_width) / columns**0.5)

    def compare(
        self, student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, ""]:
        """Return the mean squared difference."""
        return (centered(student) - centered(teacher) @ self.map).square().mean()

    def column_weights(self) -> dict[str, Float[Tensor, " columns"]]:
        """Return the length of each teacher column's row in ``A``, by teacher, detached."""
        return self.teachers.split(self.map.detach().norm(dim=1))


def _distance(
    student: Float[Tensor, "rows student"],
    teacher: Float[Tensor, "rows teacher"],
    kernel: Kernel,
    *,
    batch: int | None = None,
) -> Float[Tensor, ""]:
    """The kernel distance, between the batch and all rows; the teacher's features are centered."""
    if kernel == "linear" and batch in (None, len(student)):
        return cosine_distance(student, teacher)
    student = centered(student)
    return root_mean_square(_kernel(student, kernel, batch) - _kernel(teacher, kernel, batch))


def _kernel(features: Tensor, kernel: Kernel, batch: int | None) -> Float[Tensor, "batch rows"]:
    if batch in (None, len(features)):
        return kernel_of(gram_matrix(features), kernel)
    squares = features.square().sum(dim=1)
    return kernel_of(features[:batch] @ features.T, kernel, squares=squares)
