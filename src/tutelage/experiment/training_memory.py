"""Memory of a training: weights, gradients, optimizer states, and what a pass keeps for its gradient."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from accelerate import Accelerator
from accelerate.utils import send_to_device
from torch import Tensor, nn

from tutelage.config import TrainConfig
from tutelage.objective import Objective
from tutelage.students import Student
from tutelage.training.batches import BatchSource
from tutelage.training.learner import Learner
from tutelage.training.samplers import RowView

__all__ = ["Kept", "Memory", "counting_kept", "memory_of", "optimizer_states"]


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


@dataclass
class Kept:
    """Storages that autograd keeps, by their address.

    Attributes:
        storages: Bytes of each.
    """

    storages: dict[int, int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """The sum of all."""
        return sum(self.storages.values())


def memory_of(
    student: Student,
    objective: Objective,
    batches: BatchSource,
    *,
    settings: TrainConfig,
    accelerator: Accelerator,
) -> Memory:
    """Return the memory of a training; activations are those of one pass, which is run for it.

    Args:
        student: On the device; put in training mode.
        objective: Task and transfer, prepared.
        batches: The training rows.
        settings: Rows of a pass, and the optimizer.
        accelerator: Device and precision.
    """
    learner = Learner(student, objective).to(accelerator.device)
    held = [*learner.parameters(), *learner.buffers()]
    trained = sum(one.nbytes for one in learner.parameters() if one.requires_grad)
    rows = min(settings.batch_size, len(batches))
    return Memory(
        weights=sum(one.nbytes for one in held),
        gradients=trained,
        optimizer=optimizer_states(settings) * trained,
        activations=_kept(learner, batches, rows=rows, accelerator=accelerator),
    )


def optimizer_states(settings: TrainConfig) -> int:
    """Return how many numbers the optimizer keeps for each one that it trains.

    Example:
        >>> optimizer_states(TrainConfig(optimizer="adam")), optimizer_states(TrainConfig(optimizer="sgd"))
        (2, 1)
    """
    return 2 if settings.optimizer != "sgd" else int(settings.momentum > 0)


@contextmanager
def counting_kept(model: nn.Module) -> Iterator[Kept]:
    """Count what autograd keeps of the passes inside, without weights, of which it keeps no copy.

    Args:
        model: Holds the weights.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 5), nn.Sigmoid())
        >>> with counting_kept(model) as kept:
        ...     _ = model(torch.zeros(3, 2))
        >>> kept.bytes  # three rows of two numbers, and what the sigmoid gave
        84
    """
    kept = Kept()
    weights = {one.untyped_storage().data_ptr() for one in model.parameters()}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept.storages[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # held until the pass ends, so that no storage is counted as another

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield kept


def _kept(learner: Learner, batches: BatchSource, *, rows: int, accelerator: Accelerator) -> int:
    loader = batches.loader([[RowView(number, number) for number in range(rows)]], workers=0)
    batch = send_to_device(next(iter(loader)), accelerator.device)
    learner.train()
    with counting_kept(learner) as kept, accelerator.autocast():
        learner(batch)
    return kept.bytes
