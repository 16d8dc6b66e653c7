"""Stand-ins for models and data sets, so that an experiment runs offline on a CPU in seconds.

Each teacher and student becomes a small random model of its own family, each data set of the hub a few
generated rows with its columns and classes. They show that an experiment runs, and its numbers mean
nothing.
"""

from tutelage.tiny.experiment import tiny_experiment
from tutelage.tiny.transformers_models import Saver, is_saved, save_model

__all__ = ["Saver", "is_saved", "save_model", "tiny_experiment"]
