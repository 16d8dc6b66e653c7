"""Features behind weights that a checkpoint does not have are refused."""

import pytest
import torch
from torch import nn

from tutelage import FeatureTap
from tutelage.backbones.missing import refuse_random
from tutelage.errors import StudentError


def test_refuses_features_behind_random_weights():
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.Linear(8, 2))
    run = lambda: model(torch.ones(1, 4))  # noqa: E731
    tap = FeatureTap(model)
    with pytest.raises(StudentError, match="has none for 2;"):
        refuse_random(tap, ["2.weight", "2.bias", "3.weight"], run)
    refuse_random(tap, ["3.weight", "3.bias"], run)
    refuse_random(FeatureTap(model, "2"), ["2.weight", "3.weight"], run)
