"""Linear probe: how much of a task can be read off frozen features, and soft labels from it."""

from tutelage.probe.choice import HoldoutProbe, Probe, linear_probe, probe_holdout
from tutelage.probe.crossfit import cross_fitted
from tutelage.probe.draws import stratified_folds
from tutelage.probe.fit import LinearProbe, fit_probe

__all__ = [
    "HoldoutProbe",
    "LinearProbe",
    "Probe",
    "cross_fitted",
    "fit_probe",
    "linear_probe",
    "probe_holdout",
    "stratified_folds",
]
