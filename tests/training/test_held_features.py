"""Features held on a device are those of the cache, and are held only where they fit."""

import pytest
import torch

from tutelage.cache.table import as_table, concat
from tutelage.errors import ConfigError
from tutelage.training import held_features
from tutelage.training.held_features import hold_features

CPU = torch.device("cpu")


def test_all_rows_in_the_precision_of_the_table(monkeypatch):
    monkeypatch.setattr(held_features, "BLOCK_ROWS", 7)
    table = concat([as_table(torch.randn(20, 3).half()), as_table(torch.randn(9, 3))])
    held = hold_features(table, True, device=CPU)
    rows = torch.randperm(29)
    assert held.features["features"].dtype == torch.float32
    assert torch.equal(held.gather(rows)["features"], table.gather(rows)["features"])


def test_automatically_on_cuda_where_they_take_a_quarter_of_free_memory(monkeypatch):
    table = as_table(torch.ones(10, 8).half())
    assert hold_features(table, "auto", device=CPU) is None
    assert hold_features(table, False, device=CPU) is None
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (4 * 160 - 1, 10**9))
    assert hold_features(table, "auto", device=torch.device("cuda")) is None


def test_features_that_do_not_fit_are_refused(monkeypatch):
    monkeypatch.setattr(held_features, "free_memory", lambda: 159)
    table = as_table(torch.ones(10, 8).half())
    with pytest.raises(
        ConfigError, match=r"features of 10 rows take 160 B, and 159 B of the memory"
    ):
        hold_features(table, True, device=CPU)
