"""Digest of a model's weights, and their form for safetensors."""

import torch
from torch import nn

from tutelage.backbones.weights import count_parameters, plain_tensors, weights_digest


def test_the_digest_covers_names_and_values():
    torch.manual_seed(0)
    one, other = nn.Linear(2, 3), nn.Linear(2, 3)
    assert weights_digest(one) != weights_digest(other)
    other.load_state_dict(one.state_dict())
    assert weights_digest(one) == weights_digest(other) != weights_digest(nn.Sequential(one))
    assert count_parameters(one) == 9


def test_tensors_of_their_own():
    shared = torch.arange(6.0).view(2, 3)
    tensors = plain_tensors({"a": shared, "b": shared.T, "c": nn.Parameter(shared)}, of="Net")
    assert all(value.is_contiguous() and not value.requires_grad for value in tensors.values())
    tensors["a"].zero_()
    assert torch.equal(tensors["b"], shared.T)
    assert torch.equal(tensors["c"], shared)
