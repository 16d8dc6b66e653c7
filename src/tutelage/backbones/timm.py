"""Loading of timm models with pretrained, random or given weights."""

import json
import pickle
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn

from tutelage.backbones.local_folders import near_folder
from tutelage.errors import SourceError, did_you_mean, first_line, whole_message
from tutelage.files import missing_content

__all__ = ["load_timm", "stated_arguments", "timm_mistakes"]

ELSEWHERE = ("hf-hub:", "hf_hub:", "local-dir:")
"""Beginnings of names that timm looks up on the hub or in a folder, not in its lists."""


def load_timm(
    name: str,
    *,
    weights: str = "pretrained",
    num_classes: int = 0,
    image_size: int | None = None,
    **options: Any,
) -> nn.Module:
    """Build a timm model with a new classifier, or none.

    Args:
        name: As ``timm.create_model`` takes it.
        weights: ``"pretrained"``, ``"random"``, or a checkpoint's path.
        num_classes: Number of outputs of the new classifier; 0 for none.
        image_size: Side of the images; by default that of the model.
        **options: Options of the architecture, such as ``drop_rate``.

    Raises:
        SourceError: If there is no such model or weights, or the weights do not fit.
    """
    if mistakes := timm_mistakes(name, weights=weights):
        raise SourceError("\n".join(mistakes))
    overlay: dict[str, Any] = {}
    if image_size is not None:
        overlay["input_size"] = (3, image_size, image_size)
        options["img_size"] = image_size
    trained = weights != "random"
    if weights not in ("pretrained", "random"):
        overlay |= _file(weights, name)
    # With a file, the classifier of the file is built first, so that no weight is dropped silently.
    classes = overlay.get("num_classes", num_classes)
    try:
        model: nn.Module = _create(
            name, trained=trained, overlay=overlay, num_classes=classes, **options
        )
    except (OSError, ValueError, RuntimeError, SafetensorError, pickle.UnpicklingError) as error:
        raise SourceError(_why(name, weights, error)) from error
    except (TypeError, AssertionError) as error:
        raise SourceError(f"timm:{name} cannot be built so: {error}") from error
    if classes != num_classes:
        model.reset_classifier(num_classes)  # type: ignore[operator]
    return model


def stated_arguments(name: str) -> dict[str, Any]:
    """Return the arguments of the architecture that a folder or a repository of the hub states.

    Its weights may be those of another model that differs in them alone, such as ``global_pool``.

    Args:
        name: As ``timm.create_model`` takes it; names of timm's own lists state nothing.
    """
    if not name.startswith(ELSEWHERE):
        return {}
    source, _, place = name.partition(":")
    if source == "local-dir":
        config = json.loads((Path(place) / "config.json").read_text(encoding="utf-8"))
        return dict(config.get("model_args") or {})
    from timm.models import load_model_config_from_hf

    return dict(load_model_config_from_hf(place)[2] or {})


def timm_mistakes(name: str, *, weights: object = "pretrained") -> list[str]:
    """Return the mistakes in a model's name and weights, as far as timm's own lists tell.

    Example:
        >>> timm_mistakes("resnet18", weights="random")
        []
    """
    source, _, place = name.partition(":")
    if source == "local-dir" and not Path(place).is_dir():
        near = near_folder(place, cutoff=0.6)
        return [f"there is no folder {place}" + (f"; did you mean {near!r}?" if near else "")]
    mistakes = (
        [] if name.startswith(ELSEWHERE) else _unknown(name, pretrained=weights == "pretrained")
    )
    from_file = isinstance(weights, str) and weights not in ("pretrained", "random")
    if from_file and not Path(str(weights)).expanduser().is_file():
        mistakes.append(
            f"weights = {weights!r} is neither 'pretrained', 'random' nor a file"
            f"{did_you_mean(str(weights), ['pretrained', 'random'])}"
        )
    return mistakes


def _create(name: str, *, overlay: dict[str, Any], trained: bool, **options: Any) -> Any:
    import timm  # takes seconds; a run without its models needs none

    while True:
        try:
            return timm.create_model(
                name, pretrained=trained, pretrained_cfg_overlay=overlay or None, **options
            )
        except TypeError as error:
            unknown = [option for option in options if _is_unknown(option, error)]
            if not unknown:
                raise
            for option in unknown:
                if option in ("drop_rate", "drop_path_rate") and options[option]:
                    raise TypeError(f"this architecture has no {option}; leave it out") from error
                del options[option]  # a convolutional network takes any size


def _is_unknown(option: str, error: TypeError) -> bool:
    return "unexpected keyword" in str(error) and f"'{option}'" in str(error)


def _unknown(name: str, *, pretrained: bool) -> list[str]:
    import timm

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        return [
            f"timm {timm.__version__} has no model {architecture!r}"
            f"{did_you_mean(architecture, timm.list_models())}; timm.list_models() lists all"
        ]
    tags = timm.list_pretrained(f"{architecture}.*")
    if tag and name not in tags:
        return [
            f"timm has no weights {tag!r} for {architecture}{did_you_mean(name, tags)}; "
            f"it has: {', '.join(tags) or 'none'}"
        ]
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    if pretrained and (config is None or not config.has_weights):
        return [
            f"timm has no trained weights for {name}; choose another model, give a checkpoint "
            "by weights = 'FILE', or weights = 'random' if you mean an untrained one"
        ]
    return []


def _file(weights: str, name: str) -> dict[str, Any]:
    import timm

    path = Path(weights).expanduser()
    try:
        state = timm.models.load_state_dict(str(path), weights_only=True)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, OSError, EOFError) as error:
        if path.is_file() and (reason := missing_content(path)):
            raise SourceError(f"{path} cannot be read as plain weights: {reason}") from error
        raise SourceError(
            f"{path} cannot be read as plain weights ({whole_message(error)}); files that hold code "
            "are refused: save the state dict as safetensors"
        ) from error
    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    classifier = config.classifier if config is not None else None
    head = state.get(f"{classifier}.weight") if isinstance(classifier, str) else None
    return {
        "file": str(path),
        "num_classes": 0 if head is None else len(head),
        "custom_load": False,
    }


def _why(name: str, weights: str, error: BaseException) -> str:
    if weights == "pretrained" and not isinstance(error, RuntimeError):
        return (
            f"the weights of timm:{name} are not on this machine and could not be downloaded "
            f"({first_line(error)}); connect once (and unset HF_HUB_OFFLINE), give a checkpoint "
            "by weights = 'FILE', or choose a model that is cached"
        )
    return f"the weights {weights!r} do not fit timm:{name}: {whole_message(error)}"
