"""Opening and checking of the teacher that a source string names."""

from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.data.base import Side, Split
from tutelage.registry import build, build_problems
from tutelage.teachers.base import Source
from tutelage.teachers.features import FeaturesSource

__all__ = ["LOOKED_UP", "TEACHERS", "open_teacher", "refuse_unmatched", "teacher_problems"]

TEACHERS = {
    "timm": "tutelage.teachers.timm:TimmSource",
    "hf": "tutelage.teachers.huggingface:HuggingFaceSource",
    "openclip": "tutelage.teachers.openclip:OpenClipSource",
    "onnx": "tutelage.teachers.onnx:OnnxSource",
    "features": "tutelage.teachers.features:FeaturesSource",
    "noise": "tutelage.teachers.noise:NoiseSource",
    "python": "tutelage.teachers.python:open_python",
}
CHECKS = {
    "timm": "tutelage.teachers.timm:mistakes",
    "hf": "tutelage.teachers.huggingface:mistakes",
    "openclip": "tutelage.teachers.openclip:mistakes",
    "onnx": "tutelage.teachers.onnx:mistakes",
    "features": "tutelage.teachers.features:mistakes",
    "noise": "tutelage.teachers.noise:mistakes",
}
"""Functions that check a name before anything is loaded."""
LOOKED_UP = ("features:", "noise:")
"""Beginnings of teachers that compute nothing of a row's content."""


def open_teacher(
    source: str,
    *,
    modality: Side,
    params: Mapping[str, Any] | None = None,
    model_input: Mapping[str, Any] | None = None,
) -> Source:
    """Open a teacher.

    Args:
        source: ``timm:NAME``, ``hf:NAME_OR_DIR``, ``openclip:ARCH/WEIGHTS``, ``onnx:FILE``,
            ``features:FILE``, ``noise:COLUMNS`` or ``python:module:factory``.
        modality: Modality of the rows.
        params: Options of the scheme (see its class); for ``python:``, those of the factory.
        model_input: Input of an ``onnx:`` or ``python:`` teacher.

    Raises:
        SourceError: If there is no such teacher, or it cannot take these rows.
        ConfigError: If the string or an option cannot be used.
    """
    given = {"modality": modality, "model_input": model_input}
    opened: Source = build(source, TEACHERS, given, params or {}, kind="teacher", where="teachers")
    return opened


def teacher_problems(
    source: str,
    *,
    modality: Side,
    params: Mapping[str, Any] | None = None,
    model_input: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return all mistakes in a teacher's string and options that can be found without loading it.

    Args:
        source: The teacher, as for ``open_teacher``.
        modality: Modality of the rows.
        params: Options of the scheme.
        model_input: Input of an ``onnx:`` or ``python:`` teacher.
    """
    given = {"modality": modality, "model_input": model_input}
    return build_problems(
        source, TEACHERS, given, params or {}, kind="teacher", where="teachers", checks=CHECKS
    )


def refuse_unmatched(
    source: str,
    *,
    modality: Side,
    params: Mapping[str, Any],
    splits: Sequence[Split],
    needed: Sequence[Split],
) -> None:
    """Refuse features of files that cannot be matched to the rows; other teachers are not opened.

    Args:
        source: The teacher, as for ``open_teacher``.
        modality: Modality of the rows.
        params: Options of the scheme.
        splits: All rows of every split of the data, and of its unlabelled source.
        needed: Rows whose features are needed.

    Raises:
        SourceError: If files cannot be read, rows have no features, or several may be theirs.
    """
    if source.startswith("features:"):
        teacher = open_teacher(source, modality=modality, params=params)
        assert isinstance(teacher, FeaturesSource)
        teacher.check(splits, needed=needed)
