"""Linear probes on frozen features: their scores on a task, and soft labels from them."""

from tutelage.probes.choice import HoldoutProbe, Probe, linear_probe, probe_holdout
from tutelage.probes.crossfit import cross_fitted
from tutelage.probes.draws import stratified_folds
from tutelage.probes.fit import LinearProbe, fit_probe
from tutelage.probes.learning_curve import CurvePoint, learning_curve

__all__ = [
    "CurvePoint",
    "HoldoutProbe",
    "LinearProbe",
    "Probe",
    "cross_fitted",
    "fit_probe",
    "learning_curve",
    "linear_probe",
    "probe_holdout",
    "stratified_folds",
]
