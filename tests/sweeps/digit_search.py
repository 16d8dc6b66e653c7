"""A search on digits that takes a second, and what it leaves; several tests share it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tutelage.config import DataConfig, ExperimentConfig, load_config
from tutelage.data import read_data
from tutelage.sweeps.estimates import SweepEstimate

STUDENT = """
from torch import nn

def small(num_classes: int):
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, num_classes))
"""


def search_table(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A student of one layer under a teacher that sees each digit's pixels."""
    source = f"folder:{digits}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "one_layer.py").write_text(STUDENT)
    for name, split in read_data(DataConfig(source=source)).splits.items():
        rows = [np.asarray(row.convert("L").resize((8, 8))) for row in split.rows]
        np.save(f"pixels_{name}.npy", np.stack(rows).reshape(len(rows), -1) / 255.0)
    pixels = {"image_size": 32, "mean": [0, 0, 0], "std": [1, 1, 1]}
    return {
        "data": {"source": source, "holdout": 0.3},
        "teachers": [{"source": "features:pixels_{split}.npy", "name": "pixels"}],
        "student": {"source": "python:one_layer:small", "input": pixels},
        "train": {"steps": 2, "batch_size": 12, "device": "cpu", "workers": 0, "inputs": "memory"},
        "tune": {"beta": [1.0, 10.0]},
        "cache": {"dir": str(tmp_path / "cache")},
        "output": {"dir": str(tmp_path / "out")},
    }


def with_(config: dict[str, Any], *assignments: str) -> ExperimentConfig:
    return load_config([config], assignments=assignments)


def counts(expected: SweepEstimate) -> dict[str, int]:
    assert all(one.seconds > 0 for one in expected.runs)
    return {one.name: one.count for one in expected.runs}


def files(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """All files with their times and contents."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def runs_of(work: Callable[[], object], folder: Path) -> int:
    """How many runs are trained meanwhile, those that fail included: each writes its settings first."""

    def begun() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in folder.rglob("config.toml")}

    before = begun()
    work()
    return sum(written != before.get(path) for path, written in begun().items())
