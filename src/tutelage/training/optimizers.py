"""The optimizers of a run: one for joint updates, and one for inner updates of the regularizer."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from tutelage.config import TrainConfig
from tutelage.objective import Objective
from tutelage.regularizers import Regularizer

__all__ = ["Optimizers", "learning_rate"]


@dataclass(frozen=True)
class Optimizers:
    """The optimizers of a run.

    Attributes:
        main: Trains the student and, where these are learned by the same loss, the regularizer's
            own parameters.
        inner: Trains the regularizer's own parameters alone; None for all but bi-level methods.
    """

    main: Optimizer
    inner: Optimizer | None

    @classmethod
    def of(
        cls,
        student: nn.Module,
        regularizer: Regularizer,
        *,
        settings: TrainConfig,
        transfer_lr: float | None,
    ) -> "Optimizers":
        """Build the optimizers.

        Args:
            student: The model; parameters that require no gradient are left out.
            regularizer: Its parameters have a learning rate of their own and no weight decay.
            settings: Optimizer, learning rate and weight decay of the student.
            transfer_lr: Learning rate of the regularizer's parameters; None: its default, which may
                be the student's.
        """
        own = list(regularizer.parameters())
        rates = (transfer_lr, regularizer.default_lr, settings.lr)
        own_lr = next(rate for rate in rates if rate is not None)
        trained = [p for p in student.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {"params": trained, "lr": settings.lr, "weight_decay": settings.weight_decay}
        ]
        bilevel = bool(own) and regularizer.inner_steps > 0
        if own and not bilevel:
            groups.append({"params": own, "lr": own_lr, "weight_decay": 0.0})
        main: Optimizer
        match settings.optimizer:
            case "adam":
                main = Adam(groups, fused=True)
            case "adamw":
                main = AdamW(groups, fused=True)
            case "sgd":
                # On a CPU the fused form rounds otherwise.
                fused = True if trained and trained[0].is_cuda else None
                main = SGD(groups, lr=settings.lr, momentum=settings.momentum, fused=fused)
        return cls(main, Adam(own, lr=own_lr) if bilevel else None)

    @property
    def by_name(self) -> dict[str, Optimizer]:
        """All of them, as a checkpoint names them."""
        return {"main": self.main} | ({} if self.inner is None else {"inner": self.inner})

    def inner_updates(
        self,
        objective: Objective,
        features: Tensor,
        teacher: Mapping[str, Tensor],
        *,
        accelerator: Accelerator,
    ) -> Tensor:
        """Update the regularizer's own parameters with the student held; return its new value.

        Args:
            objective: Its regularizer is a bi-level method, which takes ``inner_steps`` steps.
            features: The student's features of a batch.
            teacher: The teachers' features of the batch.
            accelerator: Averages gradients over processes.
        """
        assert self.inner is not None
        regularizer = objective.regularizer
        features, columns = objective.compared(features, teacher)
        parameters = list(regularizer.parameters())
        for _ in range(regularizer.inner_steps):
            value = regularizer(features.detach(), columns)
            gradients = torch.autograd.grad(value, parameters)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = accelerator.reduce(gradient, "mean")
            self.inner.step()
        self.inner.zero_grad()
        updated: Tensor = regularizer(features, columns)
        return updated


def learning_rate(settings: TrainConfig) -> Callable[[int], float]:
    """Return the share of the learning rate at each step: linear warm-up, then half a cosine to 0.

    Example:
        >>> share = learning_rate(TrainConfig(steps=100, warmup=10))
        >>> [round(share(step), 2) for step in (0, 9, 10, 55, 100)]
        [0.1, 1.0, 1.0, 0.5, 0.0]
    """

    def share(step: int) -> float:
        if step < settings.warmup:
            return (step + 1) / settings.warmup
        if settings.schedule == "constant":
            return 1.0
        done = (step - settings.warmup) / (settings.known_steps - settings.warmup)
        return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    return share
