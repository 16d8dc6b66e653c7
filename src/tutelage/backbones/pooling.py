"""Pooling of token or patch states to one feature per row."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tutelage.errors import SourceError
from tutelage.tap import last_token

__all__ = ["POOLINGS", "Pooling", "SentenceModel", "masked_mean", "pool", "sentence_model"]

Pooling = Literal["mean", "cls", "last", "pooler"]
POOLINGS: tuple[Pooling, ...] = ("mean", "cls", "last", "pooler")


def pool(output: Any, mask: Int[Tensor, "batch tokens"] | None, *, how: Pooling) -> Tensor:
    """Pool the output of a transformers model without a head to one feature per row.

    Args:
        output: Output with ``last_hidden_state``: ``[batch, tokens, width]``, or a feature map.
        mask: 1 for tokens, 0 for padding; None if nothing is padded.
        how: ``"mean"`` over tokens or positions, the first token (``"cls"``), the last token that is
            not padding, or the output of the model's pooler.

    Raises:
        SourceError: If the output has no such feature.
    """
    if how == "pooler":
        pooled: Tensor | None = getattr(output, "pooler_output", None)
        if pooled is None:
            raise SourceError("this model has no pooler; choose pooling = 'mean', 'cls' or 'last'")
        return pooled.flatten(1)
    states: Tensor = output.last_hidden_state
    if states.ndim > 3:
        if how != "mean":
            raise SourceError(f"a map of places has no token for pooling = {how!r}; choose 'mean'")
        return states.flatten(2).mean(2)
    if how == "cls":
        return states[:, 0]
    return last_token(states, mask) if how == "last" else masked_mean(states, mask)


def masked_mean(
    states: Float[Tensor, "batch tokens width"], mask: Int[Tensor, "batch tokens"] | None
) -> Float[Tensor, "batch width"]:
    """Return the mean of each row over its tokens that are not padding.

    Half precision is summed in float32: a sum of float16 over a long text would be infinite.

    Example:
        >>> masked_mean(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[1, 1, 0]]))
        tensor([[2.]])
    """
    if mask is None:
        return states.mean(1)
    weights = mask[..., None].to(states.dtype)
    wide = torch.promote_types(states.dtype, torch.float32)
    total, tokens = (each.sum(1, dtype=wide) for each in (states * weights, weights))
    return (total / tokens).to(states.dtype)


@dataclass(frozen=True)
class SentenceModel:
    """Settings of a sentence-transformers model.

    Attributes:
        pooling: Pooling of the tokens.
        max_length: Maximum number of tokens; None if not stated.
        subfolder: Folder of the transformer within the model's folder.
    """

    pooling: Pooling
    max_length: int | None
    subfolder: str


def sentence_model(name: str, *, revision: str | None = None) -> SentenceModel | None:
    """Read ``modules.json`` and the files it names; return None for any other kind of model.

    Args:
        name: A folder, or a name on the hub.
        revision: Revision of the hub's repository.

    Raises:
        SourceError: If its pooling is not supported.
    """
    modules = _json(name, "modules.json", revision, kind=list)
    if modules is None:
        return None
    try:
        paths = {str(m["type"]).rpartition(".")[2]: str(m.get("path", "")) for m in modules}
    except (TypeError, KeyError) as error:
        raise SourceError(
            f"modules.json of {name} is not as sentence-transformers writes it: a list of modules "
            "with type and path; save the model again"
        ) from error
    if "Transformer" not in paths or "Pooling" not in paths:
        return None
    limits = f"{paths['Transformer']}/sentence_bert_config.json".lstrip("/")
    length = (_json(name, limits, revision, kind=dict) or {}).get("max_seq_length")
    settings = _json(name, f"{paths['Pooling']}/config.json", revision, kind=dict) or {}
    return SentenceModel(_pooling(settings, name), length, paths["Transformer"])


def _pooling(settings: dict[str, Any], name: str) -> Pooling:
    known: dict[str, Pooling] = {
        "pooling_mode_mean_tokens": "mean",
        "pooling_mode_cls_token": "cls",
        "pooling_mode_lasttoken": "last",
    }
    short: dict[str, Pooling] = {"mean": "mean", "cls": "cls", "lasttoken": "last"}
    if isinstance(mode := settings.get("pooling_mode"), str):
        if mode in short:
            return short[mode]
    else:
        chosen = [
            key for key, value in settings.items() if key.startswith("pooling_mode") and value
        ]
        if len(chosen) == 1 and chosen[0] in known:
            return known[chosen[0]]
    raise SourceError(
        f"the sentence model {name} pools in a way that is not supported; "
        "choose pooling = 'mean', 'cls' or 'last'"
    )


def _json(name: str, file: str, revision: str | None, *, kind: type) -> Any:
    from transformers.utils import cached_file

    path = Path(name).expanduser() / file
    if not Path(name).expanduser().is_dir():
        cached = cached_file(
            name,
            file,
            revision=revision,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
        if cached is None:
            return None
        path = Path(cached)
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, kind):
        raise SourceError(
            f"{path} holds a {type(content).__name__}; sentence-transformers writes a "
            f"{kind.__name__}: save the model again"
        )
    return content
