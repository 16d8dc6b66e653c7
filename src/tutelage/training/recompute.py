"""The loss of all rows of an optimizer step, by running the student twice: gradient caching."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tutelage.errors import TrainingError
from tutelage.objective import Objective, Terms
from tutelage.tasks import right_rows
from tutelage.training.batches import Batch
from tutelage.training.checkpoint import (
    RandomState,
    random_state,
    set_random_state,
    unchanged_random_state,
)
from tutelage.training.learner import Learner, Reading
from tutelage.training.optimizers import Optimizers
from tutelage.widened import widened

__all__ = ["Gradients", "RecomputedPasses", "TwiceRun"]

OTHER = 0.05
"""Relative distance of two runs on the same rows from which they are not the same computation."""


class Gradients(NamedTuple):
    """The gradients of a loss in what the student made of a batch; None where it has none.

    Attributes:
        outputs: In the student's outputs.
        features: In the student's features.
        parameters: In parameters of the objective, with these.
    """

    outputs: Tensor | None
    features: Tensor | None
    parameters: Sequence[tuple[Tensor, Tensor]] = ()


class TwiceRun(nn.Module):
    """A learner as recomputation runs it: first what the student makes of a batch, then gradients.

    Args:
        learner: The student and its objective.
    """

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.learner = learner

    def forward(self, batch: Batch, gradients: Gradients | None = None) -> tuple[Tensor, ...]:
        """Return outputs and features of a batch; with gradients, a number in front of them.

        The gradient of that number, ``⟨outputs, g⟩ + ⟨features, h⟩ + Σ ⟨parameter, k⟩``, is that of
        the loss whose gradients these are.
        """
        reading = self.learner.read(batch)
        if gradients is None:
            return tuple(reading)
        pairs = [
            (reading.outputs, gradients.outputs),
            (reading.features, gradients.features),
            *gradients.parameters,
        ]
        known = [(value, gradient) for value, gradient in pairs if gradient is not None]
        number = torch.stack([(value * gradient).sum() for value, gradient in known]).sum()
        return (number, *(value.detach() for value in reading))


class RecomputedPasses:
    """The gradients of one loss of all rows of a step, in the memory of one pass.

    1. The student runs on each batch without a graph; its random state is kept.
    2. The loss of the outputs and features of all batches gives their gradients. With
       ``Objective(batch="global")`` these are the rows of all processes.
    3. The student runs on each batch again, from the random state and the buffers (BatchNorm's
       statistics) that it had, with a graph, and each batch's gradients run backward.

    Losses and gradients equal those of one pass over all rows, but for what couples the rows in the
    student itself: BatchNorm normalizes each batch by itself. It costs one more forward, and the
    device holds the inputs of all batches of a step.

    Args:
        module: A ``TwiceRun``, as accelerate prepared it.
        twice: The same module by itself.
        passes: Batches of a step.
        optimizers: The inner one moves the regularizer's parameters.
        log: Receives the terms of each step, and how many of its rows are right.
        accelerator: Precision and processes; it must not count passes itself.

    Raises:
        TrainingError: In the first step, if the student's second run gives other numbers.

    Source:
        Gao et al. 2021, arXiv 2101.06983, section 3 (GradCache).
    """

    def __init__(
        self,
        module: nn.Module,
        twice: TwiceRun,
        *,
        passes: int,
        optimizers: Optimizers,
        log: Callable[[Terms, Tensor], None],
        accelerator: Accelerator,
    ) -> None:
        self._module, self._twice = module, twice
        self._passes = passes
        self._optimizers = optimizers
        self._log = log
        self._accelerator = accelerator
        self._batches: list[Batch] = []
        self._checked = False

    def take(self, batch: Batch) -> bool:
        """Keep a batch; with the last one of a step, compute the gradients."""
        self._batches.append(batch)
        if len(self._batches) < self._passes:
            return False
        batches, self._batches = self._batches, []
        self._step(batches)
        return True

    def _step(self, batches: Sequence[Batch]) -> None:
        readings, states = self._read(batches)
        rows = _joined(batches)
        outputs, features = (
            torch.cat([widened(part) for part in parts]).requires_grad_()
            for parts in zip(*readings, strict=True)
        )
        own = [p for p in self._objective.parameters() if p.requires_grad]
        terms = self._terms(outputs, features, rows)
        found = torch.autograd.grad(terms.total, [outputs, features, *own], allow_unused=True)
        of_outputs, of_features, *of_own = found
        sizes = [len(reading.outputs) for reading in readings]
        learned = [(p, g) for p, g in zip(own, of_own, strict=True) if g is not None]
        gradients = [
            Gradients(one, other, learned if number == len(sizes) - 1 else ())
            for number, (one, other) in enumerate(
                zip(_split(of_outputs, sizes), _split(of_features, sizes), strict=True)
            )
        ]
        with unchanged_random_state():
            for number, batch in enumerate(batches):
                set_random_state(states[number])
                last = number == len(batches) - 1
                with nullcontext() if last else self._accelerator.no_sync(self._module):
                    value, *again = self._module(batch, gradients[number])
                    if not self._checked:
                        _refuse_other(readings[number], Reading(*again))
                    self._accelerator.backward(value)
        self._checked = True
        self._log(terms, right_rows(outputs.detach(), rows.labels))

    @property
    def _objective(self) -> Objective:
        return self._twice.learner.objective

    def _read(self, batches: Sequence[Batch]) -> tuple[list[Reading], list[RandomState]]:
        """Run the student on each batch without a graph; its buffers stay as they are."""
        readings, states = [], []
        with torch.no_grad(), _unchanged_buffers(self._twice.learner.model):
            for batch in batches:
                states.append(random_state())
                readings.append(Reading(*self._twice(batch)))
        return readings, states

    def _terms(self, outputs: Tensor, features: Tensor, rows: Batch) -> Terms:
        """The loss of all rows; weights of bi-level methods are moved first."""
        with self._accelerator.autocast():
            terms: Terms = self._objective(
                outputs, rows.labels, features, rows.teacher, soft=rows.soft
            )
        if self._optimizers.inner is not None:  # gradients are never taken under autocast
            transfer = self._optimizers.inner_updates(
                self._objective, features, rows.teacher, accelerator=self._accelerator
            )
            terms = self._objective.combined(terms.task, transfer)
        return terms


def _joined(batches: Sequence[Batch]) -> Batch:
    """All rows but for their inputs."""
    first = batches[0]
    soft = [batch.soft for batch in batches if batch.soft is not None]
    return Batch(
        {},
        torch.cat([batch.labels for batch in batches]),
        {name: torch.cat([batch.teacher[name] for batch in batches]) for name in first.teacher},
        torch.cat(soft) if soft else None,
    )


def _split(gradient: Tensor | None, sizes: list[int]) -> Sequence[Tensor | None]:
    return [None] * len(sizes) if gradient is None else torch.split(gradient, sizes)


def _refuse_other(first: Reading, second: Reading) -> None:
    """Refuse a student that draws otherwise in its second run, or holds a state of its own."""
    for before, after in zip(first, second, strict=True):
        distance = (widened(after) - widened(before)).norm()
        if not distance <= OTHER * widened(before).norm() and bool(before.isfinite().all()):
            raise TrainingError(
                "transfer.batch = 'step' runs the student twice on the same rows, and its second run "
                f"differs from the first by {float(distance / before.norm()):.0%}: it draws random "
                "numbers, or keeps a state, that cannot be repeated; choose transfer.batch = 'global'"
            )


@contextmanager
def _unchanged_buffers(model: nn.Module) -> Iterator[None]:
    """Give the buffers that a forward writes, as BatchNorm's, back the values that they have."""
    kept = [(buffer, buffer.clone()) for buffer in model.buffers()]
    yield
    for buffer, value in kept:
        buffer.copy_(value)
