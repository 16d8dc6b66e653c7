"""How good a student is on rows with labels."""

import torch
from accelerate import Accelerator
from torch.nn import functional as F

from tutelage.batches import Batches
from tutelage.datasets.base import UNLABELLED
from tutelage.students import Student
from tutelage.workers import raising

__all__ = ["evaluate"]


@torch.inference_mode()
def evaluate(
    student: Student, batches: Batches, *, batch_size: int, accelerator: Accelerator
) -> dict[str, float]:
    """Return accuracy and loss over all labelled rows, in evaluation mode.

    Args:
        student: Left in evaluation mode.
        batches: The rows; their teachers' features are not read.
        batch_size: Rows at once.
        accelerator: Device and precision. Every process evaluates all rows.

    Returns:
        ``accuracy`` in [0, 1] and ``loss``, the mean cross-entropy in nats.
    """
    student.model.eval()
    sums = torch.zeros(3, dtype=torch.float64, device=accelerator.device)
    for batch in raising(batches.in_order(batch_size)):
        inputs = {
            name: value.to(accelerator.device, non_blocking=True)
            for name, value in batch.inputs.items()
        }
        labels = batch.labels.to(accelerator.device, non_blocking=True)
        with accelerator.autocast():
            outputs = student.outputs(inputs).float()
        student.tap.take()
        right = (outputs.argmax(dim=1) == labels).sum()
        loss = F.cross_entropy(outputs, labels, ignore_index=UNLABELLED, reduction="sum")
        sums += torch.stack([right.double(), loss.double(), (labels != UNLABELLED).sum().double()])
    right_rows, total_loss, rows = sums.tolist()
    return {"accuracy": right_rows / rows, "loss": total_loss / rows}
