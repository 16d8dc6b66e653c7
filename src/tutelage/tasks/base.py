"""The contract of a task: what labels and outputs mean, how they are learned and measured.

Core: PyTorch alone. scikit-learn and SciPy are imported when something is first measured.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import torch
from jaxtyping import Float, Float32, Int64, Shaped
from torch import Tensor

from tutelage.errors import ConfigError, DataError, DivergedError, did_you_mean
from tutelage.tasks.labels import fully_labelled, has_label, label_columns
from tutelage.tasks.losses import ClassWeights, TaskLoss
from tutelage.tasks.metric import Metric, share_error
from tutelage.tasks.scaling import TargetScaling

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Kind", "Task"]

Kind = Literal["single-label", "multi-label", "regression"]
"""The value of ``data.task``."""
GROUPS = 20
"""Number of groups that the jackknife leaves out, one after another."""


@dataclass(frozen=True)
class Task(ABC):
    """What the student learns; each kind of task is a subclass in its own file.

    Attributes:
        names: Names of the classes, labels or targets; the student has one output for each.
        lead: The metric that settings are chosen by and reports begin with.
        scaling: Mean and standard deviation of regression targets; None for other tasks.
    """

    names: tuple[str, ...]
    lead: Metric
    scaling: TargetScaling | None = None

    kind: ClassVar[Kind]
    """The name of the task in settings and results."""
    metrics: ClassVar[Mapping[str, Metric]]
    """The metrics that may lead, by name; the first is the default. Others may be measured, too."""
    outputs_word: ClassVar[str]
    """The plural noun for its outputs, such as ``"classes"``."""
    answer: ClassVar[str]
    """What the student gives for a row, such as ``"one of {} classes"``; ``{}`` is the number of outputs."""
    outputs_are: ClassVar[str]
    """What the numbers are that its model gives, as part of a sentence."""
    loss_unit: ClassVar[str]
    """The unit of its loss."""
    problem_type: ClassVar[str]
    """The task's ``problem_type`` in a transformers config."""
    labels_are_classes: ClassVar[bool] = False
    """Whether a label is one class number a row; else there is a column for each output."""
    labels_are_binary: ClassVar[bool] = False
    """Whether the columns of labels hold 0 and 1."""
    has_classes: ClassVar[bool] = True
    """Whether outputs are logits of classes, which may be weighted and have a temperature."""

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        labels: Shaped[Tensor, "rows ..."],
        *,
        metric: str | None = None,
    ) -> Self:
        """Return the task of training rows with these labels.

        Args:
            names: Names of the classes, labels or targets.
            labels: Labels of the training rows.
            metric: Name of the metric that leads; the first of ``metrics`` by default.

        Raises:
            ConfigError: If the task has no such metric, or it is undefined for so many outputs.
        """
        return cls(tuple(names), cls.metric(metric))

    @classmethod
    def numbered(cls, outputs: int, *, metric: str | None = None) -> Self:
        """Return a task whose outputs are named by their numbers.

        Example:
            >>> from tutelage.tasks import SingleLabel
            >>> SingleLabel.numbered(3).names
            ('0', '1', '2')
        """
        return cls(tuple(map(str, range(outputs))), cls.metric(metric))

    @classmethod
    def metric(cls, name: str | None = None) -> Metric:
        """Return the task's metric of a name, or the one that leads by default.

        Raises:
            ConfigError: If the task has no such metric.

        Example:
            >>> from tutelage.tasks import Regression
            >>> Regression.metric().label
            'R²'
        """
        if name is None:
            return next(iter(cls.metrics.values()))
        if name not in cls.metrics:
            raise ConfigError(
                f"there is no metric {name!r} for {cls.kind} tasks"
                f"{did_you_mean(name, cls.metrics)}; there are: {', '.join(cls.metrics)}"
            )
        return cls.metrics[name]

    @property
    def outputs(self) -> int:
        """The number of outputs for each row."""
        return len(self.names)

    @classmethod
    def refuse_loss_settings(
        cls, *, class_weights: ClassWeights | None = None, label_smoothing: float = 0.0
    ) -> None:
        """Refuse settings of ``loss`` that this kind of task does not have.

        Raises:
            ConfigError: If it has no classes to weigh or to smooth; begins with the setting's name.
        """
        if label_smoothing and not cls.labels_are_classes:
            raise ConfigError(
                f"label_smoothing spreads one class over all, which {cls.kind} has not; leave it out"
            )
        if class_weights is not None and not cls.has_classes:
            raise ConfigError(
                f"class_weights weighs classes, which {cls.kind} has not; leave it out"
            )

    def probabilities(
        self, outputs: Float[Tensor, "rows outputs"]
    ) -> Float[Tensor, "rows outputs"]:
        """Return the probability of each class or label, as float64; targets as they are."""
        return outputs.double()

    @abstractmethod
    def plain_loss(self) -> TaskLoss:
        """Return the loss that treats every row and class alike."""

    def loss(
        self,
        labels: Shaped[Tensor, "rows ..."],
        *,
        class_weights: ClassWeights | None = None,
        label_smoothing: float = 0.0,
    ) -> TaskLoss:
        """Return the loss that a student is trained with.

        Args:
            labels: Labels of the training rows.
            class_weights: ``"balanced"``, so that all classes count alike, or weights by name, 1 for
                a class that is not named.
            label_smoothing: Share of each label that is spread over all classes, 0 to below 1.

        Raises:
            ConfigError: If a name is no class, or the task has no classes to weigh or smooth.
        """
        self.refuse_loss_settings(class_weights=class_weights, label_smoothing=label_smoothing)
        return self.plain_loss()

    @abstractmethod
    def measured(
        self, outputs: "NDArray[Any]", labels: "NDArray[Any]"
    ) -> Iterator[tuple[str, float | None]]:
        """Yield every metric of rows that have a label, by name; None where it is undefined."""

    def scores(
        self, outputs: Float[Tensor, "rows outputs"], labels: Shaped[Tensor, "rows ..."]
    ) -> dict[str, float]:
        """Return every metric that is defined on the rows with a label.

        Args:
            outputs: Logits, or targets in their own units.
            labels: Labels of these rows; those that are not known are left out.

        Raises:
            DivergedError: If an output is not a finite number.

        Example:
            >>> from tutelage.tasks import SingleLabel
            >>> outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [0.5, 0.0]])
            >>> scores = SingleLabel.numbered(2).scores(outputs, torch.tensor([0, 1, 1]))
            >>> round(scores["accuracy"], 3), scores["auroc"]
            (0.667, 1.0)
        """
        known = has_label(labels)
        if not bool(outputs[known].isfinite().all()):
            raise DivergedError("the outputs are not finite numbers, so nothing can be measured")
        if not bool(known.any()):
            return {}
        values = self.measured(outputs[known].double().numpy(), labels[known].numpy())
        return {name: float(value) for name, value in values if value is not None}

    def score(
        self, outputs: Float[Tensor, "rows outputs"], labels: Shaped[Tensor, "rows ..."]
    ) -> float:
        """Return the leading metric on the rows with a label.

        Raises:
            DataError: If it is undefined for these labels.
        """
        score = self.scores(outputs, labels).get(self.lead.name)
        if score is None:
            raise DataError(self._undefined(where="these rows"))
        return score

    def standard_error(
        self, outputs: Float[Tensor, "rows outputs"], labels: Shaped[Tensor, "rows ..."]
    ) -> float:
        """Return the standard error of the leading metric from the number of rows.

        For accuracies it is ``share_error``. For other metrics it is the jackknife estimate over
        groups of every 20th row, each left out in turn:

            sqrt( (G - 1) / G  sum_g (m_g - mean m)² )

        Source:
            Efron and Stein 1981, "The jackknife estimate of variance"; in groups, Shao and Tu 1995,
            "The jackknife and bootstrap", section 2.3.
        """
        import numpy as np

        known = has_label(labels)
        outputs, labels = outputs[known], labels[known]
        if self.lead.counts_rows:
            # A row is right or wrong as a whole: one of which some labels are not known is neither.
            return share_error(self.score(outputs, labels), int(fully_labelled(labels).sum()))
        values = []
        for group in range(min(GROUPS, len(labels))):
            rest = torch.arange(len(labels)) % GROUPS != group
            scores = self.scores(outputs[rest], labels[rest])
            if self.lead.name in scores:  # without these rows it may be undefined
                values.append(scores[self.lead.name])
        if len(values) < 2:
            return math.inf
        return math.sqrt((len(values) - 1) * float(np.var(values)))

    def refuse_unmeasurable(self, labels: Shaped[Tensor, "rows ..."], *, where: str) -> None:
        """Refuse labels for which the leading metric is undefined, whatever the outputs are.

        Args:
            labels: Labels of the rows to be measured.
            where: Names the rows in the message.

        Raises:
            DataError: If it is.
        """
        constant = torch.zeros(len(labels), self.outputs)
        if self.lead.name not in self.scores(constant, labels):
            raise DataError(self._undefined(where=where))

    def _undefined(self, *, where: str) -> str:
        return (
            f"{self.lead.label} is undefined on {where}: their labels are all the same, or too few; "
            "give more rows, or choose another metric"
        )

    @staticmethod
    @abstractmethod
    def strata(labels: Shaped[Tensor, "rows ..."]) -> Int64[Tensor, " rows"]:
        """Return a number for each row, equal for rows that are alike when some are drawn.

        A draw that takes a share of each stratum has every kind of row on both sides. Rows without
        a label have the number ``UNLABELLED``.
        """

    def columns(self, labels: Shaped[Tensor, "rows ..."]) -> Float32[Tensor, "rows outputs"]:
        """Return a column for each output: one-hot classes, 0 and 1, or standardized targets.

        Rows must have all labels.
        """
        return label_columns(self.standardized(labels), outputs=self.outputs)

    def standardized(self, labels: Shaped[Tensor, "rows ..."]) -> Shaped[Tensor, "rows ..."]:
        """Return labels in the scale of the student's outputs in training, targets as float32."""
        return labels if self.scaling is None else self.scaling.standardize(labels).float()

    def to_units(self, outputs: Float[Tensor, "rows outputs"]) -> Float[Tensor, "rows outputs"]:
        """Return a student's outputs in training as logits, or as targets in their own units."""
        return outputs if self.scaling is None else self.scaling.to_units(outputs)
