"""Base classes of the tasks' losses, and class weights by name."""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from tutelage.errors import ConfigError, did_you_mean
from tutelage.widened import widened

__all__ = ["ClassWeights", "PerOutputLoss", "TaskLoss", "weights_by_name"]

ClassWeights = Literal["balanced"] | Mapping[str, float]
"""``"balanced"``, so that all classes count alike, or weights by name, 1 for other classes."""


class TaskLoss(nn.Module):
    """Base of the tasks' losses; called with outputs and labels, it returns the mean over labelled rows."""

    def rows(
        self, outputs: Float[Tensor, "batch outputs"], labels: Shaped[Tensor, "batch ..."]
    ) -> Float[Tensor, " batch"]:
        """Return each row's loss on its label."""
        raise NotImplementedError

    def soft_rows(
        self,
        outputs: Float[Tensor, "batch outputs"],
        soft: Float[Tensor, "batch outputs"],
        *,
        temperature: float,
    ) -> Float[Tensor, " batch"]:
        """Return each row's loss on a teacher's outputs."""
        raise NotImplementedError


class PerOutputLoss(TaskLoss):
    """Base of losses that treat each output separately; a subclass defines ``each``.

    Labels that are not known, NaN, count neither in a mean nor in a gradient.
    """

    def forward(
        self, outputs: Float[Tensor, "batch outputs"], labels: Float[Tensor, "batch outputs"]
    ) -> Float[Tensor, ""]:
        """Return the mean over the labels that are known."""
        wide = widened(outputs)
        return self._known(wide, labels).sum() / (~labels.isnan()).sum()

    def rows(
        self, outputs: Float[Tensor, "batch outputs"], labels: Float[Tensor, "batch outputs"]
    ) -> Float[Tensor, " batch"]:
        """Return each row's mean over the labels that are known."""
        return self._known(outputs, labels).sum(dim=1) / (~labels.isnan()).sum(dim=1).clamp_min(1)

    def _known(self, outputs: Tensor, labels: Tensor) -> Tensor:
        loss = self.each(outputs, labels.nan_to_num())
        return loss.masked_fill(labels.isnan(), 0)

    def each(
        self, outputs: Float[Tensor, "batch outputs"], labels: Float[Tensor, "batch outputs"]
    ) -> Float[Tensor, "batch outputs"]:
        """Return the loss of every output, in the dtype of the outputs."""
        raise NotImplementedError(f"{type(self).__name__} must define each(outputs, labels)")


def weights_by_name(
    weights: Mapping[str, float], names: tuple[str, ...]
) -> Float[Tensor, " names"]:
    """Return the weight of each class: 1 where it is not named.

    Raises:
        ConfigError: If a name is no class.
    """
    for name in weights:
        if name not in names:
            shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
            raise ConfigError(
                f"class_weights names {name!r}, which is no class{did_you_mean(name, names)}; "
                f"there are: {shown}"
            )
    return torch.tensor([float(weights.get(name, 1.0)) for name in names])
