"""CosPress: compress teachers to the student's width, preserving cosines, and match the result."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.columns import TeacherWidths
from tutelage.regularizers.kernels import gram_matrix

__all__ = ["CosPress"]

TEMPERATURES = tuple(step / 100 for step in range(1, 11))
EXCLUDED = -1e4  # far below any cosine, so that an example is not its own neighbor


class CosPress(Regularizer):
    """The loss of cosines in compressed teacher features, and the student's distance from these.

        mean_τ KL( P_τ(ψ) ‖ P_τ(h(ψ)) ) + mean_i (1 - cos(φ_i, h(ψ)_i))

    ``h`` is a layer norm and a linear map from all teachers' columns to the student's, learned from
    the first term alone; the student learns from the second alone. ``P_τ`` turns the cosines
    between the examples of a batch into probabilities of pairs, the t-SNE of the sphere:

        p(j | i) ∝ exp(cos(x_i, x_j) / τ),  j ≠ i;    P_τ[i, j] = (p(j | i) + p(i | j)) / 2B

    with τ = 0.01, 0.02 … 0.10.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.

    Source:
        Mannix et al. 2025, arXiv 2411.15239, algorithm 1; temperatures and ``h`` as in the authors'
        distillation of DINOv2, without its terms for image patches.

    Example:
        >>> transfer = CosPress(384, {"dino": 1536})
        >>> teacher = torch.randn(8, 1536)
        >>> transfer(torch.randn(8, 384), teacher) > transfer(transfer.head(teacher), teacher)
        tensor(True)
    """

    def __init__(self, student_width: int, teacher_widths: TeacherWidths) -> None:
        super().__init__(student_width, teacher_widths)
        columns = self.teachers.total
        self.head = nn.Sequential(nn.LayerNorm(columns), nn.Linear(columns, student_width))

    def compare(
        self, student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, ""]:
        """Return the sum of both terms."""
        compressed: Tensor = self.head(teacher)
        divergence = F.kl_div(
            _log_pairs(compressed), _log_pairs(teacher), reduction="sum", log_target=True
        )
        # Cosines do not depend on lengths, whose squares could overflow.
        largest = student.detach().abs().amax(dim=1, keepdim=True).clamp_min(1)
        cosine = F.cosine_similarity(student / largest, compressed.detach(), dim=1)
        return divergence / len(TEMPERATURES) + (1 - cosine).mean()


def _log_pairs(features: Tensor) -> Float[Tensor, "temperatures batch batch"]:
    """The logarithm of P at every temperature."""
    unit = F.normalize(features, dim=1)
    cosines = gram_matrix(unit).fill_diagonal_(EXCLUDED)
    temperatures = torch.tensor(TEMPERATURES, dtype=unit.dtype, device=unit.device)
    conditional = (cosines / temperatures[:, None, None]).log_softmax(dim=2)
    return torch.logaddexp(conditional, conditional.mT) - math.log(2 * len(features))
