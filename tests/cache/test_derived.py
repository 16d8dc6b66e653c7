"""Derived tensors are computed once for each description."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
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


@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_file_is_computed_again(tmp_path: Path, how: str) -> None:
    derived(tmp_path, {}, compute=lambda: {"a": torch.ones(2)})
    (path,) = (tmp_path / ".derived").glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content[:20] if how == "cut" else content)
    tensors = derived(tmp_path, {}, compute=lambda: {"a": torch.zeros(2)})
    assert torch.equal(tensors["a"], torch.zeros(2))
    assert torch.equal(derived(tmp_path, {}, compute=dict)["a"], torch.zeros(2))
    assert list((tmp_path / ".derived").glob("*.*")) == [tmp_path / ".derived/.locks", path]


def test_a_file_without_a_digest_is_used_as_it_is(tmp_path: Path) -> None:
    derived(tmp_path, {}, compute=lambda: {"a": torch.ones(2)})
    (path,) = (tmp_path / ".derived").glob("*.safetensors")
    save_file({"a": torch.zeros(2)}, path)  # as version 0.1 wrote it
    assert torch.equal(derived(tmp_path, {}, compute=dict)["a"], torch.zeros(2))


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    derived(tmp_path, {}, compute=lambda: {"a": torch.ones(2)})
    (path,) = (tmp_path / ".derived").glob("*.safetensors")
    path.replace(path.with_name(f"{path.name}.1-ab.tmp"))
    derived(tmp_path, {}, compute=lambda: {"a": torch.ones(2)})
    assert list((tmp_path / ".derived").glob("*.tmp")) == []


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="cannot be written"):
        derived(tmp_path / "file", {}, compute=lambda: {"a": torch.ones(2)})


def test_a_stopped_process_that_computes_the_same_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_holder, once_told
) -> None:
    monkeypatch.setattr("tutelage.cache.derived.TOLD_AFTER", 0.2)
    derived(tmp_path, {}, compute=lambda: {"a": torch.zeros(2)})
    (cached,) = (tmp_path / ".derived").glob("*.safetensors")
    cached.unlink()
    path = tmp_path / ".derived" / ".locks" / f"{cached.name}.lock"
    holder, told = stopped_holder(path), []

    def end(line: str) -> None:
        told.append(line)
        holder.kill()

    once_told(end)
    tensors = derived(tmp_path, {}, compute=lambda: {"a": torch.ones(2)})
    assert torch.equal(tensors["a"], torch.ones(2))
    (line,) = told
    words = "waiting for another process that computes the same from features: it holds"
    assert line.startswith(f"{words} {path};")
