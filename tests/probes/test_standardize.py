"""Standardized rows against the plain formula, held in memory or read again."""

import math

import pytest
import torch

from tutelage.cache.table import SelectedTable, as_table
from tutelage.errors import DataError
from tutelage.probes import standardize
from tutelage.probes.standardize import StandardizedRows

CPU = torch.device("cpu")


@pytest.fixture(params=[2**31, 0], ids=["held", "read again"])
def features(request, monkeypatch):
    """More rows than a block, with a constant column and one that is constant but for rounding."""
    monkeypatch.setattr(standardize, "HOLD_UP_TO", request.param)
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(1500, 5, generator=draw) * torch.tensor([1.0, 9.0, 0.01, 1.0, 1.0])
    features += torch.tensor([0.0, 4.0, -2.0, 0.0, 0.0])
    features[:, 3] = 7.0
    return features


def standardized(features, rows=None, weights=None):
    rows = torch.arange(len(features)) if rows is None else rows
    return StandardizedRows(SelectedTable(as_table(features), rows), weights=weights, device=CPU)


def plain(features, weights=None):
    columns = features.double()
    deviation = columns.std(dim=0, correction=0)
    deviation[deviation == 0] = 1
    z = (columns - columns.mean(dim=0)) / deviation
    return (z if weights is None else z * weights).float()


def test_columns_have_mean_0_and_deviation_1(features):
    found = torch.cat([block.clone() for block in standardized(features).blocks()])
    assert torch.allclose(found, plain(features), atol=1e-5)
    assert torch.equal(found[:, 3], torch.zeros(1500)), "a constant column becomes 0"


def test_weights_are_the_deviations(features):
    weights = torch.tensor([0.5, 2.0, 0.0, 1.0, 1.0])
    rows = standardized(features, weights=weights)
    found = torch.cat([block.clone() for block in rows.blocks()])
    assert torch.allclose(found, plain(features, weights), atol=1e-5)
    assert math.isinf(rows.scale[2])


def test_only_the_selected_rows_count(features):
    chosen = torch.arange(1499, -1, -3)
    rows = standardized(features, chosen)
    found = torch.cat([block.clone() for block in rows.blocks()])
    assert (len(rows), rows.width) == (500, 5)
    assert torch.allclose(found, plain(features[chosen]), atol=1e-5)


@pytest.mark.parametrize(("count", "expected"), [(3, [0, 500, 1000]), (9999, list(range(1500)))])
def test_a_sample_is_spread_over_all_rows(features, count, expected):
    sample = standardized(features).sample(count)
    assert torch.allclose(sample, plain(features)[expected], atol=1e-5)


def test_a_pass_may_be_repeated(features):
    rows = standardized(features)
    first = torch.cat([block.clone() for block in rows.blocks()])
    assert torch.equal(torch.cat([block.clone() for block in rows.blocks()]), first)


def test_a_column_that_varies_but_by_rounding_counts_as_constant():
    features = torch.full((10, 1), 1e9, dtype=torch.float64)
    features[3] += 0.1
    assert standardized(features).scale.item() == 1.0


@pytest.mark.parametrize("number", [torch.nan, torch.inf, -torch.inf])
def test_a_number_that_is_not_finite_is_named_by_row_and_column(features, number):
    features[1200, 2] = number
    chosen = torch.arange(1000, 1500)
    with pytest.raises(DataError, match=rf"row 1200 has {number} in column 2; extract them again"):
        standardized(features, chosen)


def test_the_given_features_stay_as_they_are(features):
    before = features.clone()
    list(standardized(features).blocks())
    assert torch.equal(features, before)


@pytest.mark.parametrize(("free", "held"), [(4 * 20 * 4, True), (4 * 20 * 4 - 1, False)])
def test_rows_are_held_up_to_a_quarter_of_the_free_memory(monkeypatch, free, held):
    monkeypatch.setattr(standardize, "free_memory", lambda: free)
    rows = standardized(torch.randn(4, 5, generator=torch.Generator().manual_seed(0)))
    assert bool(rows._held) == held
