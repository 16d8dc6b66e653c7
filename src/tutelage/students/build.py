"""Build the student that a source string names, and limit what of it is trained."""

import re
from collections.abc import Mapping
from typing import Any

from tutelage.data import Modality
from tutelage.errors import ConfigError, StudentError
from tutelage.registry import build, build_problems
from tutelage.students.backbone import freeze_backbone
from tutelage.students.base import Student
from tutelage.tasks import Kind

__all__ = ["PAIR_SCHEMES", "SCHEMES", "build_student", "limit_training", "student_problems"]

SCHEMES = {
    "timm": "tutelage.students.timm:TimmStudent",
    "hf": "tutelage.students.huggingface:HuggingFaceStudent",
    "python": "tutelage.students.python:PythonStudent",
}
PAIR_SCHEMES = {
    "hf": "tutelage.students.clip:clip_student",
    "openclip": "tutelage.students.openclip:openclip_student",
    "python": "tutelage.students.python:PythonStudent",
}
"""For rows that are an image and a text, beside two models of ``SCHEMES`` joined by ``+``."""


def build_student(
    source: str,
    *,
    output_names: tuple[str, ...],
    task: Kind = "single-label",
    modality: Modality,
    params: Mapping[str, Any] | None = None,
    model_input: Mapping[str, Any] | None = None,
    tap: str | None = None,
) -> Student:
    """Build the model that is to be trained, with a new head of one output a class, label or target.

    Args:
        source: ``timm:NAME``, ``hf:NAME_OR_DIR`` or ``python:module:factory``. For rows that are an
            image and a text ``hf:`` or ``openclip:`` with a CLIP-like model, ``python:``, or a model
            of images and one of texts: ``timm:NAME+hf:NAME``.
        output_names: Names of the outputs: classes, labels or regression targets.
        task: What outputs mean; saved with the model where its library has a place for that.
        modality: What the rows are.
        params: Options of the scheme (see its class); of two models, ``image`` and ``text`` with the
            options of each.
        model_input: How an own model's input looks.
        tap: Path of the layer whose input are the features; found by itself where not given.

    Raises:
        StudentError: If there is no such model, or it cannot take these rows.
        ConfigError: If the string or an option cannot be used.
    """
    given = {
        "output_names": output_names,
        "task": task,
        "modality": modality,
        "model_input": model_input,
        "tap": tap,
    }
    schemes = SCHEMES if modality != "image+text" else PAIR_SCHEMES
    if joined := _JOINED.split(source)[1:]:
        return _joined(source, joined, given, params or {})
    if modality == "image+text" and source.partition(":")[0] == "timm":
        raise StudentError(
            f"{source} reads images, but the rows are an image and a text each; add a model of texts "
            f"('{source}+hf:NAME'), or choose a CLIP-like model by hf: or openclip:"
        )
    built: Student = build(source, schemes, given, params or {}, kind="student", where="student")
    return built


_JOINED = re.compile(r"^(\w+:.+?)\s*\+\s*(?=(?:timm|hf|python|openclip):)")


def _joined(
    source: str, parts: list[str], given: Mapping[str, Any], params: Mapping[str, Any]
) -> Student:
    from tutelage.students.joining import join_towers
    from tutelage.students.pair import PairStudent

    if given["modality"] != "image+text":
        raise StudentError(
            f"{source} is a model of images and one of texts, but the rows are {given['modality']}s; "
            "set data.image and data.text, or give one model"
        )
    if given["tap"] is not None:
        raise ConfigError(
            "student.tap is for one model; the features of two are what their own heads would read"
        )
    if unknown := [name for name in params if name not in ("image", "text")]:
        raise ConfigError(
            f"unknown student.params.{unknown[0]}: of two models, options stand in "
            "student.params.image and student.params.text"
        )
    image, text = parts
    towers = join_towers(image, text, params=params, model_input=given["model_input"])
    return PairStudent(towers, output_names=given["output_names"])


def student_problems(
    source: str,
    *,
    modality: Modality,
    params: Mapping[str, Any] | None = None,
    model_input: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return the mistakes in a student's string and options that need no weights to be told.

    Two models joined by ``+`` are looked at when they are built.

    Args:
        source: The student, as for ``build_student``.
        modality: What the rows are.
        params: Options of the scheme.
        model_input: How the input of a ``python:`` student looks.
    """
    if _JOINED.split(source)[1:]:
        return []
    names = ("output_names", "task", "modality", "model_input", "tap")
    given = dict.fromkeys(names) | {"model_input": model_input}
    return build_problems(
        source,
        SCHEMES if modality != "image+text" else PAIR_SCHEMES,
        given,
        params or {},
        kind="student",
        where="student",
        to_factory=("num_classes",),
    )


def limit_training(
    student: Student, *, frozen: bool = False, lora: Mapping[str, Any] | None = None
) -> Student:
    """Return the student with less of it to train, as far as that is asked for.

    Args:
        student: Is changed in place.
        frozen: Train the head alone.
        lora: Train the head and low-rank updates with these settings of ``LoraStudent``.

    Raises:
        MissingExtraError: If peft is asked for and not installed.
        ConfigError: If no layer fits.
    """
    if frozen:
        freeze_backbone(student)
    if lora is None:
        return student
    from tutelage.students.lora import LoraStudent

    return LoraStudent(student, **lora)
