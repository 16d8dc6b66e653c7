"""The task's loss with soft labels beside the given ones: what a probe on the teachers would say."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from tutelage.regularizers.evidence import UNLABELLED

__all__ = ["SoftLabels"]


class SoftLabels(nn.Module):
    """Cross-entropy with the labels and with a teacher's soft labels, mixed.

        labelled row:    (1 - m) CE(y, z) + m T² CE(softmax(t / T), softmax(z / T))
        unlabelled row:  T² CE(softmax(t / T), softmax(z / T))

    and the mean over all rows of the batch. ``z`` are the student's logits, ``t`` the teacher's: for
    probe distillation those of a linear probe on the teachers' cached features, cross-fitted, so
    that no row's soft label comes from a probe that saw its label.

    Args:
        mix: ``m``, 0 (the labels alone) to 1 (the soft labels alone).
        temperature: ``T``, above 0; larger ones even the classes out.

    Raises:
        ValueError: If mix or temperature lie outside of their ranges.

    Source:
        Hinton et al. 2015, arXiv 1503.02531, section 2, for the mixture and ``T²``.

    Example:
        >>> task = SoftLabels(mix=0.7)
        >>> logits, soft = torch.zeros(2, 4), torch.zeros(2, 4)
        >>> task(logits, torch.tensor([1, -100]), soft)  # log 4, however they are mixed
        tensor(1.3863)
    """

    def __init__(self, *, mix: float = 0.7, temperature: float = 1.0) -> None:
        super().__init__()
        if not 0 <= mix <= 1 or not 0 < temperature < float("inf"):
            raise ValueError(
                f"mix must lie in 0 to 1 and temperature above 0, got {mix} and {temperature}"
            )
        self.mix = mix
        self.temperature = temperature

    def forward(
        self,
        outputs: Float[Tensor, "batch classes"],
        labels: Int64[Tensor, " batch"],
        soft: Float[Tensor, "batch classes"],
    ) -> Float[Tensor, ""]:
        """Return the loss of a batch.

        Args:
            outputs: The student's logits.
            labels: Class numbers; -100 where a row has none.
            soft: The teacher's logits.
        """
        with torch.autocast(device_type=outputs.device.type, enabled=False):
            wide = outputs if outputs.dtype == torch.float64 else outputs.float()
            targets = (soft.to(wide.dtype) / self.temperature).softmax(dim=1)
            taught = F.cross_entropy(wide / self.temperature, targets, reduction="none")
            taught = taught * self.temperature**2
            told = F.cross_entropy(wide, labels, ignore_index=UNLABELLED, reduction="none")
            share = self.mix + (1 - self.mix) * (labels == UNLABELLED).to(wide.dtype)
            return ((1 - share) * told + share * taught).mean()
