"""Soft labels against their definition in plain loops."""

import math

import pytest
import torch

from tutelage.tasks.soft_labels import SoftLabels


def softmax(row: list[float]) -> list[float]:
    highest = max(row)
    powers = [math.exp(x - highest) for x in row]
    return [p / sum(powers) for p in powers]


def reference(outputs, labels, soft, *, mix: float, temperature: float) -> float:
    """The definition, row by row in plain floats."""
    total = 0.0
    for z, y, t in zip(outputs.tolist(), labels.tolist(), soft.tolist(), strict=True):
        target = softmax([x / temperature for x in t])
        own = softmax([x / temperature for x in z])
        taught = -sum(p * math.log(q) for p, q in zip(target, own, strict=True)) * temperature**2
        if y == -100:
            total += taught
        else:
            total += (1 - mix) * -math.log(softmax(z)[y]) + mix * taught
    return total / len(labels)


@pytest.mark.parametrize(("mix", "temperature"), [(0.7, 1.0), (0.0, 2.0), (1.0, 4.0), (0.3, 0.5)])
def test_loss_is_its_definition(mix, temperature):
    generator = torch.Generator().manual_seed(5)
    outputs, soft = torch.randn(2, 9, 4, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 1, -100, 3, 2, -100, 1, 0, 3])
    loss = SoftLabels(mix=mix, temperature=temperature)(outputs, labels, soft)
    expected = reference(outputs, labels, soft, mix=mix, temperature=temperature)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_gradient_is_exact_and_none_reaches_the_soft_labels():
    generator = torch.Generator().manual_seed(6)
    outputs, soft = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, -100, 2, 1, -100])
    task = SoftLabels(mix=0.6, temperature=2.0)
    assert torch.autograd.gradcheck(lambda z: task(z, labels, soft), outputs.requires_grad_())


def test_a_batch_without_labels_has_a_loss():
    loss = SoftLabels(mix=0.5)(torch.zeros(3, 2), torch.full((3,), -100), torch.zeros(3, 2))
    assert loss.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("wrong", [{"mix": 1.1}, {"mix": -0.1}, {"temperature": 0.0}])
def test_ranges_are_kept(wrong):
    with pytest.raises(ValueError, match="mix must lie in 0 to 1"):
        SoftLabels(**wrong)
