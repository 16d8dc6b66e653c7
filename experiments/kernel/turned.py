"""AFT's kernel on turned teacher columns, from other starts of rho, and over more rows than a batch.

Methods for ``tutelage train --method turned:Turned``, as prototypes: a checkpoint does not hold the
rows of recent batches.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.probes import fit_probe, probe_holdout
from tutelage.regularizers import PreparedRegularizer, TrainingEvidence
from tutelage.tasks import SingleLabel

LOW, HIGH = 0.05, 0.95


class Turned(PreparedRegularizer):
    """AFT with ``ψV`` in place of ``ψ``, V orthogonal: a change of axes that rho can then select from.

        R = sqrt( mean_ij (K_φ - K_(ψVρ))²_ij + 1e-8 ),    i over a batch, j over batch and bank

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features.
        classes: The number of classes.
        axes: ``"given"``: V = I, the paper's AFT. ``"principal"``: principal axes of the training
            rows. ``"probe"``: the span of a linear probe's weights first, principal axes of the rest
            after. ``"outputs"``: the probe's outputs alone, in place of the features.
        start: rho at the start: ``"even"``: 1/2. ``"probe"``: 0.95 in the span of the probe's
            weights, 0.05 elsewhere. ``"useful"``: in proportion to the deviation that an axis brings
            to the probe's outputs, from 0.05 to 0.95.
        bank: Rows of recent batches, without gradients, that the kernel also spans.
    """

    def __init__(
        self,
        student_width: int,
        teacher_widths: dict[str, int],
        *,
        classes: int,
        axes: Literal["given", "principal", "probe", "outputs"] = "given",
        start: Literal["even", "probe", "useful"] = "even",
        bank: int = 0,
    ) -> None:
        super().__init__(student_width, teacher_widths)
        columns = self.teachers.total
        self.classes, self.axes, self.start, self.bank = classes, axes, start, bank
        self.register_buffer("axis", torch.eye(columns))
        self.register_buffer("mean", torch.zeros(columns))
        self.scores = nn.Parameter(torch.zeros(columns))
        self.recent: list[tuple[Tensor, Tensor]] = []

    def learn(self, evidence: TrainingEvidence) -> None:
        """Find the axes, and where rho starts, from the training rows."""
        blocks = [torch.cat([b[n] for n in self.teachers.names], dim=1) for b in evidence.blocks()]
        rows = torch.cat(blocks).double()
        self.mean.copy_(rows.mean(dim=0))
        rows = rows - rows.mean(dim=0)
        axis, span = torch.eye(rows.shape[1], dtype=torch.float64), 0
        weight = self._probe(rows, evidence) if self._asks_probe else None
        if self.axes == "principal":
            axis = _principal(rows)
        elif weight is not None and self.axes == "probe":
            left, values, _ = torch.linalg.svd(weight.T, full_matrices=False)
            span = int((values > 1e-6 * values[0]).sum())
            basis = torch.linalg.qr(left[:, :span], mode="complete").Q
            parts = (basis[:, :span], basis[:, span:])
            axis = torch.cat([part @ _principal(rows @ part) for part in parts], dim=1)
        elif weight is not None and self.axes == "outputs":
            axis = torch.zeros_like(axis)
            axis[:, : self.classes] = weight.T
        self.axis.copy_(axis)
        rho = torch.full_like(self.scores, 0.5)
        if self.start == "probe":
            rho = torch.where(torch.arange(len(rho)) < span, HIGH, LOW)
        elif weight is not None and self.start == "useful":
            use = (weight @ axis).square().sum(dim=0) * (rows @ axis).square().mean(dim=0)
            rho = (use / use.max()).sqrt().clamp(LOW, HIGH)
        with torch.no_grad():
            self.scores.copy_(torch.logit(rho))

    def compare(
        self, student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, ""]:
        """Return the distance of the kernels."""
        batch, turned = len(student), (teacher - self.mean) @ self.axis
        pairs = [(student, turned), *self.recent]
        if self.bank:
            self.recent = [(student.detach(), turned), *self.recent][: self.bank // batch]
        features = _unit(torch.cat([pair[0] for pair in pairs]))
        weighted = _unit(torch.cat([pair[1] for pair in pairs]), self.scores.sigmoid())
        difference = features[:batch] @ features.T - weighted[:batch] @ weighted.T
        return (difference.square().mean() + 1e-8).sqrt()

    def column_weights(self) -> dict[str, Float[Tensor, " columns"]]:
        """Return rho of each axis, under the name of the teachers' columns."""
        return self.teachers.split(self.scores.detach().sigmoid())

    @property
    def _asks_probe(self) -> bool:
        return self.axes in ("probe", "outputs") or self.start == "useful"

    def _probe(self, rows: Tensor, evidence: TrainingEvidence) -> Tensor:
        """Weights of the linear probe on features as they are, [classes, columns], centered."""
        known = evidence.labels >= 0
        labels, features = evidence.labels[known], rows[known].float()
        task = SingleLabel.of([str(number) for number in range(self.classes)], labels)
        c = probe_holdout(features, labels, task=task, seed=0, device=evidence.device).c
        probe = fit_probe(features, labels, task=task, c=c, device=evidence.device)
        weight = probe.weight.double() / probe.scale.double()
        deviation = rows.std(dim=0)
        weight[:, deviation < 1e-4 * deviation.mean()] = 0  # constant columns
        return weight - weight.mean(dim=0)


def _principal(rows: Float[Tensor, "rows width"]) -> Float[Tensor, "width width"]:
    vectors: Tensor = torch.linalg.eigh(rows.T @ rows).eigenvectors
    return vectors.flip(1)


def _unit(features: Tensor, weights: Tensor | float = 1.0) -> Tensor:
    """Centered, weighted, and each row at unit length."""
    rows = (features - features.mean(dim=0)) * weights
    return rows / (rows.norm(dim=1, keepdim=True) + 1e-8)
