"""Memory of a training: weights, gradients, optimizer states, and what a pass keeps for its gradient."""

from dataclasses import dataclass

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from torch import Tensor

from tutelage.config import TrainConfig
from tutelage.objective import Objective
from tutelage.students import Student
from tutelage.training.batches import BatchSource
from tutelage.training.learner import Learner
from tutelage.training.samplers import RowView

__all__ = ["Memory", "memory_of"]


@dataclass(frozen=True)
class Memory:
    """Bytes that a training holds at its peak.

    Attributes:
        weights: Of the student and of the method's own parameters.
        gradients: Of those that are trained.
        optimizer: Of the optimizer's states.
        activations: That a pass keeps for the backward pass; without temporaries inside operations.
        peak: Most bytes that were allocated on a CUDA device, all of the above among them; None on
            other devices.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    peak: int | None = None

    @property
    def total(self) -> int:
        """The measured peak, else the sum."""
        return self.peak or self.weights + self.gradients + self.optimizer + self.activations


def memory_of(
    student: Student,
    objective: Objective,
    batches: BatchSource,
    *,
    settings: TrainConfig,
    accelerator: Accelerator,
) -> Memory:
    """Return the memory of a training; activations are those of one pass, which is run for it.

    Adam keeps two numbers for each one that it trains, SGD with momentum one.

    Args:
        student: On the device; put in training mode.
        objective: Task and transfer, prepared.
        batches: The training rows.
        settings: Rows of a pass, and the optimizer.
        accelerator: Device and precision.
    """
    learner = Learner(student, objective).to(accelerator.device)
    states = 2 if settings.optimizer != "sgd" else int(settings.momentum > 0)
    held = [*learner.parameters(), *learner.buffers()]
    trained = sum(one.nbytes for one in learner.parameters() if one.requires_grad)
    rows = min(settings.batch_size, len(batches))
    return Memory(
        weights=sum(one.nbytes for one in held),
        gradients=trained,
        optimizer=states * trained,
        activations=_kept(learner, batches, rows=rows, accelerator=accelerator),
    )


def _kept(learner: Learner, batches: BatchSource, *, rows: int, accelerator: Accelerator) -> int:
    """Bytes that autograd keeps of a pass, without weights, of which it keeps no copy."""
    loader = batches.loader([[RowView(number, number) for number in range(rows)]], workers=0)
    batch = send_to_device(next(iter(loader)), accelerator.device)
    weights = {one.untyped_storage().data_ptr() for one in learner.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # held until the pass ends, so that no storage is counted as another

    learner.train()
    with (
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        accelerator.autocast(),
    ):
        passed = learner(batch)
    total = sum(kept.values())
    del passed
    return total
