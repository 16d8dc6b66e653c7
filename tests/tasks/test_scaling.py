"""Targets brought to mean 0 and standard deviation 1, and back."""

import torch
from torch import nan

from tutelage.tasks import TargetScaling


def test_targets_come_back_in_their_units():
    labels = torch.tensor([[100.0, 5.0], [140.0, 5.0], [nan, 5.0]])
    scaling = TargetScaling.of(labels)
    assert scaling == TargetScaling(
        mean=(120.0, 5.0), std=(20.0, 1.0)
    )  # a constant one keeps its unit
    assert torch.equal(scaling.to_units(scaling.standardize(labels))[:2], labels[:2])
