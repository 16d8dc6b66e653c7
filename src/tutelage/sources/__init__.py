"""Teachers: frozen functions from rows to vectors, one file a library."""

from collections.abc import Mapping
from typing import Any

from tutelage.datasets.base import Side
from tutelage.registry import build
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
    modality: Side,
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
    given = {"modality": modality, "model_input": model_input}
    opened: Source = build(source, SCHEMES, given, params or {}, kind="teacher", where="teachers")
    return opened
