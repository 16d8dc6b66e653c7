"""The public surface, exactly, and what it costs to import."""

import pkgutil
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
        "auto",
        "card",
        "check",
        "compare",
        "export",
        "extract",
        "kernel_distance",
        "latency",
        "load",
        "probe",
        "push",
        "rank",
        "recipe",
        "run",
        "tune",
    }
    for name in tutelage.__all__:
        assert getattr(tutelage, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'kernel_distanse'"):
        tutelage.kernel_distanse  # noqa: B018
    assert set(tutelage.__all__) <= set(dir(tutelage))


def test_no_module_hides_a_public_name():
    """Importing a submodule would replace a function of the same name in the package."""
    modules = {module.name for module in pkgutil.iter_modules(tutelage.__path__)}
    assert not modules & set(tutelage.__all__)
    assert callable(tutelage.probe)
    assert callable(tutelage.compare)


def test_importing_the_package_loads_no_pytorch():
    program = "import sys, tutelage; print('torch' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "False"


def test_the_core_loads_pytorch_alone():
    program = (
        "import sys, tutelage; tutelage.AFTLoss, tutelage.FeatureTap, tutelage.Objective;"
        "heavy = {'timm', 'transformers', 'datasets', 'accelerate', 'pydantic', 'matplotlib', 'sklearn'};"
        "heavy.add('torch._dynamo');"
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"
