"""The layer of a model that turns features into outputs: found by default, or given by its path."""

from collections.abc import Mapping

from torch import nn

from tutelage.errors import StudentError, did_you_mean

__all__ = ["HEADS", "find_head", "layer_at"]

HEADS = (nn.Linear, nn.Conv2d, nn.Bilinear)


def find_head(model: nn.Module) -> str:
    """Return the path of the classifier of a timm model, else of the last linear or bilinear layer.

    Raises:
        StudentError: If there is none, a timm model has several, or the last one pools: a
            SentenceTransformer or a model of transformers without a head.

    Example:
        >>> find_head(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)))
        '1'
    """
    named = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None) or {}
    classifier = named.get("classifier") if isinstance(named, Mapping) else None
    if isinstance(classifier, str) and isinstance(_get(model, classifier), HEADS):
        return str(classifier)
    if isinstance(classifier, tuple | list):
        raise StudentError(
            f"{type(model).__name__} has several classifiers ({', '.join(classifier)}) with different "
            "features; give the path of one"
        )
    kinds = (nn.Linear, nn.Bilinear)
    layers: list[str] = [n for n, module in model.named_modules() if isinstance(module, kinds)]
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


def _is_sentence_transformer(model: nn.Module) -> bool:
    return any(kind.__name__ == "SentenceTransformer" for kind in type(model).__mro__)


def _get(model: nn.Module, path: str) -> nn.Module | None:
    try:
        return model.get_submodule(path)
    except AttributeError:
        return None
