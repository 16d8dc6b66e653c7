"""Loading of transformers models, and of their tokenizers and image processors."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from safetensors import SafetensorError
from torch import nn

from tutelage.backbones.families import EMBEDDING_MODELS, FAMILIES, EmbeddingModel
from tutelage.backbones.model_config import cannot_load, path_or_name
from tutelage.errors import ConfigError, SourceError, did_you_mean, first_line
from tutelage.inputs import ImageInput, TextInput, load_tokenizer, own_code, padding_id

__all__ = [
    "Loaded",
    "Loading",
    "image_input",
    "load_classifier",
    "load_embedding_model",
    "load_encoder",
    "position_limit",
    "quietly",
    "text_input",
]


@dataclass(frozen=True)
class Loading:
    """Options of loading a model.

    Attributes:
        weights: ``"pretrained"``, or ``"random"`` for a randomly initialized architecture.
        revision: Revision of the hub's repository.
        trust_remote_code: Run code that comes with the model.
        dtype: Data type of the weights.
        device_map: Placement of the layers by accelerate, such as ``"auto"``; None for one device.
    """

    weights: str = "pretrained"
    revision: str | None = None
    trust_remote_code: bool = False
    dtype: str = "float32"
    device_map: str | None = None


@dataclass(frozen=True)
class Loaded:
    """A model, and the names of weights missing from its checkpoint."""

    model: nn.Module
    missing: frozenset[str]


def load_classifier(
    name: str, config: Any, *, kind: Literal["text", "image"], loading: Loading
) -> Loaded:
    """Load a classification model, with a new head where the checkpoint has none."""
    from transformers import AutoModelForImageClassification, AutoModelForSequenceClassification

    auto = AutoModelForSequenceClassification if kind == "text" else AutoModelForImageClassification
    config.architectures = config.architectures or []  # with None, some automatic classes fail
    return _load(auto, name, config, loading)


def load_encoder(name: str, config: Any, *, loading: Loading) -> Loaded:
    """Load a model without a head; for an encoder-decoder, its encoder."""
    from transformers import AutoModel

    loaded = _load(AutoModel, name, config, loading)
    if not getattr(config, "is_encoder_decoder", False):
        return loaded
    encoder = loaded.model.get_encoder()  # type: ignore[operator]
    return Loaded(encoder, frozenset(n for n in loaded.missing if not n.startswith("decoder.")))


def load_embedding_model(
    name: str, config: Any, *, kind: Literal["text", "image"], loading: Loading
) -> tuple[Loaded, EmbeddingModel]:
    """Load one tower of a model that embeds images and texts in a common space.

    Args:
        name: Folder of the model or of the tower alone, or the model's name on the hub.
        config: Config of the model, or of the tower.
        kind: Modality of the tower.
        loading: Options of loading.
    """
    import transformers

    side = "text" if kind == "text" else "vision"
    tower = EMBEDDING_MODELS[config.model_type.removesuffix(f"_{side}_model")][kind]
    own = getattr(config, f"{side}_config", config)
    if hasattr(config, "projection_dim"):
        own.projection_dim = config.projection_dim
    model = getattr(transformers, tower.model)
    return _load(model, name, own, loading), tower


def position_limit(config: Any) -> int | None:
    """Return the number of positions of a model; None if it has no limit."""
    if config.model_type in ("t5", "mt5", "umt5", "bloom"):
        return None
    limit = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    if limit is None:
        return None
    if config.model_type in _FROM_PADDING:
        return int(limit) - int(config.pad_token_id) - 1
    return int(limit)


_FROM_PADDING = frozenset(
    {"camembert", "data2vec-text", "longformer", "mpnet", "roberta", "xlm-roberta"}
    | {"esm", "ibert", "luke", "markuplm", "roberta-prelayernorm", "xlm-roberta-xl", "xmod"}
)
"""Types that number positions from the padding token's id, so that the first ones are unused."""


def text_input(
    name: str,
    config: Any,
    *,
    max_length: int | None = None,
    reads_end: bool | None = None,
    fixed_length: bool = False,
    revision: str | None = None,
    trust_remote_code: bool = False,
    model_type: str | None = None,
) -> TextInput:
    """Return the input of a text model, and set the model's padding token where it is used.

    Args:
        name: Folder of the tokenizer, or its name on the hub.
        config: Config of the model; its padding token is set if the features are read at the end,
            because decoders find the last token by it.
        max_length: Maximum number of tokens; by default that of tokenizer and model.
        reads_end: Whether the feature is at the end of the text; by default that of the family.
        fixed_length: Whether all texts are padded to ``max_length``.
        revision: Revision of the hub's repository.
        trust_remote_code: Run code that comes with the tokenizer.
        model_type: Type of a model whose own config does not state it.
    """
    tokenizer = load_tokenizer(
        path_or_name(name),
        revision=revision,
        trust_remote_code=trust_remote_code,
        config=None if model_type is None else config,
    )
    family = FAMILIES.get(config.model_type)
    if reads_end is None:
        reads_end = family is not None and family.reads_end
    accepts = set(tokenizer.model_input_names) & {"input_ids", "attention_mask", "token_type_ids"}
    if not getattr(config, "type_vocab_size", 0):
        accepts -= {"token_type_ids"}
    if fixed_length:
        accepts = {"input_ids"}
    else:
        accepts |= {"input_ids", "attention_mask"}
    texts = TextInput.from_tokenizer(
        tokenizer,
        max_length=max_length,
        positions=position_limit(config),
        vocabulary=getattr(config, "vocab_size", None),
        accepts=accepts,
        keep_end=reads_end and not getattr(config, "is_encoder_decoder", False),
        literal=reads_end or fixed_length,
        fixed_length=fixed_length,
    )
    if family is not None and family.pool == "last":
        config.pad_token_id = padding_id(texts.tokenizer, vocabulary=texts.vocabulary)
    return texts


def image_input(
    name: str, *, revision: str | None = None, trust_remote_code: bool = False
) -> ImageInput:
    """Return the input of an image model of transformers.

    Args:
        name: Folder of the model, or its name on the hub.
        revision: Revision of the hub's repository.
        trust_remote_code: Run code that comes with the image processor.

    Raises:
        SourceError: If the model comes without an image processor.
    """
    from transformers import AutoImageProcessor

    try:
        processor = AutoImageProcessor.from_pretrained(
            path_or_name(name), revision=revision or "main", trust_remote_code=trust_remote_code
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise SourceError(
            own_code(f"hf:{name}", error)
            or f"hf:{name} has no image processor ({first_line(error)}); it needs the file "
            "preprocessor_config.json"
        ) from error
    try:
        return ImageInput.from_processor(processor)
    except ConfigError as error:
        raise ConfigError(f"the image processor of hf:{name}: {error}") from error


def _load(model_class: Any, name: str, config: Any, loading: Loading) -> Loaded:
    if loading.weights not in ("pretrained", "random"):
        raise SourceError(
            f"weights of hf:{name} must be 'pretrained' or 'random', not {loading.weights!r}"
            f"{did_you_mean(loading.weights, ['pretrained', 'random'])}"
        )
    automatic = hasattr(model_class, "from_config")
    trust = {"trust_remote_code": loading.trust_remote_code} if automatic else {}
    try:
        if loading.weights == "random":
            make = model_class.from_config if automatic else model_class
            return Loaded(make(config, **trust), frozenset())
        with quietly():
            model, information = model_class.from_pretrained(
                path_or_name(name),
                config=config,
                revision=loading.revision or "main",
                weights_only=True,  # a .bin file, read where there is no safetensors file, runs no code
                dtype=loading.dtype,
                device_map=loading.device_map,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **trust,
            )
    except pickle.UnpicklingError as error:
        raise SourceError(
            f"the weights of hf:{name} are a .bin file that holds more than tensors "
            f"({first_line(error)}), which may run code and is not read; save them again by "
            "save_pretrained(...), as safetensors, on a machine where you trust them"
        ) from error
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise SourceError(cannot_load(name, error)) from error
    mismatched = {entry[0] for entry in information.get("mismatched_keys", ())}
    return Loaded(model, frozenset(information["missing_keys"]) | mismatched)


@contextmanager
def quietly() -> Iterator[None]:
    """Silence progress bars and reports of missing weights, which are checked elsewhere."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
