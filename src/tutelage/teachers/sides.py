"""Choice of the modality that a teacher reads of rows with an image and a text."""

from collections.abc import Mapping
from typing import Any

from tutelage.backbones.families import EMBEDDING_MODELS, FAMILIES
from tutelage.backbones.model_config import load_model_config
from tutelage.backbones.pooling import sentence_model
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
    """Return the modality that a teacher reads: that of the rows, else as stated or inferred.

    Args:
        source: As in ``open_teacher``.
        rows: Modality of the rows.
        stated: Modality stated in the config.
        params: Options of the source.
        model_input: Input of the model, for models that do not define it.

    Raises:
        ConfigError: If the teacher may read both and the config does not say which.
        SourceError: If a model of transformers cannot be found.
    """
    if rows != "image+text":
        if stated is not None and stated != rows:
            raise ConfigError(
                f"teacher {source} has modality = {stated!r}, but the rows are {rows}s; remove it"
            )
        return rows
    side = stated or _inferred(source, params or {}, model_input or {})
    if side is None:
        raise ConfigError(
            f"the rows are an image and a text each, and {source} may read either; set modality = 'image' or "
            "'text' for it (to use both sides of a model, list it twice, with a name each)"
        )
    return side


def _inferred(
    source: str, params: Mapping[str, Any], model_input: Mapping[str, Any]
) -> Side | None:
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
    kind = load_model_config(
        name,
        revision=revision,
        trust_remote_code=trusted,
        model_type=params.get("model_type"),
    ).model_type
    if kind in EMBEDDING_MODELS:
        return None
    return FAMILIES[kind].kind if kind in FAMILIES else None
