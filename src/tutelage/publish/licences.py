"""Licences of models, where their library, their folder or the hub says."""

from pathlib import Path

import yaml  # type: ignore[import-untyped]
from huggingface_hub import HfApi, ModelCard, constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from tutelage.deploy.hub import HubTrouble

__all__ = ["hub_name", "licence_in", "licence_of"]

_SECONDS = 5.0


def licence_of(source: str) -> str | None:
    """Return the licence of a model as it is written there; None where it is not said.

    Of ``timm:`` models timm's own lists are read, of ``hf:`` models the card in their folder, in the
    hub's cache, or on the hub (not with ``HF_HUB_OFFLINE``). It is a statement of those who published the
    weights, and says nothing of the data that they were trained on.

    Args:
        source: The model's string.

    Example:
        >>> licence_of("timm:resnet50.a1_in1k")
        'apache-2.0'
    """
    scheme, _, name = source.partition(":")
    if scheme == "timm" and not name.startswith(("hf_hub:", "hf-hub:", "local-dir:")):
        import timm

        config = timm.get_pretrained_cfg(name, allow_unregistered=True)
        return getattr(config, "license", None) or None
    if scheme != "hf":
        return None
    if (folder := Path(name).expanduser()).is_dir():
        return _of_card(folder / "README.md")
    return _on_the_hub(name)


def hub_name(source: str) -> str | None:
    """Return the name of a model's weights on the hub; None of other models.

    Example:
        >>> hub_name("timm:resnet50.a1_in1k"), hub_name("hf:org/bert"), hub_name("python:a:b")
        ('timm/resnet50.a1_in1k', 'org/bert', None)
    """
    scheme, _, name = source.partition(":")
    if scheme == "timm":
        if name.startswith(("hf_hub:", "hf-hub:")):
            return name[len("hf_hub:") :]
        import timm

        config = timm.get_pretrained_cfg(name, allow_unregistered=True)
        return getattr(config, "hf_hub_id", None)
    is_name = scheme == "hf" and not name.startswith((".", "/", "~")) and name.count("/") <= 1
    return name if is_name and not Path(name).exists() else None


def _on_the_hub(name: str) -> str | None:
    try:
        cached = try_to_load_from_cache(name, "README.md")
        if isinstance(cached, str):
            return _of_card(Path(cached))
        if constants.HF_HUB_OFFLINE:
            return None
        data = HfApi().model_info(name, timeout=_SECONDS).card_data
    except (HFValidationError, *HubTrouble):
        return None
    return _text(None if data is None else data.license)


def licence_in(card: str) -> str | None:
    """Return the licence in the header of a card's text; None where there is none, or no header."""
    try:
        return _text(vars(ModelCard(card, ignore_metadata_errors=True).data).get("license"))
    except (ValueError, yaml.YAMLError):
        return None


def _of_card(path: Path) -> str | None:
    try:
        return licence_in(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def _text(licence: object) -> str | None:
    return licence if isinstance(licence, str) and licence else None
