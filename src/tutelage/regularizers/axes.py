"""The axes of teachers' features that a linear probe of the task reads, with learned weights."""

from collections.abc import Iterator
from typing import Literal

import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from tutelage.regularizers.column_weights import ColumnWeights, Weights
from tutelage.regularizers.columns import TeacherColumns
from tutelage.regularizers.logme import Moments, logme
from tutelage.regularizers.preparation import TrainingEvidence
from tutelage.tasks.labels import are_classes, has_label

__all__ = ["Axes", "ProbeAxes", "check_axes", "probe_axes"]

Axes = Literal["given", "probe"]

SPAN, REST = 0.95, 0.05
ROWS = 4096
ROUNDING = 1e-12
"""Share of the features' energy below which what varies is rounding."""
DEPENDENT = 1e-6
"""Share of the largest singular value below which weights add no axis."""


class ProbeAxes(ColumnWeights):
    """Features of each teacher in what a probe of the task reads, and in what it does not, weighted.

        ψ ↦ σψP + ρ(ψ - ψP),    P = UUᵀ,  σ = sigmoid(s),  ρ = sigmoid(r)

    ``U`` [columns, axes] is an orthonormal basis of the span of the weights of a linear probe of the
    task on one teacher's features; see ``probe_axes``. Each teacher has its own span and two learned
    weights, σ = 0.95 and ρ = 0.05 at the start. The map turns with the features: those in other axes
    (rotated) have the same kernel, whatever the weights.

    A teacher costs ``columns x axes`` numbers, and two products with ``U`` a batch.

    Args:
        teachers: The teachers' names and widths.
        classes: The number of classes, labels or targets: at most so many axes a teacher.

    Attributes:
        axes: ``U`` of all teachers below each other; zero where a probe has fewer axes.
        scores: ``s`` and ``r`` of each teacher, in a row.

    Example:
        >>> weights = ProbeAxes(TeacherColumns.of({"dino": 1536, "clip": 768}), classes=10)
        >>> weights.axes.shape, weights.scores.shape
        (torch.Size([2304, 10]), torch.Size([2, 2]))
    """

    axes: Tensor

    def __init__(self, teachers: TeacherColumns, *, classes: int) -> None:
        super().__init__(teachers.total)
        self.teachers, self.classes = teachers, classes
        count = min(classes, max(teachers.widths))
        self.register_buffer("axes", torch.zeros(self.columns, count))
        start = torch.logit(torch.tensor([SPAN, REST]))
        self.scores = nn.Parameter(start.repeat(len(teachers.names), 1))
        self._prepared = False

    def learn(self, evidence: TrainingEvidence) -> None:
        """Find each teacher's axes in the labelled training rows.

        Raises:
            ValueError: If the evidence is of other teachers or classes, or has no labels.
        """
        evidence.check_teachers(self.teachers.by_name)
        if evidence.classes != self.classes:
            raise ValueError(f"expected {self.classes} classes, got {evidence.classes}")
        self.axes.zero_()
        for name, axes in self.teachers.split(self.axes).items():
            found = probe_axes(evidence, teacher=name)
            axes[:, : found.shape[1]].copy_(found)
        self._prepared = True

    def restore(self, axes: Float[Tensor, "columns axes"]) -> None:
        """Set the axes to those of an equal module, in place of ``learn``."""
        self.axes.copy_(axes)
        self._prepared = True

    def forward(self, features: Float[Tensor, "batch columns"]) -> Float[Tensor, "batch columns"]:
        """Return ``σψP + ρ(ψ - ψP)`` of each teacher, side by side.

        Raises:
            RuntimeError: If neither ``learn`` was called nor a state with axes loaded.
        """
        if not self._prepared:
            raise RuntimeError(
                "the axes of the probe come from the training rows; call prepare(evidence) before "
                "training"
            )
        widths = list(self.teachers.widths)
        bases = torch.split(self.axes.to(features.dtype), widths)
        parts = []
        for columns, axes, (inside, rest) in zip(
            torch.split(features, widths, dim=1), bases, self.scores.sigmoid().unbind(), strict=True
        ):
            span = columns @ axes @ axes.T
            parts.append(inside * span + rest * (columns - span))
        return torch.cat(parts, dim=1)

    def column_weights(self) -> Float[Tensor, " columns"]:
        """Return the length of what each column's unit vector is mapped to.

        sqrt( σ² P_cc + ρ² (1 - P_cc) )
        """
        shares = self.teachers.split(self.axes.square().sum(dim=1).clamp_max(1)).values()
        weights = self.scores.detach().sigmoid().square()
        lengths = [
            share * inside + (1 - share) * rest
            for share, (inside, rest) in zip(shares, weights, strict=True)
        ]
        return torch.cat(lengths).sqrt()

    # Not a buffer: reading one in every step would wait for the accelerator.
    def get_extra_state(self) -> Tensor:
        """Return whether the axes are found, as a tensor, which safetensors can store."""
        return torch.tensor(self._prepared)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore whether the axes are found."""
        self._prepared = bool(state)


def probe_axes(evidence: TrainingEvidence, *, teacher: str) -> Float64[Tensor, "columns axes"]:
    """Return an orthonormal basis of the span of the weights of a linear probe of the task.

    The probe is the Bayesian linear model of LogME, from a teacher's features to one-hot classes,
    labels or targets, both centered over the labelled rows: ridge regression whose penalty, one a
    target, maximizes the evidence. It has a closed form, draws nothing, and turns with the features.
    Weights of classes are centered over the classes: a number added to all outputs tells nothing.

    Args:
        evidence: The training rows; those without any label are left out, and a missing one of
            several counts as its mean.
        teacher: The teacher's name.

    Returns:
        At most as many axes as columns, as labels or targets, or as classes less one; none if all
        features are equal.

    Raises:
        ValueError: If no row has a label.

    Source:
        You et al. 2021, arXiv 2102.11005, for the model; see ``logme``.
    """
    known = has_label(evidence.labels).nonzero().flatten()
    if not len(known):
        raise ValueError(
            "the axes of a probe need labelled training rows, and there are none; set axes = 'given'"
        )
    targets = _centered_targets(evidence.labels[known], classes=evidence.classes)

    def blocks() -> Iterator[tuple[Tensor, Tensor]]:
        for rows, target in zip(torch.split(known, ROWS), torch.split(targets, ROWS), strict=True):
            features = evidence.gather(rows)[teacher]
            # A column of ones, whose products are the sums of the features.
            yield features, F.pad(target, (0, 1), value=1.0)

    moments = Moments.of(blocks())
    sums = moments.cross[:, -1]
    gram = moments.gram - torch.outer(sums, sums) / moments.rows
    if not gram.trace() > ROUNDING * moments.gram.trace():
        return gram[:, :0]
    around = Moments(gram, moments.cross[:, :-1], moments.squares[:-1], moments.rows)
    weights = logme(around).means
    if are_classes(evidence.labels):
        weights = weights - weights.mean(dim=0)
    _, values, vectors = torch.linalg.svd(weights, full_matrices=False)
    axes: Tensor = vectors[values > DEPENDENT * values[0]].T
    return axes


def check_axes(axes: str, *, weights: Weights, classes: int | None) -> None:
    """Refuse axes that do not exist, or lack what they need.

    Raises:
        ValueError: If they do.
    """
    if axes not in ("given", "probe"):
        raise ValueError(f"axes must be one of given, probe, not {axes!r}")
    if axes == "given":
        return
    if weights != "diagonal":
        raise ValueError(
            f"axes = 'probe' has learned weights of its own, so weights = {weights!r} cannot be; "
            "leave one of them out"
        )
    if classes is None or classes < 1:
        raise ValueError(
            "axes = 'probe' needs the number of classes, labels or targets, such as classes=10; "
            f"got {classes}"
        )


def _centered_targets(
    labels: Shaped[Tensor, "rows ..."], *, classes: int
) -> Float64[Tensor, "rows targets"]:
    """One-hot classes, labels or targets minus their mean; 0 where one is missing."""
    columns = F.one_hot(labels, classes) if are_classes(labels) else labels
    columns = columns.double()
    return (columns - columns.nanmean(dim=0)).nan_to_num()
