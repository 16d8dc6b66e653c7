"""A small model learns under the tutelage of foundation models.

The core needs PyTorch alone: ``AFTLoss``, ``kernel_distance``, ``FeatureTap``, ``Objective``. The
program around it, ``run`` with an ``ExperimentConfig``, is loaded when it is first used.
"""

from typing import TYPE_CHECKING, Any

from tutelage.objective import Objective, Terms
from tutelage.regularizers import AFTLoss, Regularizer, Standardized, kernel_distance
from tutelage.tap import FeatureTap

if TYPE_CHECKING:
    from tutelage.config import ExperimentConfig
    from tutelage.experiment.run import run
    from tutelage.recipes import recipe
    from tutelage.results.result import Result

__all__ = [
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
]

__version__ = "0.1.0"

_LATER = {
    "ExperimentConfig": "tutelage.config",
    "Result": "tutelage.results.result",
    "recipe": "tutelage.recipes",
    "run": "tutelage.experiment.run",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        from importlib import import_module

        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module 'tutelage' has no attribute {name!r}")
