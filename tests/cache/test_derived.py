"""Derived tensors are computed once for each description."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tutelage.cache.derived import derived
from tutelage.errors import CacheError


def test_computed_once_for_each_description(tmp_path: Path) -> None:
    calls: list[float] = []

    def compute(value: float) -> dict[str, Tensor]:
        calls.append(value)
        return {"a": torch.full((2, 3), value).T, "b": torch.tensor(value)}

    for about, value in (({"x": 1, "y": 2}, 1.0), ({"y": 2, "x": 1}, 9.0), ({"x": 1}, 2.0)):
        tensors = derived(tmp_path, about, compute=lambda value=value: compute(value))
        assert set(tensors) == {"a", "b"}
    assert calls == [1.0, 2.0]
    again = derived(tmp_path, {"x": 1, "y": 2}, compute=lambda: compute(3.0))
    assert torch.equal(again["a"], torch.ones(3, 2))


def test_a_damaged_file_is_computed_again(tmp_path: Path) -> None:
    derived(tmp_path, {}, compute=lambda: {"a": torch.ones(2)})
    (path,) = (tmp_path / ".derived").iterdir()
    path.write_bytes(path.read_bytes()[:20])
    tensors = derived(tmp_path, {}, compute=lambda: {"a": torch.zeros(2)})
    assert torch.equal(tensors["a"], torch.zeros(2))
    assert torch.equal(derived(tmp_path, {}, compute=dict)["a"], torch.zeros(2))
    assert list((tmp_path / ".derived").iterdir()) == [path]


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="cannot be written"):
        derived(tmp_path / "file", {}, compute=lambda: {"a": torch.ones(2)})
