"""Read what enters a layer of a model, without changing the model."""

from collections.abc import Callable, Iterable, Mapping
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
    """What enters the last linear layer of a model, kept at each forward.

    A hook reads the layer's input; where a dropout stands directly in front of the layer, the
    tap reads in front of the dropout, so that features are what the trained head sees in
    evaluation. The model itself is not changed, and is saved and loaded as if there were no tap.
    Of a bilinear layer, the features are both its inputs side by side.

    Args:
        model: Any module.
        path: Dotted path of the layer, as in ``model.named_modules()``; by default the classifier
            that a timm model names, else the last linear layer.
        pool: For layers applied to every token (``[batch, tokens, width]``): ``"last"`` takes the
            last token that the forward's ``attention_mask`` lets through.

    Attributes:
        path: The layer that is read.
        width: Numbers in a feature; None where the layer does not tell.

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
        self._layer = _module_at(model, self.path)
        self._model = model
        self._pool = pool
        self._features: Tensor | None = None
        self._mask: Tensor | None = None
        self._dropped: tuple[Tensor, Tensor] | None = None
        self._kept: Tensor | None = None
        self._hooks: list[RemovableHandle] = [
            self._layer.register_forward_pre_hook(self._read, with_kwargs=True)
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
        """Of a bilinear layer the widths of its two inputs, whose product is what it weighs."""
        if not isinstance(self._layer, nn.Bilinear):
            return None
        return self._layer.in1_features, self._layer.in2_features

    @property
    def width(self) -> int | None:
        """Numbers in a feature; None where the layer does not tell."""
        if self.factors is not None:
            return sum(self.factors)
        for name in ("in_features", "in_channels"):
            if isinstance(width := getattr(self._layer, name, None), int):
                return width
        weight = getattr(self._layer, "weight", None)  # transformers' Conv1D: [in, out]
        return int(weight.shape[0]) if isinstance(weight, Tensor) and weight.ndim == 2 else None

    def take(self) -> Float[Tensor, "batch width"]:
        """Return the features of the last forward, once.

        Raises:
            StudentError: If the layer has not run since the last call, or its input has more than
                one row an example and no ``pool`` says which to take.
        """
        features, self._features = self._features, None
        mask, self._mask = self._mask, None
        if features is None:
            raise StudentError(
                f"layer {self.path!r} has not run since features were last taken; "
                "call the model first, or give the path of a layer that its forward uses"
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

    def refuse_random(self, missing: Iterable[str], run: Callable[[], object]) -> None:
        """Refuse features that pass through weights which no checkpoint has filled.

        Args:
            missing: Names of parameters that loading left at their random start.
            run: Calls the model once.

        Raises:
            StudentError: If a module with such parameters runs before the tapped layer.
        """
        owners = {name.rpartition(".")[0] for name in missing}
        ran: list[str] = []
        reached = False

        def note(name: str) -> Callable[..., None]:
            def hook(*_: object) -> None:
                if not reached:
                    ran.append(name)

            return hook

        def reach(*_: object) -> None:
            nonlocal reached
            reached = True

        hooks = [self._layer.register_forward_pre_hook(reach)]
        for name, module in self._model.named_modules():
            if name in owners and module is not self._layer:
                hooks.append(module.register_forward_pre_hook(note(name)))
        try:
            run()
        finally:
            for hook in hooks:
                hook.remove()
        self._features = None
        if ran:
            raise StudentError(
                f"features at {self.path!r} would pass through random weights, because the checkpoint "
                f"has none for {', '.join(dict.fromkeys(ran))}; tap an earlier layer, or choose another pooling"
            )

    def close(self) -> None:
        """Remove the hooks."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

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
        if isinstance(self._layer, nn.Bilinear):
            self._features, self._dropped = torch.cat([*args, *kwargs.values()], dim=1), None
            return
        entered = args[0] if args else next(iter(kwargs.values()))
        if self._dropped is not None and self._dropped[1] is entered:
            entered = self._dropped[0]
        self._features, self._dropped = entered, None

    def _keep(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self._kept = args[0].clone() if module.training else args[0]

    def _drop(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        before = self._kept if self._kept is not None else args[0]
        self._dropped, self._kept = (before, output), None

    def _see_mask(self, _: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        self._mask = kwargs.get("attention_mask")


def find_head(model: nn.Module) -> str:
    """Return the path of a model's last linear layer.

    A timm model names its classifier; of others it is the linear or bilinear layer registered last.

    Raises:
        StudentError: If there is none.

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
            f"{type(model).__name__} has several classifiers ({', '.join(classifier)}), each with features "
            "of its own; give the path of one"
        )
    kinds = (nn.Linear, nn.Bilinear)
    layers: list[str] = [n for n, module in model.named_modules() if isinstance(module, kinds)]
    if not layers:
        raise StudentError(
            f"{type(model).__name__} has no linear layer to read features in front of; "
            "give the path of the layer that turns features into outputs"
        )
    return layers[-1]


def last_token(
    states: Float[Tensor, "batch tokens width"], mask: Int[Tensor, "batch tokens"] | None
) -> Float[Tensor, "batch width"]:
    """Return each row's state at its last token that is not padding, on either side.

    Args:
        states: A state for every token.
        mask: 1 for tokens, 0 for padding; None where nothing is padded.

    Example:
        >>> states = torch.tensor([[[1.0], [2.0], [3.0]]])
        >>> last_token(states, torch.tensor([[1, 1, 0]]))
        tensor([[2.]])
    """
    if mask is None:
        return states[:, -1]
    places = torch.arange(mask.shape[1], device=mask.device)
    last = (mask.long() * places).argmax(dim=1)
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
        raise StudentError(
            f"{type(model).__name__} has no layer {path!r}{did_you_mean(path, names)}; "
            "paths are those of model.named_modules()"
        )
    return module
