"""The layer of a model that turns features into outputs: found by default, or given by its path."""

from collections.abc import Mapping, Sequence

from torch import nn

from tutelage.errors import StudentError, did_you_mean

__all__ = ["HEADS", "find_head", "layer_at", "linear_layers"]

HEADS = (nn.Linear, nn.Conv2d, nn.Bilinear)


def find_head(model: nn.Module) -> str:
    """Return the path of the classifier of a timm model, else of the last linear or bilinear layer.

    Raises:
        StudentError: If there is none, a timm model has several, the last one is one of several of a
            timm model within, or it pools: a SentenceTransformer or a model of transformers without
            a head.

    Example:
        >>> find_head(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)))
        '1'
    """
    classifier = _classifier_of(model)
    if isinstance(classifier, str) and isinstance(_get(model, classifier), HEADS):
        return str(classifier)
    if isinstance(classifier, tuple | list):
        raise StudentError(_several(model, classifier))
    layers = linear_layers(model)
    if not layers:
        raise StudentError(
            f"{type(model).__name__} has no linear layer whose input could be the features; "
            "give the path of the layer that turns features into outputs"
        )
    if "pooler" in layers[-1].split(".") or _is_sentence_transformer(model):
        raise StudentError(
            f"{type(model).__name__} has no classifier: its last linear layer, {layers[-1]!r}, is one of "
            "its body. Its output is the features, of a SentenceTransformer "
            "model(inputs)['sentence_embedding']; give that in place of tap.take(), or the path of a layer"
        )
    _refuse_one_of_several(model, layers[-1])
    return layers[-1]


def layer_at(model: nn.Module, path: str) -> nn.Module:
    """Return the layer of a path.

    Raises:
        StudentError: If there is none.

    Example:
        >>> layer_at(nn.Sequential(nn.Linear(4, 3)), "0")
        Linear(in_features=4, out_features=3, bias=True)
    """
    if not isinstance(path, str):
        raise StudentError(
            f"expected the path of a layer, such as 'classifier', got {type(path).__name__}"
        )
    module = _get(model, path) if path else None
    if module is None:
        names = [name for name, _ in model.named_modules() if name]
        linear = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
        raise StudentError(
            f"{type(model).__name__} has no layer {path!r}{did_you_mean(path, names)}; paths are those "
            f"of model.named_modules(); the last linear layers are {', '.join(linear[-8:]) or 'none'}"
        )
    return module


def linear_layers(model: nn.Module) -> list[str]:
    """Return the paths of linear and bilinear layers, in the order of ``named_modules``.

    Of a layer with an adapter (LoRA) its own path alone: what enters the adapter's may be few columns.

    Example:
        >>> linear_layers(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)))
        ['0', '2']
    """
    kinds = (nn.Linear, nn.Bilinear)
    paths: list[str] = []
    adapted = None
    for path, module in model.named_modules():
        if adapted is not None and path.startswith(f"{adapted}."):
            continue
        base = getattr(module, "base_layer", None)
        if isinstance(base, kinds) and hasattr(module, "adapter_layer_names"):  # of peft
            adapted = path
            paths.append(f"{path}.base_layer")
        elif isinstance(module, kinds):
            paths.append(path)
    return paths


def _refuse_one_of_several(model: nn.Module, path: str) -> None:
    """Refuse a layer that is one of the classifiers of a timm model within another module."""
    parts = path.split(".")
    for length in range(1, len(parts)):
        inner = model.get_submodule(".".join(parts[:length]))
        classifier = _classifier_of(inner)
        if isinstance(classifier, tuple | list) and ".".join(parts[length:]) in classifier:
            raise StudentError(_several(inner, classifier))


def _classifier_of(model: nn.Module) -> object:
    """The path, or paths, that a timm model states."""
    named = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None) or {}
    return named.get("classifier") if isinstance(named, Mapping) else None


def _several(model: nn.Module, classifiers: Sequence[str]) -> str:
    return (
        f"{type(model).__name__} has several classifiers ({', '.join(classifiers)}) with different "
        "features; give the path of one"
    )


def _is_sentence_transformer(model: nn.Module) -> bool:
    return any(kind.__name__ == "SentenceTransformer" for kind in type(model).__mro__)


def _get(model: nn.Module, path: str) -> nn.Module | None:
    try:
        return model.get_submodule(path)
    except AttributeError:
        return None
