"""Kinds of task: what labels look like, what outputs mean, which metric leads. PyTorch only."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import torch
from jaxtyping import Bool, Float, Float32, Int64, Shaped
from torch import Tensor
from torch.nn import functional as F

from tutelage.errors import ConfigError, did_you_mean

__all__ = [
    "METRICS",
    "UNLABELLED",
    "Kind",
    "Metric",
    "Scale",
    "Task",
    "as_list",
    "complete",
    "has_label",
    "hidden",
    "metric_of",
    "right_rows",
    "without_label",
]

Kind = Literal["single-label", "multi-label", "regression"]
UNLABELLED = -100
"""The class number of a row without a label: ``torch.nn.CrossEntropyLoss`` leaves such rows out.

Labels are class numbers, int64 [rows], where each row has one; else float32 [rows, outputs] (0 and 1, or
a target), with NaN where one is not known."""


@dataclass(frozen=True)
class Metric:
    """A metric that can lead: the higher the better, and 1 at best.

    Attributes:
        name: Its key in results and settings.
        label: In words.
        percent: Whether it is a share, and shown in percent.
    """

    name: str
    label: str
    percent: bool = True

    @property
    def shown(self) -> float:
        """What its values are multiplied by for people."""
        return 100.0 if self.percent else 1.0

    @property
    def title(self) -> str:
        """The words at the head of a column: with ``%`` where it is a share."""
        return f"{self.label} %" if self.percent else self.label

    @property
    def axis(self) -> str:
        """The words along an axis."""
        return f"{self.label}, %" if self.percent else self.label

    @property
    def capital(self) -> str:
        """The words at the beginning of a sentence."""
        return self.label[0].upper() + self.label[1:]


def _by_name(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


METRICS: Mapping[Kind, Mapping[str, Metric]] = {
    "single-label": _by_name(
        Metric("accuracy", "accuracy"),
        Metric("macro_f1", "macro F1"),
        Metric("f1", "F1"),
        Metric("mcc", "MCC", percent=False),
        Metric("auroc", "AUROC"),
    ),
    "multi-label": _by_name(
        Metric("average_precision", "average precision"),
        Metric("macro_f1", "macro F1"),
        Metric("micro_f1", "micro F1"),
        Metric("auroc", "AUROC"),
        Metric("subset_accuracy", "subset accuracy"),
    ),
    "regression": _by_name(
        Metric("r2", "R²", percent=False),
        Metric("spearman", "Spearman correlation", percent=False),
        Metric("pearson", "Pearson correlation", percent=False),
    ),
}
"""What may lead, by task; the first does by default. ``scores.py`` computes them, and others."""


def metric_of(kind: Kind, name: str | None = None) -> Metric:
    """Return a task's metric of a name, or the one that leads by default.

    Raises:
        ConfigError: If the task has no such metric.

    Example:
        >>> metric_of("regression").label
        'R²'
    """
    known = METRICS[kind]
    if name is None:
        return next(iter(known.values()))
    if name not in known:
        raise ConfigError(
            f"there is no metric {name!r} for {kind} tasks{did_you_mean(name, known)}; "
            f"there are: {', '.join(known)}"
        )
    return known[name]


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of each regression target, over training rows.

    Attributes:
        mean: In the target's unit.
        std: Likewise, above 0.

    Example:
        >>> scale = Scale.of(torch.tensor([[1.0], [3.0], [torch.nan]]))
        >>> scale.standardised(torch.tensor([[4.0]])), scale.raw(torch.tensor([[2.0]]))
        (tensor([[2.]]), tensor([[4.]]))
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, labels: Float[Tensor, "rows targets"]) -> Self:
        """Measure the targets that are known; one that does not vary keeps its unit."""
        columns = [column[~column.isnan()].double() for column in labels.T]
        means = tuple(float(column.mean()) if len(column) else 0.0 for column in columns)
        stds = tuple(float(column.std(correction=0)) if len(column) else 1.0 for column in columns)
        return cls(means, tuple(std or 1.0 for std in stds))

    def standardised(self, values: Float[Tensor, "rows targets"]) -> Float[Tensor, "rows targets"]:
        """From the targets' units to mean 0 and deviation 1."""
        mean, std = values.new_tensor(self.mean), values.new_tensor(self.std)
        return (values - mean) / std

    def raw(self, values: Float[Tensor, "rows targets"]) -> Float[Tensor, "rows targets"]:
        """Back to the targets' units."""
        return values * values.new_tensor(self.std) + values.new_tensor(self.mean)


@dataclass(frozen=True)
class Task:
    """What the student is to learn.

    Attributes:
        kind: Of task.
        names: Of the classes, or of the regression targets: one output of the student each.
        lead: The metric that chooses, and leads reports.
        scale: Of regression targets. Outputs are standardised during training: an optimizer whose
            steps have one size, as Adam's, would take thousands of them to a target of 10,000.
    """

    kind: Kind
    names: tuple[str, ...]
    lead: Metric
    scale: Scale | None = None

    @classmethod
    def of(
        cls,
        kind: Kind,
        names: Sequence[str],
        labels: Shaped[Tensor, "rows ..."],
        *,
        metric: str | None = None,
    ) -> Self:
        """The task of training rows with these labels.

        Raises:
            ConfigError: If the task has no such metric, or F1 of one class is asked for with more.
        """
        lead = metric_of(kind, metric)
        if lead.name == "f1" and len(names) != 2:
            raise ConfigError(
                f"data.metric = 'f1' is that of the second of two classes, and there are {len(names)}; "
                "choose macro_f1"
            )
        scale = Scale.of(labels) if kind == "regression" else None
        return cls(kind, tuple(names), lead, scale)

    @property
    def outputs(self) -> int:
        """How many numbers the student gives for a row."""
        return len(self.names)

    def raw(self, outputs: Float[Tensor, "rows outputs"]) -> Float[Tensor, "rows outputs"]:
        """A student's outputs in training as logits, or targets in their own units."""
        return outputs if self.scale is None else self.scale.raw(outputs)

    def columns(self, labels: Shaped[Tensor, "rows ..."]) -> Float32[Tensor, "rows outputs"]:
        """Labels as a column an output: one-hot classes, 0 and 1, or standardised targets.

        Rows must have all labels.
        """
        if not labels.is_floating_point():
            return F.one_hot(labels, self.outputs).float()
        return labels if self.scale is None else self.scale.standardised(labels)


def has_label(labels: Shaped[Tensor, "rows ..."]) -> Bool[Tensor, " rows"]:
    """Whether each row has a label, or at least one of several.

    Example:
        >>> has_label(torch.tensor([3, UNLABELLED]))
        tensor([ True, False])
        >>> has_label(torch.tensor([[1.0, torch.nan], [torch.nan, torch.nan]]))
        tensor([ True, False])
    """
    return ~labels.isnan().all(dim=1) if labels.is_floating_point() else labels != UNLABELLED


def complete(labels: Shaped[Tensor, "rows ..."]) -> Bool[Tensor, " rows"]:
    """Whether each row has all its labels."""
    return ~labels.isnan().any(dim=1) if labels.is_floating_point() else labels != UNLABELLED


def without_label(rows: int, *, like: Shaped[Tensor, "rows ..."]) -> Shaped[Tensor, "new ..."]:
    """Return the labels of rows that have none, in the form of others."""
    none = math.nan if like.is_floating_point() else UNLABELLED
    return like.new_full((rows, *like.shape[1:]), none)


def hidden(
    labels: Shaped[Tensor, "rows ..."], rows: Int64[Tensor, " some"]
) -> Shaped[Tensor, "rows ..."]:
    """Return labels without those of some rows.

    Example:
        >>> hidden(torch.tensor([3, 4, 5]), torch.tensor([1]))
        tensor([   3, -100,    5])
    """
    return labels.index_fill(0, rows, math.nan if labels.is_floating_point() else UNLABELLED)


def as_list(labels: Shaped[Tensor, "rows ..."]) -> list[Any]:
    """Return labels as JSON knows them: None where there is no number.

    Example:
        >>> as_list(torch.tensor([[0.5, torch.nan]]))
        [[0.5, None]]
    """
    listed: list[Any] = labels.tolist()
    if not labels.is_floating_point():
        return listed
    return [[None if math.isnan(value) else value for value in row] for row in listed]


def right_rows(
    outputs: Float[Tensor, "batch outputs"], labels: Shaped[Tensor, "batch ..."]
) -> Int64[Tensor, ""]:
    """How many rows' greatest logit is that of their class; 0 where labels are no class numbers."""
    if labels.is_floating_point():
        return labels.new_zeros((), dtype=torch.int64)
    return (outputs.detach().argmax(dim=1) == labels).sum()
