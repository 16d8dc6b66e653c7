"""Single-label tasks: one class a row, learned by the cross-entropy of a softmax."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from jaxtyping import Float, Int64, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from tutelage.errors import ConfigError
from tutelage.tasks.base import Task
from tutelage.tasks.labels import UNLABELLED, has_label
from tutelage.tasks.losses import ClassWeights, TaskLoss, weights_by_name
from tutelage.tasks.metric import Metric, by_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CrossEntropy", "SingleLabel"]


class CrossEntropy(nn.CrossEntropyLoss, TaskLoss):
    """Cross-entropy of a softmax, for rows of one class each.

        mean_i w_y CE(y_i, z_i)    over rows with a label, as ``torch.nn.CrossEntropyLoss`` takes it
        w_y / w̄ CE(y_i, z_i)    of each row by itself, as mixed with soft labels
        T² CE(softmax(t / T), softmax(z / T))    with a teacher's logits ``t``

    Args:
        weight: Weight of each class; 1 where None.
        label_smoothing: Share of each label that is spread over all classes, 0 to 1.
        mean_weight: ``w̄``, the mean of ``w_y`` over the training rows, above 0; then multiples of
            the same weights are one loss for ``rows``, too.
    """

    def __init__(
        self,
        *,
        weight: Float[Tensor, " classes"] | None = None,
        label_smoothing: float = 0.0,
        mean_weight: float = 1.0,
    ) -> None:
        super().__init__(weight, ignore_index=UNLABELLED, label_smoothing=label_smoothing)
        self.mean_weight = mean_weight

    def rows(
        self, outputs: Float[Tensor, "batch classes"], labels: Int64[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        """Return each row's loss on its class."""
        weight = None if self.weight is None else self.weight.to(outputs.dtype) / self.mean_weight
        return F.cross_entropy(
            outputs,
            labels,
            weight,
            ignore_index=UNLABELLED,
            reduction="none",
            label_smoothing=self.label_smoothing,
        )

    def soft_rows(
        self,
        outputs: Float[Tensor, "batch classes"],
        soft: Float[Tensor, "batch classes"],
        *,
        temperature: float,
    ) -> Float[Tensor, " batch"]:
        """Return each row's loss on a teacher's logits."""
        targets = (soft / temperature).softmax(dim=1)
        loss = F.cross_entropy(outputs / temperature, targets, reduction="none")
        return loss * temperature**2


class SingleLabel(Task):
    """Rows of one class each; labels are class numbers, -100 where a row has none.

    Its metrics, the greatest logit counting: ``accuracy``; ``macro_f1``; ``mcc``, Matthews's
    correlation; ``auroc``, the mean over the classes that occur of each against the rest; with two
    classes ``f1`` of the second.
    """

    kind = "single-label"
    metrics = by_name(
        Metric("accuracy", "accuracy"),
        Metric("macro_f1", "macro F1"),
        Metric("f1", "F1"),
        Metric("mcc", "MCC", percent=False),
        Metric("auroc", "AUROC"),
    )
    outputs_word = "classes"
    answer = "one of {} classes"
    outputs_are = "logits of the classes, in the order of `config.json`"
    loss_unit = "nats"
    problem_type = "single_label_classification"
    labels_are_classes = True

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        labels: Shaped[Tensor, "rows ..."],
        *,
        metric: str | None = None,
    ) -> Self:
        """Return the task of training rows with these labels.

        Raises:
            ConfigError: If there is no such metric, or F1 of one class is asked for with more.
        """
        if metric == "f1" and len(names) != 2:
            raise ConfigError(
                f"the metric 'f1' is that of the second of two classes, and there are {len(names)}; "
                "choose macro_f1"
            )
        return super().of(names, labels, metric=metric)

    def probabilities(
        self, outputs: Float[Tensor, "rows outputs"]
    ) -> Float[Tensor, "rows outputs"]:
        """Return the probability of each class, which add up to 1, as float64."""
        return outputs.double().softmax(dim=1)

    def plain_loss(self) -> CrossEntropy:
        """Return the cross-entropy that treats every row and class alike."""
        return CrossEntropy()

    def loss(
        self,
        labels: Shaped[Tensor, "rows ..."],
        *,
        class_weights: ClassWeights | None = None,
        label_smoothing: float = 0.0,
    ) -> CrossEntropy:
        """Return the cross-entropy; ``"balanced"`` weighs a class by ``rows / (classes * its rows)``.

        Weights count relative to their mean over the labelled rows: all 10 are all 1.
        """
        if class_weights is None:
            return CrossEntropy(label_smoothing=label_smoothing)
        known = labels[has_label(labels)]
        counts = known.bincount(minlength=self.outputs)
        if isinstance(class_weights, Mapping):
            weight = weights_by_name(class_weights, self.names)
            mean = float(weight[known].double().mean()) if len(known) else 1.0
        else:
            # A class without a row has a loss that is never asked for.
            weight = len(known) / (self.outputs * counts.clamp_min(1))
            mean = float((counts > 0).double().mean()) or 1.0
        return CrossEntropy(weight=weight, label_smoothing=label_smoothing, mean_weight=mean)

    def score(
        self, outputs: Float[Tensor, "rows outputs"], labels: Shaped[Tensor, "rows ..."]
    ) -> float:
        """Return the leading metric on the rows with a label; accuracy at next to no cost."""
        known = has_label(labels)
        if self.lead.name == "accuracy" and bool(known.any()):
            right = outputs[known].argmax(dim=1) == labels[known]
            return float(right.double().mean())
        return super().score(outputs, labels)

    def measured(
        self, outputs: "NDArray[Any]", labels: "NDArray[Any]"
    ) -> Iterator[tuple[str, float | None]]:
        """Give every metric of rows with a class."""
        import numpy as np
        from scipy.special import softmax
        from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, roc_auc_score

        chosen = outputs.argmax(axis=1)
        yield "accuracy", accuracy_score(labels, chosen)
        yield "macro_f1", f1_score(labels, chosen, average="macro")
        if outputs.shape[1] == 2:
            yield "f1", f1_score(labels, chosen, zero_division=0)
        present = np.unique(labels)
        if len(present) > 1:
            yield "mcc", matthews_corrcoef(labels, chosen)
            truth = (labels[:, None] == present).astype(int)
            shares = softmax(outputs, axis=1)[:, present]
            yield "auroc", roc_auc_score(truth, shares, average="macro")

    @staticmethod
    def strata(labels: Shaped[Tensor, "rows ..."]) -> Int64[Tensor, " rows"]:
        """Return each row's class."""
        return labels
