"""Levels and histograms of learned weights against plain Python."""

import math
import statistics

import pytest
import torch

from tutelage.results.learned_weights import BINS, histograms, weight_levels


def test_level_is_the_mean_over_seeds_with_its_error():
    seeds = [torch.rand(25, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    level = weight_levels([{"t": rho} for rho in seeds])["t"]
    means = [statistics.fmean(rho.tolist()) for rho in seeds]
    tops = []
    for rho in seeds:
        energy = sorted((value**2 for value in rho.tolist()), reverse=True)
        tops.append(sum(energy[:3]) / sum(energy))
    for found, values in ((level.mean, means), (level.top, tops)):
        assert found is not None
        assert found.mean == pytest.approx(statistics.fmean(values), rel=1e-6)
        assert found.error == pytest.approx(statistics.stdev(values) / math.sqrt(3), rel=1e-5)


def test_teachers_are_those_whose_weights_were_learned():
    runs = [{"t": torch.tensor([0.1, 0.9]), "same": torch.full((2,), 0.5), "dense": torch.eye(2)}]
    assert set(weight_levels(runs)) == set(histograms(runs)) == {"t"}
    shares = histograms(runs)["t"]
    assert [number for number, share in enumerate(shares) if share] == [
        int(0.1 * BINS),
        int(0.9 * BINS),
    ]
    assert sum(shares) == pytest.approx(1)
    assert weight_levels([]) == {}
