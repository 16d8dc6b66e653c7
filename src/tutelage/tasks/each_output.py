"""Losses of each output by itself, some of whose labels may not be known."""

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from tutelage.tasks.base import TaskLoss

__all__ = ["EachOutput"]


class EachOutput(TaskLoss):
    """The base of losses that treat outputs one by one; a subclass defines ``each``."""

    def forward(
        self, outputs: Float[Tensor, "batch outputs"], labels: Float32[Tensor, "batch outputs"]
    ) -> Float[Tensor, ""]:
        """Return the mean over the labels that are known."""
        wide = outputs if outputs.dtype == torch.float64 else outputs.float()
        return self._known(wide, labels).sum() / (~labels.isnan()).sum()

    def rows(
        self, outputs: Float[Tensor, "batch outputs"], labels: Float32[Tensor, "batch outputs"]
    ) -> Float[Tensor, " batch"]:
        """Return each row's mean over the labels that are known."""
        return self._known(outputs, labels).sum(dim=1) / (~labels.isnan()).sum(dim=1).clamp_min(1)

    def _known(self, outputs: Tensor, labels: Tensor) -> Tensor:
        loss = self.each(outputs, labels.nan_to_num().to(outputs.dtype))
        return loss.masked_fill(labels.isnan(), 0)

    def each(
        self, outputs: Float[Tensor, "batch outputs"], labels: Float[Tensor, "batch outputs"]
    ) -> Float[Tensor, "batch outputs"]:
        """Return the loss of every output."""
        raise NotImplementedError(f"{type(self).__name__} must define each(outputs, labels)")
