"""Students: ordinary models, unchanged, with a tap on the input of their head."""

from tutelage.students.backbone import trains_features
from tutelage.students.base import Student
from tutelage.students.build import PAIR_STUDENTS, STUDENTS, limit_training, open_student
from tutelage.students.checkpointing import checkpoint_activations
from tutelage.students.memory_format import in_memory_format
from tutelage.students.saved import open_saved
from tutelage.students.target_scaling import fold_target_scaling, output_layer
from tutelage.students.trial import as_in_training, try_rows, try_saving

__all__ = [
    "PAIR_STUDENTS",
    "STUDENTS",
    "Student",
    "as_in_training",
    "checkpoint_activations",
    "fold_target_scaling",
    "in_memory_format",
    "limit_training",
    "open_saved",
    "open_student",
    "output_layer",
    "trains_features",
    "try_rows",
    "try_saving",
]
