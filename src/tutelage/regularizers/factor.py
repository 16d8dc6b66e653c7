"""Factor transfer: match translated student features to paraphrased teacher features."""

import math
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

    ``φ`` are the student's features, ``ψ`` those of the teachers. ``f`` lays the factors of all
    teachers side by side, d_f columns in all. Each teacher of d columns has its own paraphraser: the
    encoder, d → d → d/2 → d/2 with a ReLU after each layer, of an autoencoder that ``prepare`` trains
    on its features: the decoder mirrors the encoder, the loss is the mean squared error, Adam at 3e-4
    in batches of 1,024. A tenth of the training rows is held out; training stops after 10 epochs
    without improvement on them, and the best encoder is kept. The translator ``t``,
    d_φ → d_φ → d_f → d_f with a ReLU between layers, is learned together with the student, at its
    learning rate; the weight of its last layer is zero at the start, so that ``t`` is constant then.

    Args:
        student_width: Columns of the student's features.
        teacher_widths: Columns of each teacher's features, by name or in order.
        epochs: Maximum epochs of each autoencoder.

    Raises:
        ValueError: If epochs is not positive, there are fewer than two training rows, or a teacher's
            features hold NaN or infinity.
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
    default_lr = None

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
        sizes = [_encoder_sizes(width) for width in self.teachers.widths]
        self.paraphrasers = nn.ModuleList(
            nn.Sequential(*(_FrozenLayer(a, b) for a, b in pairwise(one))) for one in sizes
        )
        factors = sum(one[-1] for one in sizes)
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
        """Return the teachers' factors side by side, ``f(ψ)``."""
        features = torch.split(teacher, list(self.teachers.widths), dim=1)
        parts = zip(self.paraphrasers, features, strict=True)
        return torch.cat([paraphraser(columns) for paraphraser, columns in parts], dim=1)

    def learn(self, evidence: TrainingEvidence) -> None:
        """Train an autoencoder on each teacher, and store the encoders."""
        count = len(evidence.teachers)
        if count < 2:
            raise ValueError(f"factor transfer needs two training rows or more, got {count}")
        for number in range(len(self.paraphrasers)):
            self._learn_paraphraser(number, evidence)

    def _learn_paraphraser(self, number: int, evidence: TrainingEvidence) -> None:
        """Train the autoencoder of one teacher; its draws are those that it has alone."""
        count = len(evidence.teachers)
        name, width = self.teachers.names[number], self.teachers.widths[number]
        generator = torch.Generator().manual_seed(evidence.seed)
        order = torch.randperm(count, generator=generator)
        held_out, training = order.tensor_split([max(1, round(HOLDOUT * count))])
        encoder, decoder = _autoencoder(_encoder_sizes(width), seed=evidence.seed)
        autoencoder = nn.Sequential(encoder, decoder).to(evidence.device)
        optimizer = torch.optim.Adam(autoencoder.parameters(), lr=LEARNING_RATE)
        best_loss, waited = float("inf"), 0
        for _ in range(self.epochs):
            shuffled = training[torch.randperm(len(training), generator=generator)]
            for features in _batches(evidence, shuffled, teacher=name):
                optimizer.zero_grad()
                F.mse_loss(autoencoder(features), features).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            loss = _error(autoencoder, evidence, held_out, teacher=name)
            if loss < best_loss:
                best_loss, waited = loss, 0
                self._store(encoder, number)
            else:
                waited += 1
            if waited == PATIENCE:
                break
        if not math.isfinite(best_loss):
            raise ValueError(
                f"the autoencoder of teacher {name!r} learned nothing: its error is not a finite number; "
                "look for NaN, infinity or very large values in the teacher's features"
            )

    def _store(self, encoder: nn.Sequential, number: int) -> None:
        linear = [layer for layer in encoder if isinstance(layer, nn.Linear)]
        for frozen, layer in zip(self.paraphrasers[number].children(), linear, strict=True):
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


def _encoder_sizes(columns: int) -> tuple[int, int, int, int]:
    factors = max(1, columns // 2)
    return columns, columns, factors, factors


@torch.no_grad()
def _error(
    autoencoder: nn.Module, evidence: TrainingEvidence, rows: Tensor, *, teacher: str
) -> float:
    """The mean squared error over these rows."""
    total, numbers = 0.0, 0
    for features in _batches(evidence, rows, teacher=teacher):
        total += (autoencoder(features) - features).square().sum().item()
        numbers += features.numel()
    return total / numbers


def _batches(evidence: TrainingEvidence, rows: Tensor, *, teacher: str) -> Iterator[Tensor]:
    for indices in torch.split(rows, BATCH):
        yield evidence.gather(indices)[teacher]


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
