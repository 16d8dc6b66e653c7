"""The task's loss on the given labels and on soft labels, those of a probe on the teachers."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from tutelage.tasks.labels import has_label
from tutelage.tasks.losses import TaskLoss
from tutelage.tasks.single_label import CrossEntropy
from tutelage.widened import widened

__all__ = ["SoftLabels"]


class SoftLabels(nn.Module):
    """The task's loss on the labels and on a teacher's soft labels, mixed.

        labelled row:    (1 - m) L(y, z) + m L_T(t, z)
        unlabelled row:  L_T(t, z)

    and the mean over all rows of the batch. ``z`` are the student's outputs, ``t`` the teacher's: for
    probe distillation those of a linear probe on the teachers' cached features, cross-fitted, so
    that no row's soft label comes from a probe that saw its label. By task, ``L_T`` is

        classes:     T² CE(softmax(t / T), softmax(z / T))
        labels:      T² BCE(sigmoid(t / T), sigmoid(z / T)), the mean over labels
        regression:  (z - t)² of standardized targets, the mean over them; T is 1

    Args:
        mix: ``m``, 0 (the labels alone) to 1 (the soft labels alone).
        temperature: ``T``, above 0; larger ones even the classes out.
        loss: The task's loss; cross-entropy of classes where None.

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

    def __init__(
        self, *, mix: float = 0.7, temperature: float = 1.0, loss: TaskLoss | None = None
    ) -> None:
        super().__init__()
        if not 0 <= mix <= 1 or not 0 < temperature < float("inf"):
            raise ValueError(
                f"mix must lie in 0 to 1 and temperature above 0, got {mix} and {temperature}"
            )
        self.loss = loss or CrossEntropy()
        self.mix = mix
        self.temperature = temperature

    def forward(
        self,
        outputs: Float[Tensor, "batch outputs"],
        labels: Shaped[Tensor, "batch ..."],
        soft: Float[Tensor, "batch outputs"],
    ) -> Float[Tensor, ""]:
        """Return the loss of a batch.

        Args:
            outputs: The student's outputs.
            labels: Class numbers, -100 where a row has none; or 0 and 1, or targets, NaN where none.
            soft: The teacher's outputs.
        """
        with torch.autocast(device_type=outputs.device.type, enabled=False):
            wide = widened(outputs)
            soft_loss = self.loss.soft_rows(wide, soft.to(wide.dtype), temperature=self.temperature)
            label_loss = self.loss.rows(wide, labels)
            unlabelled = (~has_label(labels)).to(wide.dtype)
            soft_weight = self.mix + (1 - self.mix) * unlabelled
            return ((1 - soft_weight) * label_loss + soft_weight * soft_loss).mean()
