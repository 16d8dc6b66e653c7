"""Feature distillation whose columns count by what a classifier loses without them, after DELTA.

DELTA (Li et al. 2019, arXiv 1901.09229) keeps the channels of a fine-tuned network near those of its
start, the more so the more a classifier on the start's features loses without a channel. Reviewers
of AFT asked for it. Here the same attention weights the columns of the teachers' features.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tutelage.regularizers import PreparedRegularizer, TrainingEvidence
from tutelage.regularizers.columns import TeacherWidths

STEPS = 100


class FeatureAttention(PreparedRegularizer):
    """The mean squared error of the teachers' standardized features, weighted by column.

        mean w_j (φP + b - z)_j²,    w = d softmax((L_j - L) / s)

    ``z`` are the d columns of all teachers, standardized by the training rows. ``L`` is the
    cross-entropy of a linear classifier on them over the training rows with a label, ``L_j`` that
    without column j, and s the deviation of L_j over columns. ``P`` and ``b`` are learned with the
    student. DELTA has no s, since channels of a convolution matter more than single columns.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.
        penalty: Ridge penalty of the classifier.
    """

    default_lr = None

    def __init__(
        self, student_width: int, teacher_widths: TeacherWidths, *, penalty: float = 1e-2
    ) -> None:
        super().__init__(student_width, teacher_widths)
        self.penalty = penalty
        self.map = nn.Linear(student_width, self.teachers.total)
        self.register_buffer("mean", torch.zeros(self.teachers.total))
        self.register_buffer("scale", torch.ones(self.teachers.total))
        self.register_buffer("attention", torch.ones(self.teachers.total))

    def learn(self, evidence: TrainingEvidence) -> None:
        """Fit the classifier, and weight each column by the loss without it."""
        known = (evidence.labels >= 0).nonzero().squeeze(1)
        features = self.teachers.join(evidence.gather(known))
        labels = evidence.labels[known].to(features.device)
        self.mean.copy_(features.mean(dim=0))
        self.scale.copy_(features.std(dim=0).clamp(min=1e-6))
        rows = (features - self.mean.to(features)) / self.scale.to(features)
        weight, bias = _classifier(rows, labels, evidence.classes, self.penalty)
        logits = rows @ weight + bias
        losses = torch.stack(
            [
                F.cross_entropy(logits - column[:, None] * row, labels)
                for column, row in zip(rows.T, weight, strict=True)
            ]
        )
        rises = (losses - losses.mean()) / losses.std().clamp(min=1e-12)
        self.attention.copy_(rises.softmax(dim=0) * len(rises))

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the weighted mean squared error."""
        target = (teacher - self.mean) / self.scale
        return (self.attention * (self.map(student) - target).square()).mean()


def _classifier(
    rows: Tensor, labels: Tensor, classes: int, penalty: float
) -> tuple[Tensor, Tensor]:
    """Weights ``[columns, classes]`` and bias of a linear classifier, fitted by L-BFGS."""
    weight = torch.zeros(rows.shape[1], classes, device=rows.device, requires_grad=True)
    bias = torch.zeros(classes, device=rows.device, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(rows @ weight + bias, labels) + penalty * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()
