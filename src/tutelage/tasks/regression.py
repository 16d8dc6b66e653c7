"""Regression tasks: numbers as targets, learned by the squared error of standardized targets."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from tutelage.tasks.base import Task
from tutelage.tasks.labels import UNLABELLED, has_label
from tutelage.tasks.losses import PerOutputLoss
from tutelage.tasks.metric import Metric, by_name
from tutelage.tasks.scaling import TargetScaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Regression", "SquaredError"]


class SquaredError(PerOutputLoss):
    """Mean squared error of standardized targets.

        mean_ij (z_ij - (y_ij - mean_j) / std_j)²    over the targets that are known
        mean_j (z_j - (t_j - mean_j) / std_j)²       with a teacher's predictions ``t``

    ``z`` are the student's outputs, standardized; ``y`` and ``t`` are in the targets' own units. So
    every target counts alike, whatever its unit, and 1 is what the best constant guess reaches.

    Args:
        scaling: Mean and standard deviation of each target over the training rows.

    Example:
        >>> loss = SquaredError(TargetScaling(mean=(100.0,), std=(50.0,)))
        >>> loss(torch.tensor([[0.0]]), torch.tensor([[150.0]]))
        tensor(1.)
    """

    mean: Tensor
    mean_rest: Tensor
    std: Tensor

    def __init__(self, scaling: TargetScaling) -> None:
        super().__init__()
        # Buffers: numbers that come from the host in every step would make it wait. The mean is one
        # of float64 in two parts of float32, for devices that have no float64.
        mean = torch.tensor(scaling.mean, dtype=torch.float64)
        self.register_buffer("mean", mean.float())
        self.register_buffer("mean_rest", (mean - mean.float()).float())
        self.register_buffer("std", torch.tensor(scaling.std))

    def each(
        self, outputs: Float[Tensor, "batch targets"], labels: Float[Tensor, "batch targets"]
    ) -> Float[Tensor, "batch targets"]:
        """Return each target's squared error."""
        standardized = (labels - self.mean - self.mean_rest) / self.std
        return (outputs - standardized.to(outputs.dtype)).square()

    def soft_rows(
        self,
        outputs: Float[Tensor, "batch targets"],
        soft: Float[Tensor, "batch targets"],
        *,
        temperature: float,
    ) -> Float[Tensor, " batch"]:
        """Return each row's loss on a teacher's predictions.

        Raises:
            ValueError: If the temperature is not 1: numbers, unlike logits, have none.
        """
        if temperature != 1:
            raise ValueError(f"soft targets of regression have no temperature, got {temperature}")
        return self.each(outputs, soft).mean(dim=1)


class Regression(Task):
    """Rows with one or several numbers as targets; NaN where a target is not known.

    Outputs are standardized during training: an optimizer whose steps have one size, as Adam's,
    would take thousands of them to a target of 10,000.

    Its metrics: ``r2``, ``spearman`` and ``pearson``, means over targets that vary; a correlation is
    0 where outputs do not vary. ``rmse`` and ``mae`` are in the target's unit; of several targets
    each has its own, ``rmse/height``.
    """

    kind = "regression"
    metrics = by_name(
        Metric("r2", "R²", percent=False),
        Metric("spearman", "Spearman correlation", percent=False),
        Metric("pearson", "Pearson correlation", percent=False),
    )
    outputs_word = "targets"
    answer = "numbers for {} target(s)"
    outputs_are = "the targets in their units"
    loss_unit = "squared deviations"
    problem_type = "regression"
    has_classes = False

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        labels: Shaped[Tensor, "rows ..."],
        *,
        metric: str | None = None,
    ) -> Self:
        """Return the task of training rows with these targets, whose scale is measured.

        Raises:
            ConfigError: If there is no such metric.
        """
        return cls(tuple(names), cls.metric(metric), TargetScaling.of(labels))

    def plain_loss(self) -> SquaredError:
        """Return the squared error of standardized targets."""
        scaling = self.scaling or TargetScaling((0.0,) * self.outputs, (1.0,) * self.outputs)
        return SquaredError(scaling)

    def measured(
        self, outputs: "NDArray[Any]", labels: "NDArray[Any]"
    ) -> Iterator[tuple[str, float | None]]:
        """Give every metric of rows with some target that is known."""
        import numpy as np
        from scipy.stats import pearsonr, spearmanr
        from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

        labels = labels.astype(np.float64)
        known = ~np.isnan(labels)
        pairs = [(labels[k, j], outputs[k, j]) for j, k in enumerate(known.T)]
        varying = [(y, x) for y, x in pairs if len(y) > 1 and np.ptp(y) > 0]

        def correlation(of: Callable[..., tuple[float, float]]) -> float | None:
            values = [
                of(y, x)[0] if np.ptp(x) > 1e-9 * np.abs(x).max() else 0.0 for y, x in varying
            ]
            return float(np.mean(values)) if values else None

        yield "r2", float(np.mean([r2_score(y, x) for y, x in varying])) if varying else None
        yield "spearman", correlation(spearmanr)
        yield "pearson", correlation(pearsonr)
        for j, (y, x) in enumerate(pairs):
            if len(y):
                which = f"/{self.names[j]}" if len(pairs) > 1 else ""
                yield f"rmse{which}", root_mean_squared_error(y, x)
                yield f"mae{which}", mean_absolute_error(y, x)

    @staticmethod
    def strata(labels: Shaped[Tensor, "rows ..."]) -> Int64[Tensor, " rows"]:
        """Return one number for all rows with a target: a draw is a plain one.

        Bins of targets would change with every row that is added, and with them the lot of rows that
        were there before.
        """
        return torch.where(has_label(labels), 0, torch.full((len(labels),), UNLABELLED))
