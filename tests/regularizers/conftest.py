"""Seeded numbers, training rows to prepare methods with, and LogME by its definition."""

import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tutelage.regularizers import TrainingEvidence

sys.path.insert(0, str(Path(__file__).parents[1]))


CPU = torch.device("cpu")


class Rows:
    """Teachers' features in memory; remembers which rows were asked for."""

    def __init__(self, features: Mapping[str, Tensor]) -> None:
        self.features = dict(features)
        self.widths = {name: tensor.shape[1] for name, tensor in features.items()}
        self.asked: list[list[int]] = []

    def __len__(self) -> int:
        return len(next(iter(self.features.values())))

    def gather(self, indices: Tensor) -> dict[str, Tensor]:
        self.asked.append(indices.tolist())
        return {name: tensor[indices] for name, tensor in self.features.items()}


@pytest.fixture
def draw() -> Callable[..., Tensor]:
    generator = torch.Generator().manual_seed(7)

    def normal(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    return normal


@pytest.fixture
def evidence() -> Callable[..., TrainingEvidence]:
    def make(
        features: Mapping[str, Tensor],
        labels: Tensor,
        *,
        classes: int = 3,
        student: Tensor | None = None,
        seed: int = 0,
        device: torch.device = CPU,
    ) -> TrainingEvidence:
        begun = (torch.zeros(len(labels), 1) if student is None else student).to(device)
        return TrainingEvidence(
            Rows(features),
            labels=labels,
            classes=classes,
            student=lambda: begun,
            seed=seed,
            device=device,
        )

    return make


@pytest.fixture
def reference_evidences() -> Callable[[Tensor, Tensor], tuple[list[float], list[list[float]]]]:
    def each(features: Tensor, targets: Tensor) -> tuple[list[float], list[list[float]]]:
        rows = features.double().tolist()
        fits = [reference_evidence(rows, column) for column in targets.double().T.tolist()]
        return [evidence for evidence, _ in fits], [mean for _, mean in fits]

    return each


def reference_solve(
    matrix: list[list[float]], right: list[list[float]]
) -> tuple[list[list[float]], float]:
    """The solutions of several right sides, and the logarithm of the determinant."""
    rows = [[*a, *b] for a, b in zip(matrix, right, strict=True)]
    logarithm = 0.0
    for i in range(len(rows)):
        pivot = max(range(i, len(rows)), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        logarithm += math.log(abs(rows[i][i]))
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for r in range(len(rows)):
            if r != i:
                factor = rows[r][i]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i], strict=True)]
    return [row[len(matrix) :] for row in rows], logarithm


def reference_evidence(
    features: list[list[float]], target: list[float]
) -> tuple[float, list[float]]:
    """Evidence and posterior mean from ``A = α + βFᵀF``, without a factorisation; shares no code.

    Directions that no row reaches would add ``ln α`` each to ``ln |A|``; they are taken out.
    """
    count, width = len(features), len(features[0])
    gram = [[sum(r[a] * r[b] for r in features) for b in range(width)] for a in range(width)]
    cross = [sum(r[a] * y for r, y in zip(features, target, strict=True)) for a in range(width)]

    def shifted(scale: float, shift: float) -> list[list[float]]:
        return [[scale * gram[a][b] + shift * (a == b) for b in range(width)] for a in range(width)]

    alpha = beta = 1.0
    for _ in range(11):
        t = alpha / beta
        right = [[cross[a], *(float(a == b) for b in range(width))] for a in range(width)]
        solved, _ = reference_solve(shifted(1.0, t), right)
        mean = [row[0] for row in solved]
        gamma = width - t * sum(solved[a][1 + a] for a in range(width))
        m2 = sum(m * m for m in mean)
        e2 = sum(
            (y - sum(x * m for x, m in zip(r, mean, strict=True))) ** 2
            for r, y in zip(features, target, strict=True)
        )
        alpha, beta = gamma / (m2 + 1e-5), (count - gamma) / (e2 + 1e-5)
        if abs(alpha / beta - t) / t <= 1e-3:
            break
    _, logarithm = reference_solve(shifted(beta, alpha), [[] for _ in range(width)])
    logarithm -= max(0, width - count) * math.log(alpha)
    total = width * math.log(alpha) + count * math.log(beta) - logarithm
    total -= beta * e2 + alpha * m2 + count * math.log(2 * math.pi)
    return total / 2 / count, mean
