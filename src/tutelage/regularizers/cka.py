"""Centered kernel alignment (CKA): the cosine between two kernels, both taken as vectors."""

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.regularizers.kernels import check_rows, gram_matrix
from tutelage.regularizers.memory import RelationalRegularizer

__all__ = ["CKA", "alignment"]


def alignment(
    student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch teacher"]
) -> Float[Tensor, ""]:
    """Return the linear centered kernel alignment of two sets of features of one batch.

        CKA = ⟨K, L⟩ / (‖K‖ ‖L‖) = ‖YᵀX‖² / (‖XᵀX‖ ‖YᵀY‖),    K = XXᵀ,  L = YYᵀ

    with Frobenius norms, ``X`` and ``Y`` the features centered over the batch. It is invariant to
    rotation, shift and scale of either side. Unlike in AFT's kernels, rows keep their lengths:
    examples far from the mean count most. Computed in the dtype of the features.

    Returns:
        A scalar in [0, 1]: 1 where the kernels agree up to scale, 0 also where one side is constant.

    Raises:
        ValueError: If there are fewer than two examples.

    Source:
        Kornblith et al. 2019, arXiv 1905.00414, section 3; as the cosine of the two kernels: Zhou et
        al. 2024, arXiv 2401.11824, theorem 1.

    Example:
        >>> student = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0]])
        >>> alignment(student, 3 * student + 5).round(decimals=4)
        tensor(1.)
    """
    return (_unit_kernel(student) * _unit_kernel(teacher)).sum()


class CKA(RelationalRegularizer):
    """One minus the centered kernel alignment of the student's and the teachers' features.

        1 - CKA(φ, ψ)    in [0, 1]

    ``φ`` are the student's features, ``ψ`` those of all teachers side by side. There are no learned
    parameters.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.
        memory: Rows of recent batches that a batch is compared with, too, M or fewer: ``K`` and ``L``
            are then their first B of B + M rows, and the loss lies in [0, 2]; see
            ``RelationalRegularizer``.

    Source:
        Zhou et al. 2024, arXiv 2401.11824: CKA as a loss on one batch, without their term on logits,
        since teachers here have features alone.

    Example:
        >>> student = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0]])
        >>> CKA(2, [2])(student, student.flip(1)).abs().round(decimals=4)
        tensor(0.)
    """

    def relate(
        self,
        student: Float[Tensor, "rows student"],
        teacher: Float[Tensor, "rows columns"],
        *,
        batch: int,
    ) -> Float[Tensor, ""]:
        """Return one minus the alignment."""
        return 1 - (_unit_kernel(student, batch) * _unit_kernel(teacher, batch)).sum()


def _unit_kernel(features: Tensor, batch: int | None = None) -> Float[Tensor, "batch rows"]:
    """The kernel of the centered features, of the batch with all rows, as a matrix of norm 1."""
    check_rows(len(features))
    floor = torch.finfo(features.dtype).tiny
    centered = features - features.mean(dim=0)
    # To norm 1 here as well, so that no square of the kernel under- or overflows; before, to largest
    # entry 1, so that no square of the norm does. A kernel of norm 1 does not depend on either.
    centered = centered / centered.detach().abs().amax().clamp_min(floor)
    centered = centered / torch.linalg.norm(centered).clamp_min(floor)
    whole = batch in (None, len(centered))
    kernel = gram_matrix(centered) if whole else centered[:batch] @ centered.T
    unit: Tensor = kernel / torch.linalg.norm(kernel).clamp_min(floor)
    return unit
