"""B-Tuning: match the student's Bayesian predictions to those of the teachers' mixture."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from tutelage.regularizers.base import PreparedRegularizer
from tutelage.regularizers.columns import TeacherWidths
from tutelage.regularizers.logme import Moments, logme
from tutelage.regularizers.preparation import TrainingEvidence
from tutelage.tasks.labels import are_classes, fully_labelled

__all__ = ["BTuning"]

ROWS = 4096


class BTuning(PreparedRegularizer):
    """The mean squared difference of the student's and the teachers' Bayesian predictions.

        mean (φ μ_0ᵀ - Σ_k w_k ψ_k μ_kᵀ)²    over examples and classes
        w = softmax(LogME_k / 0.1)

    ``μ_k`` [classes, columns] is the posterior mean of a Bayesian linear model from teacher k's
    features to one-hot labels, several labels or targets, ``LogME_k`` its evidence; ``μ_0`` is the
    same for the untrained student. As in the authors' code, LogME favors teachers that have more columns
    than there are rows, whatever they tell (see ``logme``). ``prepare`` computes them from the labelled
    training rows; there are no learned parameters.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.
        classes: The number of classes, labels or targets.
        temperature: Divisor of LogME in the teachers' weights, above 0.

    Attributes:
        shares: The teachers' weights, ``w``.
        student_means: ``μ_0``.
        teacher_means: ``w_k μ_k`` of all teachers, side by side.

    Raises:
        ValueError: If a setting is not positive, or ``prepare`` receives another number of classes
            or no labels.
        RuntimeError: If it is called before ``prepare``.

    Source:
        You et al. 2022, Journal of Machine Learning Research 23(209), arXiv 2110.10545, on B-Tuning.

    Example:
        >>> transfer = BTuning(384, {"dino": 1536, "clip": 768}, classes=10)
        >>> {name: tuple(means.shape) for name, means in transfer.named_buffers()}
        {'shares': (2,), 'student_means': (10, 384), 'teacher_means': (10, 2304)}
    """

    shares: Tensor
    student_means: Tensor
    teacher_means: Tensor

    def __init__(
        self,
        student_width: int,
        teacher_widths: TeacherWidths,
        *,
        classes: int,
        temperature: float = 0.1,
    ) -> None:
        super().__init__(student_width, teacher_widths)
        if classes < 1 or not temperature > 0:
            raise ValueError(
                f"classes and temperature must be positive, got {classes} and {temperature}"
            )
        self.temperature = temperature
        self.register_buffer("shares", torch.zeros(len(self.teachers.names)))
        self.register_buffer("student_means", torch.zeros(classes, student_width))
        self.register_buffer("teacher_means", torch.zeros(classes, self.teachers.total))

    def compare(
        self, student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, ""]:
        """Return the mean squared difference of predictions."""
        return (student @ self.student_means.T - teacher @ self.teacher_means.T).square().mean()

    def learn(self, evidence: TrainingEvidence) -> None:
        """Compute posterior means and the teachers' shares."""
        classes = len(self.student_means)
        if evidence.classes != classes:
            raise ValueError(f"expected {classes} classes, got {evidence.classes}")
        if not fully_labelled(evidence.labels).any():
            raise ValueError("B-Tuning needs labelled training rows, and there are none")
        teachers = (self.teachers.join(block) for block in evidence.blocks(ROWS))
        moments = Moments.of(_labelled(teachers, evidence))
        columns = torch.split(torch.arange(self.teachers.total), list(self.teachers.widths))
        models = [logme(moments.select(teacher_columns)) for teacher_columns in columns]
        scores = torch.tensor([model.score for model in models])
        shares = (scores / self.temperature).softmax(dim=0)
        weighted = [share * model.means for share, model in zip(shares, models, strict=True)]
        self.shares.copy_(shares)
        self.teacher_means.copy_(torch.cat(weighted, dim=1))
        student = Moments.of(_labelled(torch.split(evidence.student(), ROWS), evidence))
        self.student_means.copy_(logme(student).means)


def _labelled(
    blocks: Iterator[Tensor] | Sequence[Tensor], evidence: TrainingEvidence
) -> Iterator[tuple[Tensor, Tensor]]:
    """The features and targets of rows without a missing label."""
    for features, labels in zip(blocks, torch.split(evidence.labels, ROWS), strict=True):
        known = fully_labelled(labels)
        targets = labels[known]
        if are_classes(targets):
            targets = F.one_hot(targets, evidence.classes)
        yield features[known.to(features.device)], targets
