"""Adaptive Feature Transfer for features that are products of two modalities, as image and text."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.regularizers.axes import Axes
from tutelage.regularizers.base import is_seen_not_to_be_finite
from tutelage.regularizers.column_weights import (
    ColumnWeights,
    Weights,
    build_column_weights,
    check_inner_steps,
)
from tutelage.regularizers.columns import TeacherFeatures
from tutelage.regularizers.kernels import (
    Kernel,
    centered,
    check_kernel,
    gram_matrix,
    kernel_of,
    root_mean_square,
)
from tutelage.regularizers.memory import RelationalRegularizer
from tutelage.regularizers.per_modality import ModalityColumns
from tutelage.widened import widened

__all__ = ["ProductAFT", "product_kernel_distance"]

Pair = tuple[Tensor, Tensor]


def product_kernel_distance(
    student: tuple[Float[Tensor, "batch first"], Float[Tensor, "batch second"]],
    teacher: tuple[Float[Tensor, "batch third"], Float[Tensor, "batch fourth"]],
    *,
    kernel: Kernel = "linear",
) -> Float[Tensor, ""]:
    """Return the kernel distance of two tensor products, without building either.

    Equal to ``kernel_distance(u ⊗ v, ψ_1 ⊗ ψ_2)``, where ``(u ⊗ v)_i`` is the outer product of the
    rows ``u_i`` and ``v_i`` as one vector. Its Gram matrix is ``(U Uᵀ) ∘ (V Vᵀ)``, entry by entry, and
    centering the products over the batch is ``H G H`` with ``H = I - 11ᵀ/B``. With ``u = ū + ũ``,
    ``v = v̄ + ṽ``, ``A = Ũ Ũᵀ``, ``B = Ṽ Ṽᵀ``, ``a = Ũ ū`` and ``b = Ṽ v̄``,

        H G H = H [ A∘B + A∘(b1ᵀ + 1bᵀ + |v̄|²) + B∘(a1ᵀ + 1aᵀ + |ū|²) + abᵀ + baᵀ ] H,

    so the large constant from the means cancels on paper, not in floating point. Memory: a few
    ``batch x batch`` matrices. Computed in float32, or in float64 where features are, also under
    autocast.

    Args:
        student: The two factors ``(u, v)`` of the student's features.
        teacher: The two factors of the teachers' features of the same examples, in the same order.
        kernel: ``"linear"`` or ``"rbf"``, as in ``kernel_distance``.

    Returns:
        A scalar in [1e-4, 2).

    Raises:
        ValueError: If the batches differ in length, or have fewer than two examples.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, sections 3.2 and 4.3.

    Example:
        >>> u, v = torch.randn(5, 3), torch.randn(5, 2)
        >>> product_kernel_distance((u, v), (3 * u, v))
        tensor(0.0001)
    """
    _check_rows(*student, *teacher)
    with torch.autocast(device_type=student[0].device.type, enabled=False):
        return _distance(student, teacher, kernel, batch=None)


class ProductAFT(RelationalRegularizer):
    """AFT for a student whose features are ``u ⊗ v``, with teachers of both modalities.

        R(θ, s) = product_kernel_distance((u, v), (ρ_1 ψ_1, ρ_2 ψ_2)),    ρ_m = diag(sigmoid(s_m))

    ``ψ_1`` are the features of all teachers of the first modality side by side, ``ψ_2`` those of the
    second. Each teacher column has a weight, as in ``AFTLoss``; products of columns have none.

    Args:
        student_widths: Columns of ``u`` and of ``v``, by modality, in the order of the student's
            columns.
        teacher_widths: Columns of each teacher's features, by name.
        modalities: Each teacher's modality, by name.
        weights: ``"diagonal"``, ``"identity"`` or ``"dense"`` as in ``AFTLoss``; a matrix a modality.
        kernel: ``"linear"`` or ``"rbf"``.
        inner_steps: Bi-level updates, as in ``AFTLoss``.
        axes: ``"given"``; the axes of a probe are for students of one modality.
        memory: Rows of recent batches that a batch is compared with, too, as in ``AFTLoss``.

    Raises:
        ValueError: If the student does not have two modalities, one of them has no teacher, or the
            axes are those of a probe.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 4.3.

    Example:
        >>> transfer = ProductAFT(
        ...     {"image": 8, "text": 4},
        ...     {"dino": 6, "llama": 5},
        ...     modalities={"dino": "image", "llama": "text"},
        ... )
        >>> student = torch.randn(16, 12)  # u and v side by side
        >>> loss = transfer(student, {"dino": torch.randn(16, 6), "llama": torch.randn(16, 5)})
        >>> transfer.column_weights()["llama"]
        tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000])
    """

    def __init__(
        self,
        student_widths: Mapping[str, int],
        teacher_widths: Mapping[str, int],
        *,
        modalities: Mapping[str, str],
        weights: Weights = "diagonal",
        kernel: Kernel = "linear",
        inner_steps: int = 0,
        axes: Axes = "given",
        memory: int = 0,
    ) -> None:
        columns = ModalityColumns.of(student_widths, teacher_widths, modalities=modalities)
        super().__init__(columns.student_width, columns.all_teachers, memory=memory)
        check_kernel(kernel)
        check_inner_steps(inner_steps, weights=weights, memory=memory)
        if axes != "given":
            raise ValueError(
                f"axes = {axes!r} is for students of one modality, and this one's features are a "
                f"product of {' and '.join(student_widths)}; choose another method, such as aft"
            )
        if missing := [name for name in student_widths if name not in columns.teachers]:
            raise ValueError(
                f"the student's features are a product of {' and '.join(student_widths)}, but no teacher is "
                f"of {missing[0]}; add one, or choose a method that takes each modality separately"
            )
        self.columns = columns
        self.kernel = kernel
        self.inner_steps = inner_steps
        self.weights = nn.ModuleDict(
            {
                modality: build_column_weights(weights, teachers.total)
                for modality, teachers in columns.teachers.items()
            }
        )

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the distance for one batch.

        Args:
            student: ``u`` and ``v`` side by side.
            teacher: Each teacher's features of the same examples, by name; any floating dtype.

        Raises:
            ValueError: If widths or names differ from those of the constructor, the batches in
                length, or a teacher's features hold NaN or infinity, which is looked at on a CPU.
        """
        self._unlearned.look(self, student)
        sides = [others for _, others in self.columns.split(student, teacher).values()]
        _check_rows(student, *sides)
        with torch.autocast(device_type=student.device.type, enabled=False):
            columns = torch.cat([widened(one) for one in sides], dim=1)
            value = self.compare(*self._in_one_dtype(student, columns))
        if is_seen_not_to_be_finite(value):
            self.teachers.check_finite(columns)
        return value

    def relate(
        self,
        student: Float[Tensor, "rows student"],
        teacher: Float[Tensor, "rows columns"],
        *,
        batch: int,
    ) -> Float[Tensor, ""]:
        """Return the distance; columns of the first modality come before those of the second."""
        own = torch.split(student, list(self.columns.student.values()), dim=1)
        widths = [teachers.total for teachers in self.columns.teachers.values()]
        others = torch.split(teacher, widths, dim=1)
        first, second = (
            self._of(modality)(columns)
            for modality, columns in zip(self.columns.teachers, others, strict=True)
        )
        return _distance((own[0], own[1]), (first, second), self.kernel, batch=batch)

    def column_weights(self) -> dict[str, Float[Tensor, " columns"]]:
        """Return the weight of each teacher column, by teacher, detached; as ``AFTLoss`` does."""
        weights: dict[str, Tensor] = {}
        for modality, teachers in self.columns.teachers.items():
            weights |= teachers.split(self._of(modality).column_weights())
        return weights

    def _of(self, modality: str) -> ColumnWeights:
        weights = self.weights[modality]
        assert isinstance(weights, ColumnWeights)
        return weights


def _distance(
    student: Pair, teacher: Pair, kernel: Kernel, *, batch: int | None
) -> Float[Tensor, ""]:
    """The kernel distance of two products, between the batch and all rows."""
    return root_mean_square(_kernel(student, kernel, batch) - _kernel(teacher, kernel, batch))


def _check_rows(*factors: Tensor) -> None:
    rows = {len(part) for part in factors}
    if len(rows) > 1:
        raise ValueError(
            f"the factors have {', '.join(map(str, sorted(rows)))} rows; all must be the same "
            "examples in the same order"
        )


def _kernel(pair: Pair, kernel: Kernel, batch: int | None) -> Float[Tensor, "batch rows"]:
    gram = _centered_gram(*pair)
    if batch in (None, len(gram)):
        return kernel_of(gram, kernel)
    return kernel_of(gram[:batch], kernel, squares=gram.diagonal())


def _centered_gram(
    first: Float[Tensor, "batch first"], second: Float[Tensor, "batch second"]
) -> Float[Tensor, "batch batch"]:
    """The Gram matrix of ``first ⊗ second``, centered over the batch."""
    (gram_a, a, aa), (gram_b, b, bb) = _around_mean(first), _around_mean(second)
    crossed = a[:, None] * b
    gram = gram_a * gram_b + gram_a * (b[:, None] + b + bb) + gram_b * (a[:, None] + a + aa)
    gram = gram + crossed + crossed.T
    gram = gram - gram.mean(dim=0)
    return gram - gram.mean(dim=1, keepdim=True)


def _around_mean(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The Gram matrix of centered features, their products with the mean, and its squared length."""
    around = centered(features)
    mean = features.to(around.dtype).mean(dim=0)
    return gram_matrix(around), around @ mean, mean @ mean
