"""Teachers: frozen functions from rows to vectors, one file a library."""

import inspect
from collections.abc import Mapping
from typing import Any

from tutelage.datasets.base import Modality
from tutelage.errors import ConfigError
from tutelage.registry import bind, import_object, split_scheme
from tutelage.sources.base import Encoder, Precomputed, Source

__all__ = ["SCHEMES", "Encoder", "Precomputed", "Source", "open_teacher"]

SCHEMES = {
    "timm": "tutelage.sources.timm:TimmSource",
    "hf": "tutelage.sources.huggingface:HuggingFaceSource",
    "openclip": "tutelage.sources.openclip:OpenClipSource",
    "onnx": "tutelage.sources.onnx:OnnxSource",
    "features": "tutelage.sources.features:FeaturesSource",
    "python": "tutelage.sources.python:open_python",
}


def open_teacher(
    source: str,
    *,
    modality: Modality,
    params: Mapping[str, Any] | None = None,
    model_input: Mapping[str, Any] | None = None,
) -> Source:
    """Open a teacher.

    Args:
        source: ``timm:NAME``, ``hf:NAME_OR_DIR``, ``openclip:ARCH/WEIGHTS``, ``onnx:FILE``,
            ``features:FILE`` or ``python:module:factory``.
        modality: What the rows are.
        params: Options of the scheme (see its class); of ``python:``, the factory's own.
        model_input: How the input of an ``onnx:`` or ``python:`` teacher looks.

    Raises:
        SourceError: If there is no such teacher, or it cannot take these rows.
        ConfigError: If the string or an option cannot be used.
    """
    scheme, name = split_scheme(source, SCHEMES, kind="teacher")
    teacher = import_object(SCHEMES[scheme])
    if model_input is not None and "model_input" not in inspect.signature(teacher).parameters:
        raise ConfigError(
            f"{source} knows how its input looks; leave teachers.input out, which is for onnx: "
            "and python: teachers"
        )
    given = {
        "name": name,
        "modality": modality,
        "model_input": model_input,
        "own_params": dict(params or {}),
    }
    # An own factory's signature, not ours, is the schema of its params.
    settings = {} if scheme == "python" else (params or {})
    opened: Source = bind(teacher, given, settings, where="teachers.params")
    return opened
