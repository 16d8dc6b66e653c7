"""A student's features of rows: what a probe, or a method that looks at the student, starts from."""

import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor

from tutelage.inputs.workers import raising
from tutelage.students import Student
from tutelage.training.batches import Batches

__all__ = ["represent"]


@torch.inference_mode()
def represent(
    student: Student, batches: Batches, *, batch_size: int, accelerator: Accelerator
) -> Float[Tensor, "rows width"]:
    """Return the student's features of all rows, in order, in evaluation mode, as float32 on the CPU.

    Args:
        student: Left in evaluation mode.
        batches: The rows; only their inputs are used.
        batch_size: Rows at once.
        accelerator: Device and precision.
    """
    student.model.eval()
    features = torch.empty(len(batches), student.width)
    done = 0
    for batch in raising(batches.in_order(batch_size)):
        inputs = {
            name: value.to(accelerator.device, non_blocking=True)
            for name, value in batch.inputs.items()
        }
        with accelerator.autocast():
            student.outputs(inputs)
        found = student.tap.take()
        features[done : done + len(found)] = found.float()
        done += len(found)
    return features
