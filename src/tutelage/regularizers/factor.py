"""Factor transfer: match translated student features to paraphrased teacher features."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from tutelage.regularizers.base import LearnsFrom, PreparedRegularizer
from tutelage.regularizers.columns import TeacherWidths
from tutelage.regularizers.preparation import TrainingEvidence

__all__ = ["FactorTransfer"]

LEARNING_RATE = 3e-4
BATCH = 1024
PATIENCE = 10
HOLDOUT = 0.1


class FactorTransfer(PreparedRegularizer):
    """The L1 distance between the student's translated and the teachers' paraphrased features.

        mean_i ‖ unit(t(φ_i)) - unit(f(ψ_i)) ‖₁,    unit(x) = x / ‖x‖₂, unit(0) = 0

    ``φ`` are the student's features, ``ψ`` those of all teachers side by side, d columns. The
    paraphraser ``f`` is the encoder, d → d → d/2 → d/2 with a ReLU after each layer, of an
    autoencoder that ``prepare`` trains on ψ: the decoder mirrors the encoder, the loss is the mean
    squared error, Adam at 3e-4 in batches of 1,024. A tenth of the training rows is held out;
    training stops after 10 epochs without improvement on them, and the best encoder is kept. The
    translator ``t``, d_φ → d_φ → d/2 → d/2 with a ReLU between layers, is learned together with the
    student; the weight of its last layer is zero at the start, so that ``t`` is constant then.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.
        epochs: Maximum epochs of the autoencoder.

    Raises:
        ValueError: If epochs is not positive, or there are fewer than two training rows.
        RuntimeError: If it is called before ``prepare``.

    Source:
        Kim et al. 2018, arXiv 1802.04977, section 3; layers and training as the baseline of Qiu et
        al. 2024, arXiv 2406.07337, but stopped on held-out training rows.

    Example:
        >>> transfer = FactorTransfer(384, {"dino": 1536})
        >>> [tuple(p.shape) for p in transfer.parameters()][-2:]
        [(768, 768), (768,)]
    """

    learns_from: LearnsFrom = "teachers"

    def __init__(
        self,
        student_width: int,
        teacher_widths: TeacherWidths,
        *,
        epochs: int = 500,
    ) -> None:
        super().__init__(student_width, teacher_widths)
        if epochs < 1:
            raise ValueError(f"epochs must be positive, got {epochs}")
        self.epochs = epochs
        columns = self.teachers.total
        factors = max(1, columns // 2)
        self.widths = (columns, columns, factors, factors)
        self.paraphraser = nn.Sequential(*(_FrozenLayer(a, b) for a, b in pairwise(self.widths)))
        last = nn.Linear(factors, factors)
        nn.init.zeros_(last.weight)
        self.translator = nn.Sequential(
            nn.Linear(student_width, student_width),
            nn.ReLU(),
            nn.Linear(student_width, factors),
            nn.ReLU(),
            last,
        )

    def compare(
        self, student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch columns"]
    ) -> Float[Tensor, ""]:
        """Return the mean L1 distance of unit factors."""
        translated = F.normalize(self.translator(student), dim=1)
        paraphrased = F.normalize(self.paraphrase(teacher), dim=1)
        return (translated - paraphrased).abs().sum(dim=1).mean()

    def paraphrase(self, teacher: Float[Tensor, "batch columns"]) -> Float[Tensor, "batch factors"]:
        """Return the teachers' factors, ``f(ψ)``."""
        factors: Tensor = self.paraphraser(teacher)
        return factors

    def learn(self, evidence: TrainingEvidence) -> None:
        """Train the autoencoder and store its encoder."""
        count = len(evidence.teachers)
        if count < 2:
            raise ValueError(f"factor transfer needs two training rows or more, got {count}")
        generator = torch.Generator().manual_seed(evidence.seed)
        order = torch.randperm(count, generator=generator)
        held_out, training = order.tensor_split([max(1, round(HOLDOUT * count))])
        encoder, decoder = _autoencoder(self.widths, seed=evidence.seed)
        autoencoder = nn.Sequential(encoder, decoder).to(evidence.device)
        optimizer = torch.optim.Adam(autoencoder.parameters(), lr=LEARNING_RATE)
        best_loss, waited = float("inf"), 0
        for _ in range(self.epochs):
            shuffled = training[torch.randperm(len(training), generator=generator)]
            for features in self._batches(evidence, shuffled):
                optimizer.zero_grad()
                F.mse_loss(autoencoder(features), features).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            loss = self._error(autoencoder, evidence, held_out)
            if loss < best_loss:
                best_loss, waited = loss, 0
                self._store(encoder)
            else:
                waited += 1
            if waited == PATIENCE:
                break

    @torch.no_grad()
    def _error(self, autoencoder: nn.Module, evidence: TrainingEvidence, rows: Tensor) -> float:
        """The mean squared error over these rows."""
        errors = [
            (autoencoder(features) - features).square().sum().item()
            for features in self._batches(evidence, rows)
        ]
        return float(sum(errors)) / (len(rows) * self.teachers.total)

    def _batches(self, evidence: TrainingEvidence, rows: Tensor) -> Iterator[Tensor]:
        for indices in torch.split(rows, BATCH):
            yield self.teachers.join(evidence.gather(indices))

    def _store(self, encoder: nn.Sequential) -> None:
        linear = [layer for layer in encoder if isinstance(layer, nn.Linear)]
        for frozen, layer in zip(self.paraphraser, linear, strict=True):
            frozen.get_buffer("weight").copy_(layer.weight.detach())
            frozen.get_buffer("bias").copy_(layer.bias.detach())


class _FrozenLayer(nn.Module):
    """A linear layer with a ReLU, held in buffers, so that no optimizer trains it."""

    weight: Tensor
    bias: Tensor

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(after, before))
        self.register_buffer("bias", torch.zeros(after))

    def forward(self, features: Float[Tensor, "batch before"]) -> Float[Tensor, "batch after"]:
        return F.linear(features, self.weight, self.bias).relu()


def _autoencoder(widths: Sequence[int], *, seed: int) -> tuple[nn.Sequential, nn.Sequential]:
    """An encoder with a ReLU after each layer, and its mirror, with none after the last."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the CPU's alone
        encoder = _layers(widths)
        decoder = _layers(widths[::-1])
    return encoder, decoder[:-1]


def _layers(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers)
