"""Configs of transformers models: their type and family, and what is wrong with them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from tutelage.backbones.families import FAMILIES, Family
from tutelage.backbones.local_folders import near_folder, near_model
from tutelage.errors import ConfigError, SourceError, did_you_mean, first_line, whole_message
from tutelage.inputs import own_code

__all__ = [
    "cannot_load",
    "family_of",
    "folder_mistakes",
    "known_type",
    "load_model_config",
    "path_or_name",
]


def load_model_config(
    name: str,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    model_type: str | None = None,
) -> Any:
    """Load a model's config from a folder or by its name on the hub.

    Args:
        name: The folder or name.
        revision: Revision of the hub's repository.
        trust_remote_code: Run code that comes with the model.
        model_type: Type of the model, for a config that does not state it.

    Raises:
        SourceError: If there is none.
        ConfigError: If it states no type and none is given, or ``model_type`` is unknown or not its type.
    """
    from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig

    path, revision = path_or_name(name), revision or "main"
    try:
        stated = PreTrainedConfig.get_config_dict(path, revision=revision)[0]
        if not stated:
            raise OSError("there is no config.json")
        if mistake := _type_mistake(name, stated, model_type=model_type):
            raise ConfigError(mistake)
        if model_type is None or "model_type" in stated:
            return AutoConfig.from_pretrained(
                path, revision=revision, trust_remote_code=trust_remote_code
            )
        if model_type not in CONFIG_MAPPING:
            raise ConfigError(
                f"unknown model_type {model_type!r} for hf:{name}{did_you_mean(model_type, FAMILIES)}; "
                "'tutelage list families' lists the types"
            )
        return CONFIG_MAPPING[model_type].from_pretrained(path, revision=revision)
    except ConfigError:
        raise
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise SourceError(cannot_load(name, error)) from error


def known_type(name: str, *, revision: object = None) -> str | None:
    """Return the ``model_type`` of a model whose config is on this machine; else None."""
    path = _local_file(name, "config.json", revision)
    try:
        model_type = None if path is None else json.loads(path.read_bytes()).get("model_type")
    except (OSError, ValueError, AttributeError):
        return None  # loading it tells why it cannot be read
    return model_type if isinstance(model_type, str) else None


def folder_mistakes(
    name: str, *, revision: object = None, model_type: str | None = None
) -> list[str]:
    """Return what is wrong with a model's folder or name, as far as this machine can tell.

    ``a/b`` may be a folder or a name of the hub. Where neither the folder nor the cache of the hub has
    it, it is a mistake if a model's folder here is called almost so, and no revision was given.
    """
    folder = Path(name).expanduser()
    if _local_file(name, "modules.json", revision):
        return []
    if path := _local_file(name, "config.json", revision):
        try:
            mistake = _type_mistake(name, json.loads(path.read_bytes()), model_type=model_type)
        except (OSError, ValueError, AttributeError):
            return []  # loading it tells why it cannot be read
        return [mistake] if mistake else []
    if folder.is_dir():
        return [f"the folder {name} holds no model: it needs config.json and model.safetensors"]
    if folder.is_file():
        return [f"hf:{name} is a file; give the folder with config.json and model.safetensors"]
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        near = near_folder(name, cutoff=0.6)
        return [f"there is no folder {name}" + (f"; did you mean {near!r}?" if near else "")]
    if "/" in name and revision is None and (near := near_folder(name)):
        return [
            f"there is no folder {name}; did you mean {near!r}? For the model of that name on the hub set "
            "params.revision = 'main'"
        ]
    if constants.HF_HUB_OFFLINE:
        near = near_model(name)
        return [
            f"hf:{name} is neither a folder nor in the local cache{_meant(near)}, and the hub is switched "
            "off (HF_HUB_OFFLINE); unset that to download it once, or give a folder"
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


def path_or_name(name: str) -> str:
    """Return a folder with its home expanded, or a name of the hub unchanged."""
    folder = Path(name).expanduser()
    return str(folder) if folder.is_dir() else name


def cannot_load(name: str, error: BaseException) -> str:
    """Return the message for a model that its library cannot load."""
    if (refused := own_code(f"hf:{name}", error)) is not None:
        return refused
    # Errors of PyTorch have the cause in later lines, those of the hub advice.
    reason = whole_message(error) if isinstance(error, RuntimeError) else first_line(error)
    if Path(name).expanduser().is_dir():
        return (
            f"cannot load the model in the folder {name}: {reason}; "
            "it needs config.json and model.safetensors"
        )
    return (
        f"cannot load hf:{name}: {reason}{_meant(near_model(name))}; give a folder, or a name of the hub (its "
        "files are downloaded once and then found in the cache; HF_HUB_OFFLINE keeps off the hub)"
    )


def _meant(near: str) -> str:
    if not near:
        return ""
    return f" (did you mean {'the folder ' if Path(near).expanduser().is_dir() else ''}{near!r}?)"


def _type_mistake(name: str, stated: Mapping[str, Any], *, model_type: str | None) -> str | None:
    """Compare the type that a config states with the one that is given."""
    own = stated.get("model_type")
    if model_type is not None and own not in (None, model_type):
        return f"model_type = {model_type!r}, but hf:{name} is of type {own!r}; remove the option"
    if own is None and model_type is None and "auto_map" not in stated:
        likely = max((kind for kind in FAMILIES if kind in name.lower()), key=len, default="bert")
        return (
            f"config.json of hf:{name} does not state its model_type; state it by the option, as "
            f"params.model_type = {likely!r} ('tutelage list families' lists the types)"
        )
    return None
