"""Students: small models, unchanged, with a tap on what enters their head; one file a library."""

import inspect
from collections.abc import Mapping
from typing import Any

from tutelage.datasets import Modality
from tutelage.errors import ConfigError
from tutelage.registry import bind, import_object, split_scheme
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
    scheme, name = split_scheme(source, SCHEMES, kind="student")
    student = import_object(SCHEMES[scheme])
    if model_input is not None and "model_input" not in inspect.signature(student).parameters:
        raise ConfigError(
            f"{source} knows how its input looks; leave student.input out, which is for python: "
            "students (student.params has options such as image_size and max_length)"
        )
    given = {
        "name": name,
        "classes": classes,
        "modality": modality,
        "model_input": model_input,
        "tap": tap,
        "own_params": dict(params or {}),
    }
    # An own factory's signature, not ours, is the schema of its params.
    settings = {} if scheme == "python" else (params or {})
    built: Student = bind(student, given, settings, where="student.params")
    return built
