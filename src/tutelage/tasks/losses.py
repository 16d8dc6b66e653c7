"""What each task minimises on labels, and on the outputs of a probe in their place. PyTorch only."""

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float, Float32, Int64, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from tutelage.errors import ConfigError, did_you_mean
from tutelage.tasks.base import UNLABELLED, Scale, Task, has_label

__all__ = [
    "BinaryCrossEntropy",
    "CrossEntropy",
    "SquaredError",
    "TaskLoss",
    "plain_loss",
    "task_loss",
]


class CrossEntropy(nn.CrossEntropyLoss):
    """Cross-entropy of a softmax, for rows of one class each.

        mean_i w_y CE(y_i, z_i)    over rows with a label, as ``torch.nn.CrossEntropyLoss`` takes it
        T² CE(softmax(t / T), softmax(z / T))    with a teacher's logits ``t``

    Args:
        weight: Of each class; 1 where None.
        label_smoothing: Share of each label that is spread over all classes, 0 to 1.
    """

    def __init__(
        self, *, weight: Float[Tensor, " classes"] | None = None, label_smoothing: float = 0.0
    ) -> None:
        super().__init__(weight, ignore_index=UNLABELLED, label_smoothing=label_smoothing)

    def rows(
        self, outputs: Float[Tensor, "batch classes"], labels: Int64[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """Each row's loss on its class."""
        weight = None if self.weight is None else self.weight.to(outputs.dtype)
        return F.cross_entropy(
            outputs,
            labels,
            weight,
            ignore_index=UNLABELLED,
            reduction="none",
            label_smoothing=self.label_smoothing,
        )

    def taught(
        self,
        outputs: Float[Tensor, "batch classes"],
        soft: Float[Tensor, "batch classes"],
        *,
        temperature: float,
    ) -> Float[Tensor, " batch"]:
        """Each row's loss on a teacher's logits."""
        targets = (soft / temperature).softmax(dim=1)
        taught = F.cross_entropy(outputs / temperature, targets, reduction="none")
        return taught * temperature**2


class _EachOutput(nn.Module):
    """A loss of each output by itself, some of whose labels may not be known."""

    def forward(
        self, outputs: Float[Tensor, "batch outputs"], labels: Float32[Tensor, "batch outputs"]
    ) -> Float[Tensor, ""]:
        """Return the mean over the labels that are known."""
        return self._known(_wide(outputs), labels).sum() / (~labels.isnan()).sum()

    def rows(
        self, outputs: Float[Tensor, "batch outputs"], labels: Float32[Tensor, "batch outputs"]
    ) -> Float[Tensor, " batch"]:
        """Each row's mean over the labels that are known."""
        return self._known(outputs, labels).sum(dim=1) / (~labels.isnan()).sum(dim=1).clamp_min(1)

    def _known(self, outputs: Tensor, labels: Tensor) -> Tensor:
        known = self.each(outputs, labels.nan_to_num().to(outputs.dtype))
        return known.masked_fill(labels.isnan(), 0)

    def each(
        self, outputs: Float[Tensor, "batch outputs"], labels: Float[Tensor, "batch outputs"]
    ) -> Float[Tensor, "batch outputs"]:
        """Return the loss of every output; one's own."""
        raise NotImplementedError(f"{type(self).__name__} must define each(outputs, labels)")


class BinaryCrossEntropy(_EachOutput):
    """Cross-entropy of a sigmoid for each label, for rows of any number of labels.

        mean_ij p_j y_ij softplus(-z_ij) + (1 - y_ij) softplus(z_ij)    over the labels that are known
        T² mean_j BCE(sigmoid(t_j / T), sigmoid(z_j / T))               with a teacher's logits ``t``

    Args:
        pos_weight: ``p``, the weight of each label where it is 1; 1 where None.

    Example:
        >>> BinaryCrossEntropy()(torch.zeros(1, 3), torch.tensor([[0.0, 1.0, torch.nan]]))
        tensor(0.6931)
    """

    pos_weight: Tensor | None

    def __init__(self, *, pos_weight: Float[Tensor, " labels"] | None = None) -> None:
        super().__init__()
        self.register_buffer("pos_weight", pos_weight)

    def each(
        self, outputs: Float[Tensor, "batch labels"], labels: Float[Tensor, "batch labels"]
    ) -> Float[Tensor, "batch labels"]:
        """Return each label's cross-entropy."""
        weight = None if self.pos_weight is None else self.pos_weight.to(outputs.dtype)
        return F.binary_cross_entropy_with_logits(
            outputs, labels, pos_weight=weight, reduction="none"
        )

    def taught(
        self,
        outputs: Float[Tensor, "batch labels"],
        soft: Float[Tensor, "batch labels"],
        *,
        temperature: float,
    ) -> Float[Tensor, " batch"]:
        """Each row's loss on a teacher's logits."""
        targets = (soft / temperature).sigmoid()
        taught = F.binary_cross_entropy_with_logits(
            outputs / temperature, targets, reduction="none"
        )
        return taught.mean(dim=1) * temperature**2


class SquaredError(_EachOutput):
    """Mean squared error of standardised targets.

        mean_ij (z_ij - (y_ij - mean_j) / std_j)²    over the targets that are known
        mean_j (z_j - (t_j - mean_j) / std_j)²       with a teacher's predictions ``t``

    ``z`` are the student's outputs, standardised; ``y`` and ``t`` are in the targets' own units. So
    every target counts alike, whatever its unit, and 1 is what the best constant guess reaches.

    Args:
        scale: Mean and deviation of each target over the training rows.

    Example:
        >>> loss = SquaredError(Scale(mean=(100.0,), std=(50.0,)))
        >>> loss(torch.tensor([[0.0]]), torch.tensor([[150.0]]))
        tensor(1.)
    """

    mean: Tensor
    std: Tensor

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        # Buffers: numbers that come from the host in every step would make it wait.
        self.register_buffer("mean", torch.tensor(scale.mean))
        self.register_buffer("std", torch.tensor(scale.std))

    def each(
        self, outputs: Float[Tensor, "batch targets"], labels: Float[Tensor, "batch targets"]
    ) -> Float[Tensor, "batch targets"]:
        """Return each target's squared error."""
        return (outputs - ((labels - self.mean) / self.std).to(outputs.dtype)).square()

    def taught(
        self,
        outputs: Float[Tensor, "batch targets"],
        soft: Float[Tensor, "batch targets"],
        *,
        temperature: float,
    ) -> Float[Tensor, " batch"]:
        """Each row's loss on a teacher's predictions.

        Raises:
            ValueError: If the temperature is not 1: numbers, unlike logits, have none.
        """
        if temperature != 1:
            raise ValueError(f"soft targets of regression have no temperature, got {temperature}")
        return self.each(outputs, soft).mean(dim=1)


TaskLoss = CrossEntropy | BinaryCrossEntropy | SquaredError
"""Called with outputs and labels; ``rows`` gives each row's loss, ``taught`` that on soft labels."""


def plain_loss(task: Task) -> TaskLoss:
    """Return a task's loss, every row and class alike."""
    match task.kind:
        case "single-label":
            return CrossEntropy()
        case "multi-label":
            return BinaryCrossEntropy()
        case "regression":
            assert task.scale is not None  # what makes a task of training rows measures it
            return SquaredError(task.scale)


def task_loss(
    task: Task,
    labels: Shaped[Tensor, "rows ..."],
    *,
    class_weights: Literal["balanced"] | Mapping[str, float] | None = None,
    label_smoothing: float = 0.0,
) -> TaskLoss:
    """Return the loss that a student is trained with.

    ``"balanced"`` weighs a class by ``rows / (classes * rows of it)``, so that every class counts
    alike; of several labels it weighs the 1 of each by ``rows without it / rows with it``. A table
    has the weights by name, 1 for what it does not name.

    Args:
        task: Of the training rows.
        labels: Theirs.
        class_weights: How classes are weighed.
        label_smoothing: Share of each label that is spread over all classes; of single-label tasks.

    Raises:
        ConfigError: If a name is no class, or the task has no classes to weigh or smooth.
    """
    if label_smoothing and task.kind != "single-label":
        raise ConfigError(
            f"train.label_smoothing spreads one class over all; {task.kind} tasks have no such, so "
            "leave it out"
        )
    if class_weights is None:
        if task.kind == "single-label":
            return CrossEntropy(label_smoothing=label_smoothing)
        return plain_loss(task)
    if task.kind == "regression":
        raise ConfigError("train.class_weights weighs classes; regression has none: leave it out")
    if isinstance(class_weights, Mapping):
        weight = _named(class_weights, task.names)
    else:
        weight = _balanced(labels[has_label(labels)], len(task.names))
    if task.kind == "multi-label":
        return BinaryCrossEntropy(pos_weight=weight)
    return CrossEntropy(weight=weight, label_smoothing=label_smoothing)


def _balanced(labels: Tensor, outputs: int) -> Tensor:
    if labels.is_floating_point():
        return (labels == 0).sum(dim=0) / (labels == 1).sum(dim=0).clamp_min(1)
    # A class without a row has a loss that is never asked for.
    return len(labels) / (outputs * labels.bincount(minlength=outputs).clamp_min(1))


def _named(weights: Mapping[str, float], names: tuple[str, ...]) -> Tensor:
    for name in weights:
        if name not in names:
            shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
            raise ConfigError(
                f"train.class_weights names {name!r}, which is no class{did_you_mean(name, names)}; "
                f"there are: {shown}"
            )
    return torch.tensor([float(weights.get(name, 1.0)) for name in names])


def _wide(outputs: Tensor) -> Tensor:
    return outputs if outputs.dtype == torch.float64 else outputs.float()
