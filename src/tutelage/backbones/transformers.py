"""Loading of transformers models, and of their tokenizers and image processors."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from safetensors import SafetensorError
from torch import nn

from tutelage.backbones.families import EMBEDDING_MODELS, FAMILIES, EmbeddingModel, Family
from tutelage.errors import ConfigError, SourceError, did_you_mean, first_line, whole_message
from tutelage.inputs import ImageInput, TextInput, load_tokenizer, padding_id

__all__ = [
    "Loaded",
    "Loading",
    "family_of",
    "folder_mistakes",
    "image_input",
    "known_type",
    "load_classifier",
    "load_embedding_model",
    "load_encoder",
    "load_model_config",
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


def load_model_config(
    name: str, *, revision: str | None = None, trust_remote_code: bool = False
) -> Any:
    """Load a model's config from a folder or by its name on the hub.

    Raises:
        SourceError: If there is none.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(
            _path_or_name(name), revision=revision or "main", trust_remote_code=trust_remote_code
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise SourceError(_cannot_load(name, error)) from error


def known_type(name: str, *, revision: object = None) -> str | None:
    """Return the ``model_type`` of a model whose config is on this machine; else None."""
    path = _local_file(name, "config.json", revision)
    try:
        model_type = None if path is None else json.loads(path.read_bytes()).get("model_type")
    except (OSError, ValueError, AttributeError):
        return None  # loading it tells why it cannot be read
    return model_type if isinstance(model_type, str) else None


def folder_mistakes(name: str, *, revision: object = None) -> list[str]:
    """Return what is wrong with a model's folder or name, as far as this machine can tell."""
    folder = Path(name).expanduser()
    if any(_local_file(name, file, revision) for file in ("config.json", "modules.json")):
        return []
    if folder.is_dir():
        return [f"the folder {name} holds no model: it needs config.json and model.safetensors"]
    if folder.is_file():
        return [f"hf:{name} is a file; give the folder with config.json and model.safetensors"]
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        siblings = [path.name for path in folder.parent.glob("*")]
        return [f"there is no folder {name}{did_you_mean(folder.name, siblings)}"]
    if constants.HF_HUB_OFFLINE:
        return [
            f"hf:{name} is neither a folder nor in the local cache, and the hub is switched off "
            "(HF_HUB_OFFLINE); unset that to download it once, or give a folder"
        ]
    return []


def _local_file(name: str, file: str, revision: object) -> Path | None:
    """A file of a model's folder, or of the local cache of the hub."""
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder / file if (folder / file).is_file() else None
    try:
        path = try_to_load_from_cache(
            name, file, revision=revision if isinstance(revision, str) else None
        )
    except HFValidationError:
        return None
    return Path(path) if isinstance(path, str) else None


def family_of(model_type: str, *, name: str, kind: str) -> Family:
    """Return the family of a model type, which defines its features.

    Raises:
        SourceError: If the type is unknown, or takes rows of the other modality.
    """
    family = FAMILIES.get(model_type)
    if family is None:
        raise SourceError(
            f"hf:{name} is of type {model_type!r}, whose features are not known"
            f"{did_you_mean(model_type, FAMILIES)}; as a teacher, choose pooling = 'mean', "
            "'cls' or 'last' ('tutelage list families' lists the known types)"
        )
    if family.kind != kind:
        raise SourceError(f"hf:{name} takes {family.kind}s, but the rows are {kind}s")
    return family


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
    """Load one tower of a model that embeds images and texts in a common space."""
    import transformers

    tower = EMBEDDING_MODELS[config.model_type][kind]
    own = config.text_config if kind == "text" else config.vision_config
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


_FROM_PADDING = ("camembert", "data2vec-text", "longformer", "mpnet", "roberta", "xlm-roberta")
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
    """
    tokenizer = load_tokenizer(
        _path_or_name(name), revision=revision, trust_remote_code=trust_remote_code
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


def image_input(name: str, *, revision: str | None = None) -> ImageInput:
    """Return the input of an image model of transformers.

    Raises:
        SourceError: If the model comes without an image processor.
    """
    from transformers import AutoImageProcessor

    try:
        processor = AutoImageProcessor.from_pretrained(
            _path_or_name(name), revision=revision or "main"
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise SourceError(
            f"hf:{name} has no image processor ({first_line(error)}); it needs the file "
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
                _path_or_name(name),
                config=config,
                revision=loading.revision or "main",
                use_safetensors=True,
                dtype=loading.dtype,
                device_map=loading.device_map,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **trust,
            )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise SourceError(_cannot_load(name, error)) from error
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


def _path_or_name(name: str) -> str:
    folder = Path(name).expanduser()
    return str(folder) if folder.is_dir() else name


def _cannot_load(name: str, error: BaseException) -> str:
    # Errors of PyTorch have the cause in later lines, those of the hub advice.
    reason = whole_message(error) if isinstance(error, RuntimeError) else first_line(error)
    if Path(name).expanduser().is_dir():
        return (
            f"cannot load the model in the folder {name}: {reason}; "
            "it needs config.json and model.safetensors"
        )
    return (
        f"cannot load hf:{name}: {reason}; give a folder, or a name of the hub (its "
        "files are downloaded once and then found in the cache; HF_HUB_OFFLINE keeps off the hub)"
    )
