"""Teachers: frozen functions from rows to vectors, one file a library."""

from tutelage.teachers.base import Encoder, Precomputed, Source
from tutelage.teachers.build import SCHEMES, open_teacher

__all__ = ["SCHEMES", "Encoder", "Precomputed", "Source", "open_teacher"]
