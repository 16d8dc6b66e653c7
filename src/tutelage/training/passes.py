"""The passes of an optimizer step, whose gradients are summed."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from accelerate import Accelerator
from torch import Tensor, nn

from tutelage.objective import Objective, Terms
from tutelage.training.batches import Batch
from tutelage.training.optimizers import Optimizers

__all__ = ["AccumulatedPasses", "Passes"]


@runtime_checkable
class Passes(Protocol):
    """Takes the batches of a step, one after the other, and leaves the gradients of their loss."""

    def take(self, batch: Batch) -> bool:
        """Take a batch; return whether it completes a step, whose gradients are then there."""


class AccumulatedPasses:
    """Gradient accumulation: the mean of the losses of the passes, each of its own rows.

    Args:
        module: The learner, as accelerate prepared it.
        objective: The learner's.
        optimizers: The inner one moves the regularizer's parameters in the last pass of a step.
        log: Receives the terms of each pass, and how many of its rows are right.
        accelerator: Counts the passes of a step.
    """

    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        *,
        optimizers: Optimizers,
        log: Callable[[Terms, Tensor], None],
        accelerator: Accelerator,
    ) -> None:
        self._module, self._objective = module, objective
        self._optimizers = optimizers
        self._log = log
        self._accelerator = accelerator

    def take(self, batch: Batch) -> bool:
        """Run the learner on a batch, and its loss backward."""
        accelerator = self._accelerator
        with accelerator.accumulate(self._module):
            terms, right, features = self._module(batch)
            if self._optimizers.inner is not None and accelerator.sync_gradients:
                transfer = self._optimizers.inner_updates(
                    self._objective, features, batch.teacher, accelerator=accelerator
                )
                terms = self._objective.combined(terms.task, transfer)
            accelerator.backward(terms.total)
        self._log(terms, right)
        return bool(accelerator.sync_gradients)
