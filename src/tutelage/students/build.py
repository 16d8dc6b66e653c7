"""Building and checking of the student that a source string names, and limits of its training."""

import re
from collections.abc import Mapping
from typing import Any

from tutelage.data import Modality
from tutelage.errors import ConfigError, StudentError
from tutelage.registry import build, build_problems
from tutelage.students.backbone import freeze_backbone
from tutelage.students.base import Student
from tutelage.tasks import Kind

__all__ = [
    "PAIR_STUDENTS",
    "STUDENTS",
    "limit_training",
    "open_student",
    "student_problems",
    "two_towers",
]

STUDENTS = {
    "timm": "tutelage.students.timm:TimmStudent",
    "hf": "tutelage.students.huggingface:HuggingFaceStudent",
    "python": "tutelage.students.python:PythonStudent",
}
PAIR_STUDENTS = {
    "hf": "tutelage.students.clip:clip_student",
    "openclip": "tutelage.students.openclip:openclip_student",
    "python": "tutelage.students.python:PythonStudent",
}
"""For rows that are an image and a text; two models joined by ``+`` are the alternative."""
CHECKS = {
    "timm": "tutelage.students.timm:mistakes",
    "hf": "tutelage.students.huggingface:mistakes",
    "python": "tutelage.students.python:mistakes",
}
PAIR_CHECKS = {
    "hf": "tutelage.students.clip:mistakes",
    "openclip": "tutelage.students.openclip:mistakes",
    "python": "tutelage.students.python:mistakes",
}
"""Functions that check a name before anything is loaded."""


def open_student(
    source: str,
    *,
    output_names: tuple[str, ...],
    task: Kind = "single-label",
    modality: Modality,
    params: Mapping[str, Any] | None = None,
    model_input: Mapping[str, Any] | None = None,
    tap: str | None = None,
) -> Student:
    """Build a student with a new head of one output per class, label or target.

    Args:
        source: ``timm:NAME``, ``hf:NAME_OR_DIR`` or ``python:module:factory``. For rows that are an
            image and a text ``hf:`` or ``openclip:`` with a CLIP-like model, ``python:``, or a model
            of images and one of texts: ``timm:NAME+hf:NAME``.
        output_names: Names of the outputs: classes, labels or regression targets.
        task: Kind of task; saved with the model if its library has a field for it.
        modality: Modality of the rows.
        params: Options of the scheme (see its class); of two models, ``image`` and ``text`` with the
            options of each.
        model_input: Input of a ``python:`` model.
        tap: Path of the layer whose input are the features; detected by default.

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
    if joined := two_towers(source):
        return _joined(source, joined, given, params or {})
    if mistake := _timm_alone(source, modality):
        raise StudentError(mistake)
    schemes = STUDENTS if modality != "image+text" else PAIR_STUDENTS
    built: Student = build(source, schemes, given, params or {}, kind="student", where="student")
    return built


def student_problems(
    source: str,
    *,
    modality: Modality,
    params: Mapping[str, Any] | None = None,
    model_input: Mapping[str, Any] | None = None,
    tap: str | None = None,
) -> list[str]:
    """Return all mistakes in a student's string and options that can be found without loading it.

    Args:
        source: The student, as for ``open_student``.
        modality: Modality of the rows.
        params: Options of the scheme; of two models, ``image`` and ``text`` with the options of each.
        model_input: Input of a ``python:`` student.
        tap: Path of the layer whose input are the features.
    """
    if joined := two_towers(source):
        return _joined_problems(source, joined, modality, params or {}, model_input, tap)
    if mistake := _timm_alone(source, modality):
        return [mistake]
    pair = modality == "image+text"
    names = ("output_names", "task", "modality", "model_input", "tap")
    return build_problems(
        source,
        PAIR_STUDENTS if pair else STUDENTS,
        {**dict.fromkeys(names), "modality": modality, "model_input": model_input},
        params or {},
        kind="student",
        where="student",
        checks=PAIR_CHECKS if pair else CHECKS,
        to_factory=("num_classes",),
    )


_JOINED = re.compile(r"^(\w+:.+?)\s*\+\s*(?=(?:timm|hf|python|openclip):)")


def two_towers(source: str) -> list[str]:
    """Return the models of images and of texts that ``+`` joins; none if it is one model.

    Example:
        >>> two_towers("timm:resnet18 + hf:bert"), two_towers("timm:resnet18")
        (['timm:resnet18', 'hf:bert'], [])
    """
    return _JOINED.split(source)[1:]


def _timm_alone(source: str, modality: Modality) -> str | None:
    if modality != "image+text" or source.partition(":")[0] != "timm":
        return None
    return (
        f"{source} reads images, but the rows are an image and a text each; add a model of texts "
        f"('{source}+hf:NAME'), or choose a CLIP-like model by hf: or openclip:"
    )


def _joined(
    source: str, parts: list[str], given: Mapping[str, Any], params: Mapping[str, Any]
) -> Student:
    from tutelage.students.joining import join_towers
    from tutelage.students.pair import PairStudent

    if given["modality"] != "image+text":
        raise StudentError(_one_modality(source, given["modality"]))
    for mistake in _joined_options(params, given["tap"]):
        raise ConfigError(mistake)
    image, text = parts
    towers = join_towers(image, text, params=params, model_input=given["model_input"])
    return PairStudent(towers, output_names=given["output_names"])


def _joined_problems(
    source: str,
    parts: list[str],
    modality: Modality,
    params: Mapping[str, Any],
    model_input: Mapping[str, Any] | None,
    tap: str | None,
) -> list[str]:
    from tutelage.students.joining import SIDES, TOWERS, tower_given

    if modality != "image+text":
        return [_one_modality(source, modality)]
    mistakes = _joined_options(params, tap)
    for side, tower in zip(SIDES, parts, strict=True):
        options = params.get(side, {})
        if not isinstance(options, Mapping):
            mistakes.append(f"student.params.{side} = {options!r} is not a table of options")
            continue
        mistakes += build_problems(
            tower,
            TOWERS,
            tower_given(tower, side=side, model_input=model_input),
            options,
            kind=f"{side} tower",
            where="student",
            params_at=f"student.params.{side}",
            checks=CHECKS,
            to_factory=("num_classes",),
        )
    return mistakes


def _one_modality(source: str, modality: Modality) -> str:
    return (
        f"{source} is a model of images and one of texts, but the rows are {modality}s; "
        "set data.image and data.text, or give one model"
    )


def _joined_options(params: Mapping[str, Any], tap: str | None) -> list[str]:
    mistakes = [
        f"unknown student.params.{name}: for two models, options belong in "
        "student.params.image and student.params.text"
        for name in params
        if name not in ("image", "text")
    ]
    if tap is not None:
        mistakes.append(
            "student.tap is for one model; the features of two are the inputs of their heads"
        )
    return mistakes


def limit_training(
    student: Student, *, frozen: bool = False, lora: Mapping[str, Any] | None = None
) -> Student:
    """Return the student with its training limited to the head, or to the head and LoRA updates.

    Args:
        student: The student; it is changed in place.
        frozen: Train only the head.
        lora: Train the head and low-rank updates with these settings of ``LoraStudent``.

    Raises:
        MissingExtraError: If peft is needed and not installed.
        ConfigError: If no layer fits.
    """
    if frozen:
        freeze_backbone(student)
    if lora is None:
        return student
    from tutelage.students.lora import LoraStudent

    return LoraStudent(student, **lora)
