"""The temperature that makes probabilities mean what they say, fitted on rows that are held out."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tutelage.tasks.base import Task
from tutelage.tasks.calibration import calibration
from tutelage.tasks.labels import has_label

__all__ = ["Temperature", "fit_temperature", "temperature_by_holdout"]

LEAST, MOST = 0.02, 50.0
"""Range of temperatures; at its ends the rows do not determine one."""


@dataclass(frozen=True)
class Temperature:
    """A temperature, and what it changes on rows that it was not fitted on.

    Attributes:
        value: Logits are divided by it; above 1 if the probabilities are too sure.
        loss_before: Mean cross-entropy in nats, as the student is.
        loss_after: The same of held-out rows at the temperature of the others.
        error_before: Expected calibration error, 0 to 1.
        error_after: The same of held-out rows at the temperature of the others.
    """

    value: float
    loss_before: float
    loss_after: float
    error_before: float
    error_after: float

    @property
    def is_determined(self) -> bool:
        """Whether the rows determine it: not if all are right, or outputs tell nothing."""
        return LEAST < self.value < MOST


def fit_temperature(
    task: Task, outputs: Float[Tensor, "rows outputs"], labels: Shaped[Tensor, "rows ..."]
) -> float:
    """Return the temperature ``T`` of the least mean cross-entropy.

        minimize  mean_i CE(y_i, z_i / T)

    It is convex in ``1 / T``, so that its derivative is halved until 1e-6 is left.

    Args:
        task: A task with classes or labels.
        outputs: Logits ``z``.
        labels: Labels ``y``; those that are not known are left out.

    Returns:
        0.02 to 50; an end where the rows do not determine it.

    Source:
        Guo et al. 2017, arXiv 1706.04599, section 4.2.

    Example:
        >>> from tutelage.tasks import SingleLabel
        >>> logits = 2 * torch.tensor([[0.75, 0.25]] * 4).log()  # surer than 3 of 4
        >>> round(fit_temperature(SingleLabel.numbered(2), logits, torch.tensor([0, 0, 0, 1])), 3)
        2.0
    """
    known = has_label(labels)
    logits, labels, loss = outputs[known].double(), labels[known], task.plain_loss()

    def slope(inverse: float) -> float:
        factor = torch.tensor(inverse, dtype=torch.float64, requires_grad=True)
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(loss(factor * logits, labels), factor)
        return float(gradient)

    low, high = 1 / MOST, 1 / LEAST
    if slope(low) >= 0:
        return MOST
    if slope(high) <= 0:
        return LEAST
    while high / low > 1 + 1e-6:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 1 / math.sqrt(low * high)


def temperature_by_holdout(
    task: Task,
    outputs: Float[Tensor, "rows outputs"],
    labels: Shaped[Tensor, "rows ..."],
    *,
    seed: int = 0,
) -> Temperature | None:
    """Fit a temperature on all rows, and measure on each half what that of the other half changes.

    Args:
        task: The meaning of outputs and labels.
        outputs: Logits.
        labels: Labels of the rows; those that are not known are left out.
        seed: Draws the halves.

    Returns:
        None for tasks without probabilities, or with fewer than four rows.
    """
    known = has_label(labels)
    if not task.has_classes or int(known.sum()) < 4:
        return None
    outputs, labels = outputs[known].double(), labels[known]
    order = torch.randperm(len(outputs), generator=torch.Generator().manual_seed(seed))
    halves = order[::2], order[1::2]
    cooled = outputs.clone()
    for fitted, held_out in (halves, halves[::-1]):
        cooled[held_out] /= fit_temperature(task, outputs[fitted], labels[fitted])
    before, after = (calibration(task, values, labels) for values in (outputs, cooled))
    assert before is not None
    assert after is not None
    loss = task.plain_loss()
    return Temperature(
        value=fit_temperature(task, outputs, labels),
        loss_before=float(loss(outputs, labels)),
        loss_after=float(loss(cooled, labels)),
        error_before=before.error,
        error_after=after.error,
    )
