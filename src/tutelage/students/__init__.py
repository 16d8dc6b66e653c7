"""Students: ordinary models, unchanged, with a tap on the input of their head."""

from tutelage.students.base import Student
from tutelage.students.build import PAIR_SCHEMES, SCHEMES, build_student, limit_training
from tutelage.students.scale import output_layer, unstandardise

__all__ = [
    "PAIR_SCHEMES",
    "SCHEMES",
    "Student",
    "build_student",
    "limit_training",
    "output_layer",
    "unstandardise",
]
