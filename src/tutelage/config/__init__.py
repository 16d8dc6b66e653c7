"""The settings of an experiment, from TOML, the command line or Python: one schema.

A pluggable part is a ``source`` or ``method`` string and ``params``; the constructor that the
string names is the schema of its params (see ``registry.bind``), so no option is declared twice.
"""

from tutelage.config.data import DataConfig
from tutelage.config.load import load_config, read_toml
from tutelage.config.models import (
    InputConfig,
    LoraSettings,
    StudentConfig,
    TeacherConfig,
    short_name,
)
from tutelage.config.schema import CacheConfig, ExperimentConfig, OutputConfig
from tutelage.config.study import StudyConfig, load_study
from tutelage.config.sweeps import CompareConfig, ComparedStudent, TuneConfig
from tutelage.config.training import TrainConfig, TransferConfig

__all__ = [
    "CacheConfig",
    "CompareConfig",
    "ComparedStudent",
    "DataConfig",
    "ExperimentConfig",
    "InputConfig",
    "LoraSettings",
    "OutputConfig",
    "StudentConfig",
    "StudyConfig",
    "TeacherConfig",
    "TrainConfig",
    "TransferConfig",
    "TuneConfig",
    "load_config",
    "load_study",
    "read_toml",
    "short_name",
]
