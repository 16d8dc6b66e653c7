"""Each task's loss against plain loops in float64 that share no code with it."""

import math

import pytest
import torch
from torch import nan, nn

from tutelage.errors import ConfigError
from tutelage.tasks import (
    BinaryCrossEntropy,
    CrossEntropy,
    MultiLabel,
    Regression,
    SingleLabel,
    SquaredError,
    TargetScaling,
)
from tutelage.tasks.soft_labels import SoftLabels

DRAW = torch.Generator().manual_seed(0)
OUTPUTS = torch.randn(5, 3, generator=DRAW, dtype=torch.float64)
SOFT = torch.randn(5, 3, generator=DRAW, dtype=torch.float64)
MARKS = torch.tensor(
    [[1, 0, 1], [nan, 1, 0], [nan, nan, nan], [0, 0, 0], [1, nan, 1]], dtype=torch.float32
)
TARGETS = torch.tensor(
    [[110, 0.1, 3], [nan, 0.2, 4], [nan, nan, nan], [90, 0.4, 5], [130, nan, 1]],
    dtype=torch.float32,
)
SCALE = TargetScaling(mean=(100.0, 0.25, 3.0), std=(20.0, 0.5, 2.0))


def binary(y: float, z: float, p: float = 1.0) -> float:
    share = 1 / (1 + math.exp(-z))
    return -p * y * math.log(share) - (1 - y) * math.log(1 - share)


def reference_marks(weights: list[float]) -> list[float]:
    return [
        binary(y, z, p)
        for row, line in zip(MARKS.tolist(), OUTPUTS.tolist(), strict=True)
        for y, z, p in zip(row, line, weights, strict=True)
        if not math.isnan(y)
    ]


def test_labels_that_are_not_known_do_not_count():
    for weights in ([1.0, 1.0, 1.0], [2.0, 0.5, 3.0]):
        losses = reference_marks(weights)
        loss = BinaryCrossEntropy(pos_weight=torch.tensor(weights))(OUTPUTS, MARKS)
        assert loss.item() == pytest.approx(sum(losses) / len(losses))
    plain = BinaryCrossEntropy().rows(OUTPUTS, MARKS)
    assert plain[1].item() == pytest.approx(
        (binary(1, OUTPUTS[1, 1].item()) + binary(0, OUTPUTS[1, 2].item())) / 2
    )
    assert plain[2] == 0


def test_squared_error_is_of_standardised_targets():
    losses = [
        (z - (y - mean) / std) ** 2
        for row, line in zip(TARGETS.tolist(), OUTPUTS.tolist(), strict=True)
        for y, z, mean, std in zip(row, line, SCALE.mean, SCALE.std, strict=True)
        if not math.isnan(y)
    ]
    loss = SquaredError(SCALE)(OUTPUTS, TARGETS)
    assert loss.item() == pytest.approx(sum(losses) / len(losses), rel=1e-6)


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), SquaredError(SCALE)])
def test_gradients_are_exact_and_unknown_labels_have_none(loss):
    outputs = OUTPUTS.clone().requires_grad_()
    labels = MARKS if isinstance(loss, BinaryCrossEntropy) else TARGETS
    assert torch.autograd.gradcheck(lambda z: loss(z, labels), (outputs,))
    loss(outputs, labels).backward()
    assert (outputs.grad[labels.isnan()] == 0).all()
    assert outputs.grad.isfinite().all()


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_soft_labels_of_several_labels(temperature):
    task = SoftLabels(mix=0.6, temperature=temperature, loss=BinaryCrossEntropy())
    expected = []
    for row, line, soft in zip(MARKS.tolist(), OUTPUTS.tolist(), SOFT.tolist(), strict=True):
        known = [(y, z) for y, z in zip(row, line, strict=True) if not math.isnan(y)]
        told = sum(binary(y, z) for y, z in known) / max(1, len(known))
        taught = temperature**2 * sum(
            binary(1 / (1 + math.exp(-t / temperature)), z / temperature)
            for t, z in zip(soft, line, strict=True)
        ) / 3  # fmt: skip
        expected.append(0.4 * told + 0.6 * taught if known else taught)
    assert task(OUTPUTS, MARKS, SOFT).item() == pytest.approx(sum(expected) / 5)


def test_soft_targets_are_in_the_targets_units():
    task = SoftLabels(mix=1.0, loss=SquaredError(SCALE))
    assert task(OUTPUTS, TARGETS, SCALE.to_units(OUTPUTS)).item() == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="no temperature"):
        SoftLabels(temperature=2.0, loss=SquaredError(SCALE))(OUTPUTS, TARGETS, SOFT)


def test_class_weights():
    labels = torch.tensor([0, 0, 0, 1, 2, 2, -100])
    task = SingleLabel.of(("a", "b", "c"), labels)
    balanced = task.loss(labels, class_weights="balanced")
    assert balanced.weight.tolist() == pytest.approx([6 / 9, 2.0, 1.0])
    named = task.loss(labels, class_weights={"b": 3.0}, label_smoothing=0.1)
    outputs = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
    theirs = nn.CrossEntropyLoss(torch.tensor([1.0, 3.0, 1.0]), label_smoothing=0.1)
    assert torch.equal(named(outputs, labels), theirs(outputs, labels))
    assert isinstance(task.loss(labels), CrossEntropy)

    several = MultiLabel.of(("a", "b", "c"), MARKS)
    weighed = several.loss(MARKS, class_weights="balanced")
    assert weighed.pos_weight.tolist() == pytest.approx([1 / 2, 2.0, 1.0])


def test_what_a_task_does_not_have_is_refused():
    labels = torch.tensor([0, 1])
    task = SingleLabel.of(("cat", "dog"), labels)
    with pytest.raises(ConfigError, match="names 'dgo', which is no class; did you mean 'dog'"):
        task.loss(labels, class_weights={"dgo": 2.0})
    regression = Regression.of(("height",), torch.tensor([[1.0], [2.0]]))
    for settings in ({"label_smoothing": 0.1}, {"class_weights": "balanced"}):
        with pytest.raises(ConfigError, match="leave it out"):
            regression.loss(torch.tensor([[1.0], [2.0]]), **settings)
