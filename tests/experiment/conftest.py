"""A small experiment: digits of 32 pixels, two teachers and a student of a few layers."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tutelage.config import ExperimentConfig


@pytest.fixture(scope="session")
def small_config(digits) -> ExperimentConfig:
    """The modules are in ``small_parts.py``; nothing is resized or normalized."""
    pixels = {"image_size": 32, "mean": [0, 0, 0], "std": [1, 1, 1]}
    return ExperimentConfig.model_validate(
        {
            "data": {"source": f"folder:{digits}"},
            "teachers": [
                {"source": "python:small_parts:wide", "name": "wide", "input": pixels},
                {"source": "python:small_parts:narrow", "name": "narrow", "input": pixels},
            ],
            "student": {"source": "python:small_parts:student", "input": pixels},
            "transfer": {"method": "aft", "beta": 2.0},
            "train": {"steps": 2, "batch_size": 12, "workers": 0, "device": "cpu"},
            "cache": {"workers": 0, "dtype": "float32"},
        }
    )


@pytest.fixture
def small(small_config, tmp_path) -> ExperimentConfig:
    """The same with folders of its own."""
    return small_config.replace({"cache.dir": tmp_path / "cache", "output.dir": tmp_path / "run"})
