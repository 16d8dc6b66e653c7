"""VkD: match standardized teacher features by an orthogonal map of the student's."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import register_parametrization

from tutelage.regularizers.base import Regularizer
from tutelage.regularizers.columns import TeacherWidths

__all__ = ["VkD"]


class VkD(Regularizer):
    """The smooth L1 distance of orthogonally mapped student features to standardized teachers'.

        mean smooth_l1(φPᵀ - ψ̂),    P orthogonal and learned,    ψ̂ = (ψ - mean) / std of each row

    ``P`` has orthonormal columns where the teachers have at least as many columns as the student:
    then φPᵀ has the inner products of φ, so the map cannot learn in place of the student. Where they
    have fewer, its rows are orthonormal. Each row of each teacher is standardized separately, by
    ``std² = var + 1e-5`` over its columns.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.

    Source:
        Miles et al. 2024, arXiv 2403.06213, section 3; smooth L1 and standardization by rows as in
        the authors' training of image classifiers.

    Example:
        >>> transfer = VkD(8, {"dino": 12})
        >>> identity = transfer.map.weight.T @ transfer.map.weight
        >>> torch.allclose(identity, torch.eye(8), atol=1e-5)
        True
    """

    def __init__(self, student_width: int, teacher_widths: TeacherWidths) -> None:
        super().__init__(student_width, teacher_widths)
        self.map = nn.Linear(student_width, self.teachers.total, bias=False)
        register_parametrization(self.map, "weight", _Orthonormal())

    def compare(
        self, student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, ""]:
        """Return the mean smooth L1 distance."""
        parts = torch.split(teacher, list(self.teachers.widths), dim=1)
        standardized = torch.cat([F.layer_norm(part, part.shape[1:]) for part in parts], dim=1)
        return F.smooth_l1_loss(self.map(student), standardized)


class _Orthonormal(nn.Module):
    """A matrix's orthonormal factor in ``W = QR``, whose gradient costs what ``W Wᵀ`` does.

    PyTorch's parametrization by Householder vectors applies them one after another.
    """

    def forward(self, weight: Tensor) -> Tensor:
        tall = weight if weight.shape[0] >= weight.shape[1] else weight.mT
        factor, triangle = torch.linalg.qr(tall)
        # The factorization with a positive diagonal is unique, so it moves smoothly with W.
        orthonormal: Tensor = factor * triangle.diagonal().sign()
        return orthonormal if tall is weight else orthonormal.mT

    def right_inverse(self, weight: Tensor) -> Tensor:
        start: Tensor = nn.init.orthogonal_(torch.empty_like(weight))
        return start
