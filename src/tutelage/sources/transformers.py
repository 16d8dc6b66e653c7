"""Loading models of transformers, for teachers and students alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from tutelage.errors import SourceError
from tutelage.families import FAMILIES, Family

__all__ = [
    "Loaded",
    "family_of",
    "load_classifier",
    "load_config",
    "load_encoder",
    "position_limit",
]


@dataclass(frozen=True)
class Loaded:
    """A model, and the names of weights that its checkpoint did not have."""

    model: nn.Module
    missing: frozenset[str]


def load_config(name: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Any:
    """Load a model's config from a folder or by its name on the hub.

    Raises:
        SourceError: If there is none.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(
            _place(name), revision=revision or "main", trust_remote_code=trust_remote_code
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise SourceError(_cannot_load(name, error)) from error


def family_of(config: Any, *, name: str, kind: str) -> Family:
    """Return where the features of a model for classification are.

    Raises:
        SourceError: If the table does not have its type, or it is for the other kind of rows.
    """
    family = FAMILIES.get(config.model_type)
    if family is None:
        raise SourceError(
            f"hf:{name} is of type {config.model_type!r}, whose features are not known; 'tutelage list "
            "families' lists those that are, pooling = 'mean' or 'cls' works for any text encoder"
        )
    if family.kind != kind:
        raise SourceError(f"hf:{name} takes {family.kind}s, but the rows are {kind}s")
    return family


def load_classifier(
    name: str,
    config: Any,
    *,
    kind: Literal["text", "image"],
    weights: str = "pretrained",
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> Loaded:
    """Load a model for classification; its head is new where the checkpoint has none."""
    from transformers import AutoModelForImageClassification, AutoModelForSequenceClassification

    auto = AutoModelForSequenceClassification if kind == "text" else AutoModelForImageClassification
    return _load(
        auto, name, config, weights=weights, revision=revision, trust_remote_code=trust_remote_code
    )


def load_encoder(
    name: str,
    config: Any,
    *,
    weights: str = "pretrained",
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> Loaded:
    """Load a model without a head."""
    from transformers import AutoModel

    return _load(
        AutoModel,
        name,
        config,
        weights=weights,
        revision=revision,
        trust_remote_code=trust_remote_code,
    )


@contextmanager
def quietly() -> Iterator[None]:
    """Keep transformers from reporting what is expected: a new head, layers that are left out, bars."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def position_limit(config: Any) -> int | None:
    """Return how many tokens a model can tell apart by position; None where it has no such limit."""
    if config.model_type in ("t5", "mt5"):
        return None
    limit = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if limit is None:
        return None
    # These number positions from the padding id on, so that many are never used.
    offset = (
        2
        if config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet", "data2vec-text")
        else 0
    )
    return int(limit) - offset


def _load(
    auto: Any,
    name: str,
    config: Any,
    *,
    weights: str,
    revision: str | None,
    trust_remote_code: bool,
) -> Loaded:
    if weights not in ("pretrained", "random"):
        raise SourceError(f"weights of hf:{name} must be 'pretrained' or 'random', not {weights!r}")
    try:
        if weights == "random":
            return Loaded(
                auto.from_config(config, trust_remote_code=trust_remote_code), frozenset()
            )
        model, information = auto.from_pretrained(
            _place(name),
            config=config,
            revision=revision or "main",
            trust_remote_code=trust_remote_code,
            use_safetensors=True,
            dtype="float32",
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise SourceError(_cannot_load(name, error)) from error
    mismatched = {entry[0] for entry in information.get("mismatched_keys", ())}
    return Loaded(model, frozenset(information["missing_keys"]) | mismatched)


def _place(name: str) -> str:
    return str(Path(name).expanduser()) if Path(name).expanduser().is_dir() else name


def _cannot_load(name: str, error: BaseException) -> str:
    reason = str(error).strip().partition("\n")[0].rstrip(".")
    if Path(name).expanduser().is_dir():
        return f"cannot load the model in the folder {name}: {reason}; it needs config.json and model.safetensors"
    return (
        f"cannot load hf:{name}: {reason}; give a folder, or a name of the hub (its files are downloaded "
        "once and then found in the cache; HF_HUB_OFFLINE keeps off the hub)"
    )
