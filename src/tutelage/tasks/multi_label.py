"""Multi-label tasks: any number of labels a row, learned by the cross-entropy of sigmoids."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor
from torch.nn import functional as F

from tutelage.tasks.base import Task
from tutelage.tasks.labels import UNLABELLED, has_label
from tutelage.tasks.losses import ClassWeights, PerOutputLoss, weights_by_name
from tutelage.tasks.metric import Metric, by_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BinaryCrossEntropy", "MultiLabel"]


class BinaryCrossEntropy(PerOutputLoss):
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
            outputs, labels.to(outputs.dtype), pos_weight=weight, reduction="none"
        )

    def soft_rows(
        self,
        outputs: Float[Tensor, "batch labels"],
        soft: Float[Tensor, "batch labels"],
        *,
        temperature: float,
    ) -> Float[Tensor, " batch"]:
        """Return each row's loss on a teacher's logits."""
        targets = (soft / temperature).sigmoid()
        loss = F.binary_cross_entropy_with_logits(outputs / temperature, targets, reduction="none")
        return loss.mean(dim=1) * temperature**2


class MultiLabel(Task):
    """Rows of any number of labels; a column of 0 and 1 each, NaN where a label is not known.

    Its metrics: ``average_precision``, ``macro_f1`` and ``auroc``, means over labels, of those for
    which they are defined (average precision needs a row that has the label, AUROC also one that has
    not, F1 one that has the label or is given it; of no such label it is 0); ``micro_f1``, of all
    labels together; ``subset_accuracy``, the share of rows with all labels right. A label counts as
    given from 0.5 on.
    """

    kind = "multi-label"
    metrics = by_name(
        Metric("average_precision", "average precision"),
        Metric("macro_f1", "macro F1"),
        Metric("micro_f1", "micro F1"),
        Metric("auroc", "AUROC"),
        Metric("subset_accuracy", "subset accuracy"),
    )
    outputs_word = "labels"
    answer = "any of {} labels"
    outputs_are = "logits; the sigmoid of each is the probability of its label"
    loss_unit = "nats"
    problem_type = "multi_label_classification"
    labels_are_binary = True

    def probabilities(
        self, outputs: Float[Tensor, "rows outputs"]
    ) -> Float[Tensor, "rows outputs"]:
        """Return the probability of each label, as float64."""
        return outputs.double().sigmoid()

    def plain_loss(self) -> BinaryCrossEntropy:
        """Return the cross-entropy that treats every row and label alike."""
        return BinaryCrossEntropy()

    def loss(
        self,
        labels: Shaped[Tensor, "rows ..."],
        *,
        class_weights: ClassWeights | None = None,
        label_smoothing: float = 0.0,
    ) -> BinaryCrossEntropy:
        """Return the cross-entropy.

        ``"balanced"`` weighs the 1 of a label by ``rows without it / rows with it``.
        """
        super().loss(labels, class_weights=class_weights, label_smoothing=label_smoothing)
        if class_weights is None:
            return BinaryCrossEntropy()
        if isinstance(class_weights, Mapping):
            return BinaryCrossEntropy(pos_weight=weights_by_name(class_weights, self.names))
        known = labels[has_label(labels)]
        weight = (known == 0).sum(dim=0) / (known == 1).sum(dim=0).clamp_min(1)
        return BinaryCrossEntropy(pos_weight=weight)

    def measured(
        self, outputs: "NDArray[Any]", labels: "NDArray[Any]"
    ) -> Iterator[tuple[str, float | None]]:
        """Give every metric of rows with some label that is known."""
        import numpy as np
        from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

        known = ~np.isnan(labels)
        truth, given = labels == 1, outputs >= 0
        some = (known & truth).any(axis=0)
        both = np.logical_and(some, (known & ~truth).any(axis=0))

        def mean(measure: Callable[..., float], values: Any, columns: Any) -> float | None:
            each = [
                measure(truth[known[:, j], j], values[known[:, j], j])
                for j, defined in enumerate(columns)
                if defined
            ]
            return float(np.mean(each)) if each else None

        yield "average_precision", mean(average_precision_score, outputs, some)
        occurring = np.logical_or(some, (known & given).any(axis=0))
        yield "macro_f1", mean(f1_score, given, occurring) or 0.0
        yield "micro_f1", f1_score(truth[known], given[known], zero_division=0)
        yield "auroc", mean(roc_auc_score, outputs, both)
        whole = known.all(axis=1)
        if whole.any():
            yield "subset_accuracy", float((truth == given)[whole].all(axis=1).mean())

    @staticmethod
    def strata(labels: Shaped[Tensor, "rows ..."]) -> Int64[Tensor, " rows"]:
        """Return the rarest label of each row, so that rare ones are on both sides of a draw.

        Rows without any label at 1 are alike, and a row that would be alone joins them (or the most
        frequent stratum where there are none). Rarer combinations are left to chance.

        Example:
            >>> labels = torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
            >>> MultiLabel.strata(labels)
            tensor([1, 1, 0, 0, 0])
        """
        known = has_label(labels)
        positive = labels == 1
        counts = positive.sum(dim=0)
        rarity = torch.where(positive, counts, len(labels) + 1)
        none = labels.shape[1]
        rarest = torch.where(positive.any(dim=1), rarity.argmin(dim=1), none)
        frequent = rarest[known].bincount(minlength=none + 1)
        alone = frequent[rarest] == 1
        others = none if frequent[none] > 1 else int(frequent.argmax())
        unlabelled = torch.full((len(labels),), UNLABELLED)
        return torch.where(known, torch.where(alone, others, rarest), unlabelled)
