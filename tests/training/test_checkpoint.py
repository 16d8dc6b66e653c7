"""A checkpoint restores everything, and holds no pickle."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tutelage.errors import TrainingError
from tutelage.training.checkpoint import load_checkpoint, save_checkpoint


def trained(seed: int = 0) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    optimizer = torch.optim.Adam([{"params": model.parameters(), "lr": 0.1}])
    advance(model, optimizer)
    return model, optimizer


def advance(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[float]:
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = model(torch.randn(5, 3)).square().mean() + random.random() + np.random.rand()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_training_continues_bit_for_bit(tmp_path):
    model, optimizer = trained()
    path = tmp_path / "deep/checkpoint.safetensors"
    save_checkpoint(path, model, optimizers={"main": optimizer}, numbers={"step": 3, "note": "x"})
    expected = advance(model, optimizer)

    again, other = trained(seed=9)
    numbers = load_checkpoint(path, again, optimizers={"main": other})
    assert numbers == {"step": 3, "note": "x"}
    assert advance(again, other) == expected
    for left, right in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(left, right)
    assert load_file(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("spoil", ["cut", "other model", "not ours"])
def test_what_cannot_be_continued_is_named(tmp_path, spoil):
    model, optimizer = trained()
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, model, optimizers={"main": optimizer}, numbers={})
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif spoil == "not ours":
        from safetensors.torch import save_file

        save_file({"x": torch.ones(1)}, path)
    else:
        model = nn.Linear(2, 2)
    with pytest.raises(TrainingError, match="cannot continue from"):
        load_checkpoint(path, model, optimizers={"main": optimizer})


def test_a_full_disk_keeps_the_older_checkpoint(tmp_path):
    """In a process of its own, in which no file may grow beyond 2,000 bytes."""
    path = tmp_path / "checkpoint.safetensors"
    program = f"""
import resource, signal, torch
from pathlib import Path
from tutelage.training.checkpoint import save_checkpoint
from tutelage.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
small, large, path = torch.nn.Linear(2, 2), torch.nn.Linear(999, 99), Path({str(path)!r})
save_checkpoint(path, small, optimizers={{}}, numbers={{"step": 1}})
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    save_checkpoint(path, large, optimizers={{}}, numbers={{"step": 2}})
except OutputError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "free some space" in ended.stdout, ended.stderr
    assert load_checkpoint(path, nn.Linear(2, 2), optimizers={}) == {"step": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_of_other_weights_says_so(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, nn.Linear(2, 2), optimizers={}, numbers={})
    with pytest.raises(
        TrainingError, match=r"written by another version .*'bias' is unknown; remove"
    ):
        load_checkpoint(path, nn.Linear(2, 2, bias=False), optimizers={})
