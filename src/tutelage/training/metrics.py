"""How good a student is on rows with labels."""

import torch
from accelerate import Accelerator

from tutelage.inputs.workers import raising
from tutelage.students import Student
from tutelage.tasks.base import Task, has_label
from tutelage.tasks.losses import plain_loss
from tutelage.tasks.scores import scores
from tutelage.training.batches import Batches

__all__ = ["evaluate"]


@torch.inference_mode()
def evaluate(
    student: Student, batches: Batches, *, task: Task, batch_size: int, accelerator: Accelerator
) -> dict[str, float]:
    """Return the task's metrics and loss over all labelled rows, in evaluation mode.

    Outputs are gathered on the CPU, and measured there at once.

    Args:
        student: Left in evaluation mode.
        batches: The rows; their teachers' features are not read.
        task: What outputs and labels mean.
        batch_size: Rows at once.
        accelerator: Device and precision. Every process evaluates all rows.

    Returns:
        What ``scores`` gives, and ``loss``: the mean cross-entropy in nats, of regression the mean
        squared error of standardised targets. Neither class weights nor label smoothing count in it.

    Raises:
        DivergedError: If an output is not a finite number.
    """
    student.model.eval()
    found = torch.empty(len(batches), task.outputs)
    done = 0
    for batch in raising(batches.in_order(batch_size)):
        inputs = {
            name: value.to(accelerator.device, non_blocking=True)
            for name, value in batch.inputs.items()
        }
        with accelerator.autocast():
            outputs = student.outputs(inputs).float()
        student.tap.take()
        found[done : done + len(outputs)] = outputs
        done += len(outputs)
    known = has_label(batches.labels)
    found, labels = found[known], batches.labels[known]
    measured = scores(task.kind, task.raw(found), labels, names=task.names)
    return measured | {"loss": float(plain_loss(task)(found.double(), labels))}
