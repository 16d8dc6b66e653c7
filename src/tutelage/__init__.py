"""Train a small model with help from large, frozen foundation models.

The core needs PyTorch alone: ``AFTLoss``, ``kernel_distance``, ``FeatureTap``, ``Objective``.
Every name is loaded when it is first used, so ``import tutelage`` itself loads nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tutelage.config import ExperimentConfig
    from tutelage.deploy.export import export
    from tutelage.deploy.latency import latency
    from tutelage.deploy.predict import load
    from tutelage.experiment.check import check
    from tutelage.experiment.extract import extract
    from tutelage.experiment.probe import probe
    from tutelage.experiment.run import run
    from tutelage.objective import Objective, Terms
    from tutelage.publish.card import card
    from tutelage.publish.push import push
    from tutelage.recipes import recipe
    from tutelage.regularizers import AFTLoss, Regularizer, Standardized, kernel_distance
    from tutelage.results.result import Result
    from tutelage.sweeps.auto import auto
    from tutelage.sweeps.compare import compare
    from tutelage.sweeps.rank import rank
    from tutelage.sweeps.tune import tune
    from tutelage.tap import FeatureTap

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
]

__version__ = "0.1.0"

_HOMES = {
    "AFTLoss": "tutelage.regularizers",
    "ExperimentConfig": "tutelage.config",
    "FeatureTap": "tutelage.tap",
    "Objective": "tutelage.objective",
    "Regularizer": "tutelage.regularizers",
    "Result": "tutelage.results.result",
    "Standardized": "tutelage.regularizers",
    "Terms": "tutelage.objective",
    "auto": "tutelage.sweeps.auto",
    "card": "tutelage.publish.card",
    "check": "tutelage.experiment.check",
    "compare": "tutelage.sweeps.compare",
    "export": "tutelage.deploy.export",
    "extract": "tutelage.experiment.extract",
    "kernel_distance": "tutelage.regularizers",
    "latency": "tutelage.deploy.latency",
    "load": "tutelage.deploy.predict",
    "probe": "tutelage.experiment.probe",
    "push": "tutelage.publish.push",
    "rank": "tutelage.sweeps.rank",
    "recipe": "tutelage.recipes",
    "run": "tutelage.experiment.run",
    "tune": "tutelage.sweeps.tune",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tutelage' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
