"""The public surface, exactly, and what it costs to import."""

import subprocess
import sys

import pytest

import tutelage


def test_public_names():
    assert set(tutelage.__all__) == {
        "AFTLoss",
        "ExperimentConfig",
        "FeatureTap",
        "Objective",
        "Regularizer",
        "Result",
        "Standardized",
        "Terms",
        "__version__",
        "kernel_distance",
        "recipe",
        "run",
    }
    for name in tutelage.__all__:
        assert getattr(tutelage, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'kernel_distanse'"):
        tutelage.kernel_distanse  # noqa: B018


def test_the_core_loads_pytorch_alone():
    program = (
        "import sys, tutelage; tutelage.AFTLoss, tutelage.FeatureTap, tutelage.Objective;"
        "heavy = {'timm', 'transformers', 'datasets', 'accelerate', 'pydantic', 'matplotlib', 'sklearn'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
