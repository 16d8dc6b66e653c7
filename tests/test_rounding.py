"""Columns that vary by rounding alone, wherever features are standardized."""

import pytest
import torch

from tutelage import AFTLoss
from tutelage.cache.statistics import RunningMoments
from tutelage.cache.table import select
from tutelage.probes.standardize import StandardizedRows
from tutelage.regularizers import Standardized
from tutelage.rounding import varies_by_rounding


class Rows:
    """A table of one teacher's features in memory."""

    def __init__(self, features: torch.Tensor) -> None:
        self.features = features
        self.widths = {"t": features.shape[1]}

    def __len__(self) -> int:
        return len(self.features)

    def gather(self, indices: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"t": self.features[indices]}


@pytest.fixture
def features() -> torch.Tensor:
    """Four ordinary columns, and four that are 0.3 but for the last bit of float32."""
    draw = torch.Generator().manual_seed(0)
    ordinary = torch.randn(64, 4, generator=draw) * torch.tensor([1.0, 1e-6, 1e3, 1e-2])
    ordinary += torch.tensor([0.0, 0.0, 50.0, 10.0])
    flipped = torch.rand(64, 4, generator=draw) < 0.3
    level = torch.tensor(0.3)
    return torch.cat([ordinary, torch.where(flipped, level.nextafter(torch.tensor(1.0)), level)], 1)


def moments(features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    counted = RunningMoments(features.shape[1])
    counted.update(features)
    return torch.from_numpy(counted.mean), torch.from_numpy(counted.std)


def test_which_columns(features):
    assert varies_by_rounding(*moments(features)).tolist() == [False] * 4 + [True] * 4


def test_no_standardization_turns_rounding_into_a_signal(features):
    mean, std = moments(features)
    method = Standardized(AFTLoss(2, {"t": 8}), {"t": mean}, std={"t": std})
    of_the_method = method.standardized({"t": features})["t"]
    table = select(Rows(features), torch.arange(64))
    (of_a_probe,) = StandardizedRows(table, weights=None, device=torch.device("cpu")).blocks()
    expected = (features[:, :4] - mean[:4].float()) * (1 / std[:4]).float()
    assert torch.equal(of_the_method[:, :4], expected), "ordinary columns change no bit"
    torch.testing.assert_close(of_a_probe[:, :4], expected)
    assert not of_the_method[:, 4:].any()
    assert of_a_probe[:, 4:].abs().max() < 1e-6
