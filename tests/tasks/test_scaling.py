"""Targets brought to mean 0 and standard deviation 1, and back."""

import pytest
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


@pytest.mark.parametrize("rows", [3, 7, 1000])
def test_equal_targets_whose_mean_is_rounded_keep_their_unit(rows):
    """0.1 three times has a computed mean of 0.10000000000000002."""
    labels = torch.full((rows, 1), 0.1, dtype=torch.float64)
    assert TargetScaling.of(labels).std == (1.0,)
    assert TargetScaling.of(labels).standardize(labels).abs().max() < 1e-12
