"""The loss that a linear probe minimizes, by task, and its derivative, block by block."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Float32, Int64, Shaped
from torch import Tensor
from torch.nn import functional as F

from tutelage.tasks import MultiLabel, Regression, SingleLabel, TargetScaling, Task

__all__ = ["Criterion", "criterion_of"]

Parameters = tuple[Float32[Tensor, "outputs width"], Float32[Tensor, " outputs"]]


@runtime_checkable
class Criterion(Protocol):
    """The loss of labelled rows.

    Attributes:
        curvature: Second derivative of a row's loss by one output: its maximum, or its value for equally
            likely classes.
    """

    curvature: float

    def constants(self) -> Float32[Tensor, " outputs"]:
        """Return the constant outputs of least loss."""

    def constant_loss(self) -> float:
        """Return the loss of these outputs, summed over all rows."""

    def residual(
        self, outputs: Float32[Tensor, "outputs block"], rows: slice
    ) -> tuple[Float32[Tensor, ""], Float32[Tensor, "outputs block"]]:
        """Return the loss summed over these rows, and its derivative by each output."""

    def to_units(self, weight: Tensor, bias: Tensor) -> Parameters:
        """Return a fit's parameters in the units of a probe."""

    def from_units(self, weight: Tensor, bias: Tensor) -> Parameters:
        """Return a probe's parameters in the units of the fit."""


def criterion_of(
    task: Task, labels: Shaped[Tensor, "rows ..."], *, device: torch.device
) -> Criterion:
    """Return the task's criterion for labelled rows, on a device."""
    match task:
        case SingleLabel():
            return _Softmax(labels.to(device), classes=task.outputs)
        case MultiLabel():
            return _Sigmoids(labels.T.contiguous().to(device))
        case Regression():
            return _Squares(labels, device=device)
    raise TypeError(f"no linear probe is known for {type(task).__name__}; add its criterion here")


class _Logits:
    """Logits have no unit."""

    def to_units(self, weight: Tensor, bias: Tensor) -> Parameters:
        return weight, bias

    from_units = to_units


class _Softmax(_Logits):
    """Cross-entropy of a softmax."""

    def __init__(self, labels: Int64[Tensor, " rows"], *, classes: int) -> None:
        self.curvature = 1 / classes
        self._labels = labels
        self._shares = labels.bincount().cpu().double() / len(labels)

    def constants(self) -> Float32[Tensor, " classes"]:
        return self._shares.log().float()

    def constant_loss(self) -> float:
        return -len(self._labels) * float((self._shares * self._shares.log()).sum())

    def residual(
        self, outputs: Float32[Tensor, "classes block"], rows: slice
    ) -> tuple[Float32[Tensor, ""], Float32[Tensor, "classes block"]]:
        labels = self._labels[None, rows]
        log = F.log_softmax(outputs, dim=0)
        loss = -log.gather(0, labels).sum()
        residual = log.exp_().scatter_add_(0, labels, log.new_full((), -1.0).expand_as(labels))
        return loss, residual


class _Known:
    """Labels of several outputs, some of which may be missing."""

    def __init__(self, labels: Float32[Tensor, "outputs rows"]) -> None:
        self._known: Bool[Tensor, "outputs rows"] = ~labels.isnan()
        self._labels = labels.nan_to_num()
        self._counts = self._known.sum(dim=1).cpu().double()

    def _masked(self, loss: Tensor, residual: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        known = self._known[:, rows]
        return (loss * known).sum(), residual.mul_(known)


class _Sigmoids(_Known, _Logits):
    """Cross-entropy of a sigmoid for each label: ``softplus(x) - y x``.

    A label that all rows have, or none, is learned as one that half a row had otherwise would start:
    its intercept then grows until the loss has next to nothing left.
    """

    curvature = 0.25

    def _shares(self) -> Tensor:
        counts = self._counts.clamp_min(1)
        shares = (self._labels * self._known).sum(dim=1).cpu().double() / counts
        return shares.clamp(0.5 / counts, 1 - 0.5 / counts)

    def constants(self) -> Float32[Tensor, " labels"]:
        return self._shares().logit().float()

    def constant_loss(self) -> float:
        shares = self._shares()
        entropy = -(shares * shares.log() + (1 - shares) * (1 - shares).log())
        return float((self._counts * entropy).sum())

    def residual(
        self, outputs: Float32[Tensor, "labels block"], rows: slice
    ) -> tuple[Float32[Tensor, ""], Float32[Tensor, "labels block"]]:
        labels = self._labels[:, rows]
        return self._masked(
            F.softplus(outputs) - labels * outputs, outputs.sigmoid() - labels, rows
        )


class _Squares(_Known):
    """Half the squared error of standardized targets; their scale drops out of the best probe."""

    curvature = 1.0

    def __init__(self, labels: Float[Tensor, "rows targets"], *, device: torch.device) -> None:
        self._scale = TargetScaling.of(labels)
        super().__init__(self._scale.standardize(labels).float().T.contiguous().to(device))

    def constants(self) -> Float32[Tensor, " targets"]:
        return torch.zeros(len(self._counts))

    def constant_loss(self) -> float:
        return float(self._labels.cpu().double().square().sum()) / 2

    def residual(
        self, outputs: Float32[Tensor, "targets block"], rows: slice
    ) -> tuple[Float32[Tensor, ""], Float32[Tensor, "targets block"]]:
        residual = outputs - self._labels[:, rows]
        return self._masked(residual.square() / 2, residual, rows)

    def to_units(self, weight: Tensor, bias: Tensor) -> Parameters:
        return weight * weight.new_tensor(self._scale.std)[:, None], self._scale.to_units(bias)

    def from_units(self, weight: Tensor, bias: Tensor) -> Parameters:
        std = weight.new_tensor(self._scale.std)[:, None]
        return weight / std, self._scale.standardize(bias)
