"""Whether a student's BatchNorm statistics have settled, so that it is used as it was trained."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import nn

from tutelage.inputs.workers import raising
from tutelage.students import Student
from tutelage.tasks import Task
from tutelage.training.batches import BatchSource

__all__ = ["Losses", "batch_norm_losses"]

GROSS = 0.25
"""Part of the loss of equal outputs by which evaluation mode may be worse than batch statistics."""


@dataclass(frozen=True)
class Losses:
    """The loss of some training rows under the two statistics that BatchNorm knows.

    Attributes:
        running: With the running statistics, as the student is evaluated, saved and used.
        batch: With the statistics of the batch, as it was trained.
        chance: The loss of outputs that are all zero.
    """

    running: float
    batch: float
    chance: float

    @property
    def unsettled(self) -> bool:
        """Whether the student is grossly worse as it is used than as it was trained."""
        return self.running - self.batch > GROSS * self.chance

    def words(self, steps: int) -> str:
        """Say what that means, and what to do."""
        return (
            f"the BatchNorm statistics have not settled: on training rows the loss is {self.running:.2f} "
            f"in evaluation mode, as the student is used, but {self.batch:.2f} with the statistics of the "
            f"batch, as it was trained; train for more than {steps:,} steps, or lower train.lr"
        )


def batch_norm_losses(
    student: Student,
    batches: BatchSource,
    *,
    rows: Sequence[int],
    task: Task,
    accelerator: Accelerator,
) -> Losses | None:
    """Return the loss of a batch with running and with batch statistics.

    Running statistics follow those of the batches slowly, by default by a tenth a step. After few
    steps, or where features move fast, they are of another network than the trained one.

    Args:
        student: Left in evaluation mode, unchanged.
        batches: The training rows.
        rows: Numbers of rows with a label: one batch.
        task: The meaning of outputs and labels.
        accelerator: Device and precision.

    Returns:
        None if the student has no BatchNorm that learns statistics, or there are fewer than two rows.
    """
    norms = [one for one in student.model.modules() if _learns_statistics(one)]
    if not norms or len(rows) < 2:
        return None
    batch = next(raising(batches.in_order(len(rows), rows)))
    inputs = {name: value.to(accelerator.device) for name, value in batch.inputs.items()}

    def loss() -> float:
        with torch.no_grad(), accelerator.autocast():
            outputs = student.outputs(inputs)
        student.tap.take()
        return float(task.plain_loss()(outputs.cpu().double(), batch.labels.cpu()))

    student.model.eval()
    running = loss()
    with _batch_statistics(norms):
        of_batch = loss()
    zeros = torch.zeros(len(rows), task.outputs, dtype=torch.float64)
    return Losses(running, of_batch, float(task.plain_loss()(zeros, batch.labels.cpu())))


def _learns_statistics(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.modules.batchnorm._BatchNorm)
        and not isinstance(module, nn.SyncBatchNorm)
        and module.running_mean is not None
        and any(parameter.requires_grad for parameter in module.parameters())
    )


@contextmanager
def _batch_statistics(norms: Sequence[nn.Module]) -> Iterator[None]:
    """Let BatchNorm use the statistics of the batch, and put its own back."""
    kept = [{name: value.clone() for name, value in norm.named_buffers()} for norm in norms]
    for norm in norms:
        norm.train()
    try:
        yield
    finally:
        for norm, buffers in zip(norms, kept, strict=True):
            norm.eval()
            for name, value in norm.named_buffers():
                value.copy_(buffers[name])
