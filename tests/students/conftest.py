"""Makes the small models of the teachers' tests importable; opens students of classes."""

import sys
import types
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "teachers"))

from tutelage.students import open_student


@pytest.fixture
def opened(monkeypatch):
    """Opens a student that a factory gives."""

    def open_it(factory):
        module = types.ModuleType("factories")
        module.make = factory
        monkeypatch.setitem(sys.modules, "factories", module)
        torch.manual_seed(0)
        return open_student(
            "python:factories:make",
            output_names=("a", "b", "c"),
            modality="image",
            model_input={"image_size": 8},
        )

    return open_it
