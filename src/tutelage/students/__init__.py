"""Students: ordinary models, unchanged, with a tap on the input of their head."""

from tutelage.students.base import Student
from tutelage.students.build import PAIR_STUDENTS, STUDENTS, build_student, limit_training
from tutelage.students.target_scaling import fold_target_scaling, output_layer

__all__ = [
    "PAIR_STUDENTS",
    "STUDENTS",
    "Student",
    "build_student",
    "fold_target_scaling",
    "limit_training",
    "output_layer",
]
