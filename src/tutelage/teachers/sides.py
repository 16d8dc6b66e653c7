"""Which side of rows that are an image and a text a teacher reads."""

from collections.abc import Mapping
from typing import Any

from tutelage.backbones.families import EMBEDDING_MODELS, FAMILIES
from tutelage.backbones.pooling import sentence_model
from tutelage.backbones.transformers import load_config
from tutelage.data.base import Modality, Side
from tutelage.errors import ConfigError

__all__ = ["side_of"]


def side_of(
    source: str,
    *,
    rows: Modality,
    stated: Side | None = None,
    params: Mapping[str, Any] | None = None,
    model_input: Mapping[str, Any] | None = None,
) -> Side:
    """Return what a teacher reads: the rows' only modality; else as stated, or as it can only be.

    Args:
        source: As in ``open_teacher``.
        rows: What the rows are.
        stated: What the config says.
        params: Options of the source.
        model_input: How an own model's input looks.

    Raises:
        ConfigError: If the teacher may read both and the config does not say which.
        SourceError: If a model of transformers cannot be found.
    """
    if rows != "image+text":
        if stated is not None and stated != rows:
            raise ConfigError(
                f"teacher {source} has modality = {stated!r}, but the rows are {rows}s; leave it out"
            )
        return rows
    found = stated or _only(source, params or {}, model_input or {})
    if found is None:
        raise ConfigError(
            f"the rows are an image and a text each, and {source} may read either; set modality = 'image' or "
            "'text' for it (to use both sides of a model, list it twice, with a name each)"
        )
    return found


def _only(source: str, params: Mapping[str, Any], model_input: Mapping[str, Any]) -> Side | None:
    scheme, _, name = source.partition(":")
    if scheme == "timm":
        return "image"
    if (model_input.get("image_size") is None) != (model_input.get("tokenizer") is None):
        return "image" if model_input.get("image_size") is not None else "text"
    if scheme != "hf":
        return None
    revision = params.get("revision")
    if sentence_model(name, revision=revision) is not None:
        return "text"
    trusted = bool(params.get("trust_remote_code"))
    kind = load_config(name, revision=revision, trust_remote_code=trusted).model_type
    if kind in EMBEDDING_MODELS:
        return None
    return FAMILIES[kind].kind if kind in FAMILIES else None
