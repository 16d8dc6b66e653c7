"""Adaptive Feature Transfer where features are products of two modalities, such as image and text."""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.regularizers.columns import TeacherFeatures
from tutelage.regularizers.kernels import centred, kernel_of, root_mean_square
from tutelage.regularizers.sides import Sides

__all__ = ["ProductAFT", "product_kernel_distance"]

Pair = tuple[Tensor, Tensor]


def product_kernel_distance(
    student: tuple[Float[Tensor, "batch first"], Float[Tensor, "batch second"]],
    teacher: tuple[Float[Tensor, "batch third"], Float[Tensor, "batch fourth"]],
    *,
    kernel: Literal["linear", "rbf"] = "linear",
) -> Float[Tensor, ""]:
    """Return the kernel distance of two tensor products, without building either.

    Equal to ``kernel_distance(u ⊗ v, ψ_1 ⊗ ψ_2)``, where ``(u ⊗ v)_i`` is the outer product of the
    rows ``u_i`` and ``v_i`` as one vector. Its Gram matrix is ``(U Uᵀ) ∘ (V Vᵀ)``, entry by entry, and
    centring the products over the batch is ``H G H`` with ``H = I - 11ᵀ/B``. With ``u = ū + ũ``,
    ``v = v̄ + ṽ``, ``A = Ũ Ũᵀ``, ``B = Ṽ Ṽᵀ``, ``a = Ũ ū`` and ``b = Ṽ v̄``,

        H G H = H [ A∘B + A∘(b1ᵀ + 1bᵀ + |v̄|²) + B∘(a1ᵀ + 1aᵀ + |ū|²) + abᵀ + baᵀ ] H,

    so the large constant that means bring with them cancels on paper, not in floating point.
    Memory: a few ``batch x batch`` matrices. Float32, or float64 where that comes in, also under
    autocast.

    Args:
        student: The two factors ``(u, v)`` of the student's features.
        teacher: The two factors of the teachers', of the same examples in the same order.
        kernel: As in ``kernel_distance``.

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
    rows = {len(part) for part in (*student, *teacher)}
    if len(rows) > 1:
        raise ValueError(
            f"the factors have {', '.join(map(str, sorted(rows)))} rows; all four must be of the same "
            "examples in the same order"
        )
    with torch.autocast(device_type=student[0].device.type, enabled=False):
        return root_mean_square(
            kernel_of(_centred_gram(*student), kernel) - kernel_of(_centred_gram(*teacher), kernel)
        )


class ProductAFT(nn.Module):
    """AFT for a student whose features are ``u ⊗ v``, and teachers of each of the two modalities.

        R(θ, s) = product_kernel_distance((u, v), (ρ_1 ψ_1, ρ_2 ψ_2)),    ρ_m = diag(sigmoid(s_m))

    ``ψ_1`` are the features of all teachers of the first modality side by side, ``ψ_2`` those of the
    second. One weight a teacher's column, as in ``AFTLoss``; none for products of columns.

    Args:
        student_widths: Columns of ``u`` and of ``v``, by modality, in the order in which they lie in
            the student's features.
        teacher_widths: Columns of each teacher's features, by name.
        sides: Each teacher's modality, by name.
        weights: ``"diagonal"``, ``"identity"`` or ``"dense"`` as in ``AFTLoss``; a matrix a modality.
        kernel: ``"linear"`` or ``"rbf"``.
        inner_steps: As in ``AFTLoss``.

    Raises:
        ValueError: If the student does not have two modalities, or one of them has no teacher.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 4.3.

    Example:
        >>> transfer = ProductAFT(
        ...     {"image": 8, "text": 4},
        ...     {"dino": 6, "llama": 5},
        ...     sides={"dino": "image", "llama": "text"},
        ... )
        >>> student = torch.randn(16, 12)  # u and v side by side
        >>> loss = transfer(student, {"dino": torch.randn(16, 6), "llama": torch.randn(16, 5)})
        >>> transfer.rho()["llama"]
        tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000])
    """

    def __init__(
        self,
        student_widths: Mapping[str, int],
        teacher_widths: Mapping[str, int],
        *,
        sides: Mapping[str, str],
        weights: Literal["diagonal", "identity", "dense"] = "diagonal",
        kernel: Literal["linear", "rbf"] = "linear",
        inner_steps: int = 0,
    ) -> None:
        super().__init__()
        if weights not in ("diagonal", "identity", "dense"):
            raise ValueError(f"weights must be diagonal, identity or dense, not {weights!r}")
        if kernel not in ("linear", "rbf"):
            raise ValueError(
                f"kernel must be linear or rbf, not {kernel!r}: a map between products of features "
                "would have a weight for each pair of products"
            )
        if inner_steps < 0:
            raise ValueError(f"inner_steps must not be negative, got {inner_steps}")
        self.sides = Sides.of(student_widths, teacher_widths, sides=sides)
        if untaught := [name for name in student_widths if name not in self.sides.taught]:
            raise ValueError(
                f"the student's features are a product of {' and '.join(student_widths)}, but no teacher is "
                f"of {untaught[0]}; add one, or choose a method that takes each modality on its own"
            )
        self.weights = weights
        self.kernel = kernel
        self.inner_steps = inner_steps
        widths = [self.sides.teachers[side].total for side in student_widths]
        if weights == "dense":
            self.maps = nn.ParameterList(torch.randn(n, n) / n**0.5 for n in widths)
        elif weights == "diagonal":
            self.scores = nn.ParameterList(torch.zeros(n) for n in widths)

    def forward(
        self, student: Float[Tensor, "batch student"], teacher: TeacherFeatures
    ) -> Float[Tensor, ""]:
        """Return the distance for one batch.

        Args:
            student: ``u`` and ``v`` side by side.
            teacher: Each teacher's features of the same examples, by name; any floating dtype.
        """
        first, second = (
            (own, self._weighted(theirs, number))
            for number, (own, theirs) in enumerate(self.sides.split(student, teacher).values())
        )
        return product_kernel_distance(
            (first[0], second[0]), (first[1], second[1]), kernel=self.kernel
        )

    def rho(self) -> dict[str, Float[Tensor, " columns"]]:
        """Return each teacher column's weight, by teacher, detached; as ``AFTLoss.rho``."""
        found: dict[str, Tensor] = {}
        for number, teachers in enumerate(self.sides.teachers.values()):
            match self.weights:
                case "dense":
                    weights = self.maps[number].detach().norm(dim=1)
                case "diagonal":
                    weights = self.scores[number].detach().sigmoid()
                case "identity":
                    weights = torch.ones(teachers.total)
            found |= teachers.split(weights)
        return found

    def _weighted(self, teacher: Tensor, number: int) -> Tensor:
        with torch.autocast(device_type=teacher.device.type, enabled=False):
            wide = teacher if teacher.dtype == torch.float64 else teacher.float()
            if self.weights == "identity":
                return wide
            if self.weights == "dense":
                return torch.matmul(wide, self.maps[number])
            return torch.mul(wide, self.scores[number].sigmoid())


def _centred_gram(
    first: Float[Tensor, "batch first"], second: Float[Tensor, "batch second"]
) -> Float[Tensor, "batch batch"]:
    """The Gram matrix of ``first ⊗ second``, centred over the batch."""
    (one, a, aa), (two, b, bb) = _around_mean(first), _around_mean(second)
    crossed = a[:, None] * b
    gram = one * two + one * (b[:, None] + b + bb) + two * (a[:, None] + a + aa)
    gram = gram + crossed + crossed.T
    gram = gram - gram.mean(dim=0)
    return gram - gram.mean(dim=1, keepdim=True)


def _around_mean(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The Gram matrix of centred features, their products with the mean, and its squared length."""
    around = centred(features)
    mean = features.to(around.dtype).mean(dim=0)
    return around @ around.T, around @ mean, mean @ mean
