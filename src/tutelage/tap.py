"""A tap that reads the input of a layer of a model, without changing the model."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tutelage.errors import StudentError, did_you_mean

__all__ = ["FeatureTap", "find_head", "last_token"]

HEADS = (nn.Linear, nn.Conv2d, nn.Bilinear)
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)


class FeatureTap:
    """The features of a student: the input of its last linear layer, read at each forward.

    A hook reads the layer's input; if a dropout is directly in front of the layer, the tap reads in
    front of the dropout, so that features are what the trained head sees in evaluation. The model
    itself is not changed, and is saved and loaded as if there were no tap. The features of a
    bilinear layer are both its inputs side by side.

    Create the tap before ``torch.compile``, and call ``take`` once after each forward.

    Args:
        model: Any module.
        path: Dotted path of the layer, as in ``model.named_modules()``; by default the classifier
            that a timm model names, else the last linear layer.
        pool: For layers applied to every token (``[batch, tokens, width]``): ``"last"`` takes the
            last token that the ``attention_mask`` argument of the forward does not mask.

    Attributes:
        model: The model.
        path: The path of the layer.
        layer: The layer.
        width: The width of the features; None if the layer does not state it.

    Raises:
        StudentError: If the path does not exist, or no linear layer is found.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 2))
        >>> tap = FeatureTap(model)
        >>> _ = model(torch.ones(5, 4))
        >>> tap.path, tap.take().shape
        ('3', torch.Size([5, 3]))
    """

    def __init__(
        self, model: nn.Module, path: str | None = None, *, pool: Literal["last"] | None = None
    ) -> None:
        self.path = find_head(model) if path is None else path
        self.layer = _module_at(model, self.path)
        self.model = model
        self._pool = pool
        self._features: Tensor | None = None
        self._ran_with_gradients = True
        self._mask: Tensor | None = None
        self._dropped: tuple[Tensor, Tensor] | None = None
        self._kept: Tensor | None = None
        self._hooks: list[RemovableHandle] = [
            self.layer.register_forward_pre_hook(self._read, with_kwargs=True)
        ]
        for module in model.modules():
            if isinstance(module, DROPOUTS):
                if module.inplace:
                    self._hooks.append(module.register_forward_pre_hook(self._keep))
                self._hooks.append(module.register_forward_hook(self._drop))
        if pool is not None:
            self._hooks.append(model.register_forward_pre_hook(self._see_mask, with_kwargs=True))

    @property
    def factors(self) -> tuple[int, int] | None:
        """The widths of both inputs of a bilinear layer; None for other layers."""
        if not isinstance(self.layer, nn.Bilinear):
            return None
        return self.layer.in1_features, self.layer.in2_features

    @property
    def width(self) -> int | None:
        """The width of the features; None if the layer does not state it."""
        if self.factors is not None:
            return sum(self.factors)
        for name in ("in_features", "in_channels"):
            if isinstance(width := getattr(self.layer, name, None), int):
                return width
        weight = getattr(self.layer, "weight", None)  # transformers' Conv1D: [in, out]
        return int(weight.shape[0]) if isinstance(weight, Tensor) and weight.ndim == 2 else None

    def take(self) -> Float[Tensor, "batch width"]:
        """Return the features of the last forward, once.

        Raises:
            StudentError: If the layer has not run since the last call, a model in training mode ran
                without gradients although they are enabled now, or the layer's input has several
                rows an example and there is no ``pool``.
        """
        features, self._features = self._features, None
        mask, self._mask = self._mask, None
        if features is None:
            raise StudentError(
                f"layer {self.path!r} has not run since features were last taken; "
                + (
                    "create the FeatureTap before torch.compile"
                    if self.path.startswith("_orig_mod.")
                    else "call the model first, or give the path of a layer that its forward uses"
                )
            )
        if self.model.training and torch.is_grad_enabled() and not self._ran_with_gradients:
            raise StudentError(
                f"layer {self.path!r} last ran under torch.no_grad(), so no gradient would reach the "
                "model in training; take features directly after the forward of the training batch, and use "
                "checkpoint(..., use_reentrant=False) for activation checkpointing"
            )
        if features.ndim == 4 and features.shape[2:] == (1, 1):
            features = features.flatten(1)
        if features.ndim == 3 and self._pool == "last":
            return last_token(features, mask)
        if features.ndim != 2:
            raise StudentError(
                f"what enters layer {self.path!r} has shape {tuple(features.shape)}, not [batch, width]; "
                "give the path of a layer after pooling, or pool='last' for a decoder"
            )
        return features

    def clear(self) -> None:
        """Forget the features of the last forward."""
        self._features = self._mask = None

    def close(self) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def __repr__(self) -> str:
        return f"FeatureTap({type(self.model).__name__}, {self.path!r}, width={self.width})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, _: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if isinstance(self.layer, nn.Bilinear):
            self._features, self._dropped = torch.cat([*args, *kwargs.values()], dim=1), None
            self._ran_with_gradients = torch.is_grad_enabled()
            return
        entered = args[0] if args else next(iter(kwargs.values()))
        if self._dropped is not None and self._dropped[1] is entered:
            entered = self._dropped[0]
        self._features, self._dropped = entered, None
        self._ran_with_gradients = torch.is_grad_enabled()

    def _keep(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self._kept = args[0].clone() if module.training else args[0]

    def _drop(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        before = self._kept if self._kept is not None else args[0]
        self._dropped, self._kept = (before, output), None

    def _see_mask(self, _: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._mask = kwargs.get("attention_mask")


def find_head(model: nn.Module) -> str:
    """Return the path of the classifier of a timm model, else of the last linear or bilinear layer.

    Raises:
        StudentError: If there is none, or a timm model has several.

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
    return layers[-1]


def last_token(
    states: Float[Tensor, "batch tokens width"], mask: Int[Tensor, "batch tokens"] | None
) -> Float[Tensor, "batch width"]:
    """Return the state of each row's last token that is not padding, on either side.

    Args:
        states: The states of all tokens.
        mask: 1 for tokens, 0 for padding; None without padding.

    Example:
        >>> states = torch.tensor([[[1.0], [2.0], [3.0]]])
        >>> last_token(states, torch.tensor([[1, 1, 0]]))
        tensor([[2.]])
    """
    if mask is None:
        return states[:, -1]
    positions = torch.arange(mask.shape[1], device=mask.device)
    last = (mask.long() * positions).argmax(dim=1)
    return states[torch.arange(len(states), device=states.device), last]


def _get(model: nn.Module, path: str) -> nn.Module | None:
    try:
        return model.get_submodule(path)
    except AttributeError:
        return None


def _module_at(model: nn.Module, path: str) -> nn.Module:
    module = _get(model, path) if path else None
    if module is None:
        names = [name for name, _ in model.named_modules() if name]
        linear = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
        raise StudentError(
            f"{type(model).__name__} has no layer {path!r}{did_you_mean(path, names)}; paths are those "
            f"of model.named_modules(); the last linear layers are {', '.join(linear[-3:]) or 'none'}"
        )
    return module
