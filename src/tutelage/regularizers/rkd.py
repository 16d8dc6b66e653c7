"""Relational knowledge distillation (RKD): match distances and angles within a batch."""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from tutelage.regularizers.kernels import check_rows, gram_matrix
from tutelage.regularizers.memory import RelationalRegularizer

__all__ = ["RKD", "angle_loss", "distance_loss"]

BLOCK = {"cpu": 2**17}
BLOCK_ELSEWHERE = 2**22
"""Angles computed at once: as many as a cache holds, or as keep an accelerator busy."""

NEAR = 1e3
"""Rows are equal if their squared distance is below this many roundings of their squared lengths."""


def distance_loss(
    student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch teacher"]
) -> Float[Tensor, ""]:
    """Return the difference between the distances of two sets of features within one batch.

        mean_ij smooth_l1(D_student - D_teacher),    D[i, j] = ‖x_i - x_j‖ / mean of the positive ones

    All pairs count, the diagonal included. It is invariant to rotation, shift and scale of either
    side. Computed in float64 (float32 on devices without it), from Gram matrices of the centered
    features. The gradient of the distance of two equal rows is 0.

    Args:
        student: Features of the model in training; gradients flow through them alone.
        teacher: Features of the same examples, in the same order.

    Returns:
        A scalar, 0 or more, of the student's dtype, at least float32.

    Raises:
        ValueError: If the batches differ in length, or have fewer than two examples.

    Source:
        Park et al. 2019, arXiv 1904.05068, section 3.2.1.

    Example:
        >>> student = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> distance_loss(student, 3 * student + 5).round(decimals=6)
        tensor(0.)
    """
    return _distance_loss(*_grams(student, teacher)).to(_result(student))


def angle_loss(
    student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch teacher"]
) -> Float[Tensor, ""]:
    """Return the difference between the angles of two sets of features within one batch.

        mean_ijk smooth_l1(A_student - A_teacher),
        A[i, j, k] = ⟨unit(x_j - x_i), unit(x_k - x_i)⟩,    unit(0) = 0

    All triples count. The cosines follow from the Gram matrix ``G`` of the centered features,

        ⟨x_j - x_i, x_k - x_i⟩ = G_jk - G_ij - G_ik + G_ii

    and are computed for a few ``i`` at a time, in float64 (float32 on devices without it); the
    gradient with respect to ``G`` is summed up on the way, so that no more than a few batch-by-batch
    matrices stay in memory. The value is invariant to rotation, shift and scale of either side.

    Args:
        student: Features of the model in training; gradients flow through them alone, once.
        teacher: Features of the same examples, in the same order.

    Returns:
        A scalar in [0, 1.5], of the student's dtype, at least float32.

    Raises:
        ValueError: If the batches differ in length, or have fewer than two examples.

    Source:
        Park et al. 2019, arXiv 1904.05068, section 3.2.2.

    Example:
        >>> student = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> angle_loss(student, 3 * student + 5).round(decimals=6)
        tensor(0.)
    """
    return _angle_loss(*_grams(student, teacher)).to(_result(student))


class RKD(RelationalRegularizer):
    """The difference between the student's and the teachers' distances and angles within a batch.

        (distance_loss(φ, ψ) + 2 angle_loss(φ, ψ)) / 2

    ``φ`` are the student's features, ``ψ`` those of all teachers side by side. There are
    no learned parameters. Time grows with the cube of the batch, memory with its square.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.
        memory: Rows of recent batches that a batch is compared with, too, M or fewer: ``i`` runs over
            the B rows of the batch, ``j`` and ``k`` over all B + M, in time that grows with
            B (B + M)²; see ``RelationalRegularizer``.

    Source:
        Park et al. 2019, arXiv 1904.05068, section 3.2; both terms' weights as in Qiu et al. 2024,
        arXiv 2406.07337.

    Example:
        >>> student = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> RKD(2, {"dino": 2})(student, {"dino": student.flip(1)})
        tensor(0.)
    """

    def relate(
        self,
        student: Float[Tensor, "rows student"],
        teacher: Float[Tensor, "rows columns"],
        *,
        batch: int,
    ) -> Float[Tensor, ""]:
        """Return the weighted sum of both losses."""
        ours, theirs = _gram(student), _gram(teacher.detach())
        distances = _distance_loss(ours, theirs, batch)
        return ((distances + 2 * _angle_loss(ours, theirs, batch)) / 2).to(student.dtype)


def _distance_loss(student: Tensor, teacher: Tensor, batch: int | None = None) -> Tensor:
    return F.smooth_l1_loss(_scaled_distances(student, batch), _scaled_distances(teacher, batch))


def _angle_loss(student: Tensor, teacher: Tensor, batch: int | None = None) -> Tensor:
    value: Tensor = _AngleLoss.apply(student, teacher, len(student) if batch is None else batch)
    return value


class _AngleLoss(torch.autograd.Function):
    """The loss of two Gram matrices; its gradient is computed together with its value."""

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, batch: int) -> Tensor:
        inverse, inverse_teacher = _inverse_distances(student), _inverse_distances(teacher)
        size = len(student)
        value = student.new_zeros(())
        # With c the loss's slope in angle ijk and p the inverse distances, the sums over triples
        # pairs_jk = Σ_i c p_ij p_ik, numerators_ij = Σ_k c p_ij p_ik, distances_ij = Σ_k c A p_ij²
        # are all that the gradient in G is made of.
        pairs, numerators, distances = (torch.zeros_like(student) for _ in range(3))
        for rows in _blocks(batch, size, student.device.type):
            near = inverse[rows]
            angles = _angles(student, inverse, rows)
            difference = _angles(teacher, inverse_teacher, rows).neg_().add_(angles)
            slope = difference.clamp(-1, 1)
            flat = slope.flatten()
            value += flat.dot(difference.flatten()) - flat.dot(flat) / 2
            distances[rows] = angles.mul_(slope).sum(dim=2)
            slope.mul_(near[:, None, :])
            numerators[rows] = slope.sum(dim=2).mul_(near)
            pairs += slope.mul_(near[:, :, None]).sum(dim=0)
        distances *= inverse.square()
        gradient = pairs - 2 * numerators + 2 * distances
        own = (numerators - distances).sum(dim=1) - distances.sum(dim=0)
        gradient.diagonal().add_(own)
        triples = batch * size**2
        ctx.save_for_backward(gradient / triples)
        return value / triples

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (of_gram,) = ctx.saved_tensors
        return gradient * of_gram, None, None


def _angles(gram: Tensor, inverse: Tensor, rows: slice) -> Float[Tensor, "block batch batch"]:
    """The cosines at these rows, between all pairs of other rows."""
    from_row, near = gram[rows], inverse[rows]
    angles = gram - from_row[:, :, None]
    angles -= (from_row - gram.diagonal()[rows, None])[:, None, :]
    angles *= near[:, :, None]
    angles *= near[:, None, :]
    return angles


def _blocks(batch: int, size: int, device: str) -> Iterator[slice]:
    step = max(1, BLOCK.get(device, BLOCK_ELSEWHERE) // size**2)
    for start in range(0, batch, step):
        yield slice(start, min(start + step, batch))


def _grams(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    if len(student) != len(teacher):
        raise ValueError(
            f"student has {len(student)} rows but teacher has {len(teacher)}; "
            "both must be the same examples in the same order"
        )
    return _gram(student), _gram(teacher.detach())


def _gram(features: Tensor) -> Float[Tensor, "batch batch"]:
    """The Gram matrix of the centered features, whose differences round less."""
    check_rows(len(features))
    wide = torch.float32 if features.device.type == "mps" else torch.float64
    centered = features.to(wide) - features.to(wide).mean(dim=0)
    with torch.autocast(device_type=features.device.type, enabled=False):
        return gram_matrix(centered)


def _squared_distances(gram: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distances, 1 for equal rows; and a mask of unequal rows."""
    lengths = gram.diagonal()
    together = lengths[:, None] + lengths
    squared = together - 2 * gram
    # What is no number is not equal to anything: it is to be seen in the loss.
    apart = ~(squared <= NEAR * torch.finfo(gram.dtype).eps * together)
    return torch.where(apart, squared, 1), apart


def _inverse_distances(gram: Tensor) -> Tensor:
    squared, apart = _squared_distances(gram)
    return squared.rsqrt() * apart


def _scaled_distances(gram: Tensor, batch: int | None) -> Tensor:
    squared, apart = (part[:batch] for part in _squared_distances(gram))
    distances = squared.sqrt() * apart
    mean = distances.sum() / apart.sum().clamp_min(1)
    return distances / torch.where(mean > 0, mean, 1)


def _result(student: Tensor) -> torch.dtype:
    return torch.promote_types(student.dtype, torch.float32)
