"""Finished runs of small students, trained once for all tests of what is done with them."""

from pathlib import Path

import pytest

from tutelage import run
from tutelage.config import load_config


@pytest.fixture(scope="session")
def digit_run(digits, tmp_path_factory) -> Path:
    """A small network of timm, taught by another, that tells digits apart."""
    folder = tmp_path_factory.mktemp("digit-run")
    student = {"source": "timm:test_resnet", "params": {"weights": "random", "image_size": 32}}
    teacher = {"source": "timm:test_vit", "params": {"weights": "random", "image_size": 32}}
    settings = {
        "data": {"source": f"folder:{digits}"},
        "teachers": [teacher],
        "student": student,
        "train": {"steps": 25, "batch_size": 20, "lr": 3e-3, "workers": 0, "device": "cpu"},
        "cache": {"dir": str(folder / "cache"), "workers": 0},
        "output": {"dir": str(folder / "run")},
    }
    run(load_config([settings]))
    return folder / "run"
