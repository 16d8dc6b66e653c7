"""Teachers: frozen functions from rows to vectors, one file a library."""

from tutelage.teachers.base import Encoder, Precomputed, Source
from tutelage.teachers.build import TEACHERS, open_teacher

__all__ = ["TEACHERS", "Encoder", "Precomputed", "Source", "open_teacher"]
