"""Students: small models, unchanged, with a tap on what enters their head; one file a library."""

from collections.abc import Mapping
from typing import Any

from tutelage.datasets import Modality
from tutelage.registry import build
from tutelage.students.base import Student

__all__ = ["SCHEMES", "Student", "build_student"]

SCHEMES = {
    "timm": "tutelage.students.timm:TimmStudent",
    "hf": "tutelage.students.huggingface:HuggingFaceStudent",
    "python": "tutelage.students.python:PythonStudent",
}


def build_student(
    source: str,
    *,
    classes: tuple[str, ...],
    modality: Modality,
    params: Mapping[str, Any] | None = None,
    model_input: Mapping[str, Any] | None = None,
    tap: str | None = None,
) -> Student:
    """Build the model that is to be trained, with a new head of one output a class.

    Args:
        source: ``timm:NAME``, ``hf:NAME_OR_DIR`` or ``python:module:factory``.
        classes: Names of the classes.
        modality: What the rows are.
        params: Options of the scheme (see its class).
        model_input: How an own model's input looks.
        tap: Path of the layer whose input are the features; found by itself where not given.

    Raises:
        StudentError: If there is no such model, or it cannot take these rows.
        ConfigError: If the string or an option cannot be used.
    """
    given = {"classes": classes, "modality": modality, "model_input": model_input, "tap": tap}
    built: Student = build(source, SCHEMES, given, params or {}, kind="student", where="student")
    return built
