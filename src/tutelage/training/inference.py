"""A student in evaluation mode: its outputs and features of rows, and how good they are."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor

from tutelage.errors import DivergedError
from tutelage.inputs.workers import raising
from tutelage.students import Student
from tutelage.tasks import Task, has_label
from tutelage.training.batches import BatchSource

__all__ = ["Evaluation", "Forwarded", "evaluate", "forward_pass", "represent"]


class Forwarded(NamedTuple):
    """The student's outputs and features of a batch.

    Attributes:
        rows: Position of the batch among the rows that are run over.
        outputs: The student's outputs, on its device.
        features: The student's features.
    """

    rows: slice
    outputs: Float[Tensor, "batch outputs"]
    features: Float[Tensor, "batch width"]


class Evaluation(NamedTuple):
    """How good a student is on some rows.

    Attributes:
        metrics: The task's scores, and ``loss``.
        outputs: Logits of all rows, in order; or targets in their units, as float64.
    """

    metrics: dict[str, float]
    outputs: Float[Tensor, "rows outputs"]


def forward_pass(
    student: Student,
    batches: BatchSource,
    *,
    rows: Sequence[int] | None = None,
    batch_size: int,
    accelerator: Accelerator,
) -> Iterator[Forwarded]:
    """Run a student over rows, in order, in evaluation mode and without gradients.

    Args:
        student: Left in evaluation mode.
        batches: The rows; only their inputs are used.
        rows: Numbers of the rows to run over; all by default.
        batch_size: Rows at once.
        accelerator: Device and precision. Every process sees all rows.
    """
    student.model.eval()
    done = 0
    device = accelerator.device
    for batch in raising(batches.in_order(batch_size, rows, device=device)):
        with torch.inference_mode():
            inputs = {
                name: value.to(device, non_blocking=True) for name, value in batch.inputs.items()
            }
            with accelerator.autocast():
                outputs = student.outputs(inputs)
            features = student.tap.take()
        yield Forwarded(slice(done, done + len(outputs)), outputs, features)
        done += len(outputs)


def evaluate(
    student: Student,
    batches: BatchSource,
    *,
    rows: Sequence[int] | None = None,
    task: Task,
    batch_size: int,
    accelerator: Accelerator,
) -> Evaluation:
    """Return a student's outputs, and the task's metrics and loss over rows with a label.

    Outputs are gathered on the CPU, and measured there at once.

    Args:
        student: Left in evaluation mode.
        batches: The rows; their teachers' features are not read.
        rows: Numbers of the rows to evaluate; all by default. Those without a label do not count.
        task: The meaning of outputs and labels.
        batch_size: Rows at once.
        accelerator: Device and precision. Every process evaluates all rows.

    Returns:
        The outputs; and the task's scores with ``loss``: the mean cross-entropy in nats, of regression
        the mean squared error of standardized targets. Neither class weights nor label smoothing count
        in it.

    Raises:
        DivergedError: If an output is not a finite number.
    """
    labels = batches.labels if rows is None else batches.labels[list(rows)]
    outputs = torch.empty(len(labels), task.outputs)
    for batch in forward_pass(
        student, batches, rows=rows, batch_size=batch_size, accelerator=accelerator
    ):
        outputs[batch.rows] = batch.outputs.float()
    known = has_label(labels)
    in_units = outputs if task.scaling is None else task.to_units(outputs.double())
    try:
        scores = task.scores(in_units[known], labels[known])
    except DivergedError as error:
        raise DivergedError(
            f"{error}; lower train.lr or transfer.beta, or set train.clip_norm = 1.0"
        ) from error
    loss = float(task.plain_loss()(outputs[known].double(), labels[known]))
    return Evaluation(scores | {"loss": loss}, in_units)


def represent(
    student: Student, batches: BatchSource, *, batch_size: int, accelerator: Accelerator
) -> Float[Tensor, "rows width"]:
    """Return the student's features of all rows, in order, as float32 on the CPU.

    Args:
        student: Left in evaluation mode.
        batches: The rows.
        batch_size: Rows at once.
        accelerator: Device and precision.
    """
    features = torch.empty(len(batches), student.width)
    for batch in forward_pass(student, batches, batch_size=batch_size, accelerator=accelerator):
        features[batch.rows] = batch.features.float()
    return features
