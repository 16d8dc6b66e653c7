"""A tap that reads the input of a layer of a model, without changing the model."""

import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from tutelage.errors import StudentError
from tutelage.tap.heads import find_head, layer_at
from tutelage.tap.last_token import last_token, mask_argument
from tutelage.tap.later_layers import LaterLayers

__all__ = ["FeatureTap"]

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)


class _Run(NamedTuple):
    """One run of the layer: what it read, and how.

    Attributes:
        features: The input of the layer.
        mask: The ``attention_mask`` of the forward; None without ``pool``.
        gradients: Whether gradients were enabled.
    """

    features: Tensor
    mask: Tensor | None
    gradients: bool


class FeatureTap:
    """The features of a student: the input of its last linear layer, read at each forward.

    A hook reads the layer's input; if a dropout, or a dropout and ``nn.Flatten``, is directly in front of
    the layer, the tap reads in front of the dropout, so that features are what the trained head sees in
    evaluation. Only modules are seen: where a forward calls ``functional.dropout`` in front of the
    layer, as some models of timm with a ``drop_rate`` do, features are dropped, too. The model itself is
    not changed, and is saved and loaded as if there were no tap. The features of a bilinear layer are
    both its inputs side by side.

    Call ``take`` once after each forward in training. Forwards in evaluation need not be taken. Create
    the tap before a compiled model first runs; a copy of the model needs its own tap.

    Args:
        model: Any module.
        path: Dotted path of the layer, as in ``model.named_modules()``; by default the classifier
            that a timm model names, else the last linear layer.
        pool: For layers applied to every token (``[batch, tokens, width]``): ``"last"`` takes the
            last token that the ``attention_mask`` argument of the forward does not mask, that of the
            model or, where it is wrapped, of the first module within that has one.
        forwards: Forwards a step, such as 2 for pairs of inputs: ``take`` then returns the features
            of all, the rows of the first forward first.

    Attributes:
        model: The model.
        path: The path of the layer.
        layer: The layer.
        forwards: Forwards a step.
        width: The width of the features; None if the layer does not state it.

    Raises:
        StudentError: If the path does not exist, or no linear layer is found.

    Example:
        >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Dropout(0.5), nn.Linear(3, 2))
        >>> tap = FeatureTap(model)
        >>> tap
        FeatureTap(Sequential, '3': reads [batch, 3], the input of Linear)
        >>> _ = model(torch.ones(5, 4))
        >>> tap.take().shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        model: nn.Module,
        path: str | None = None,
        *,
        pool: Literal["last"] | None = None,
        forwards: int = 1,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise StudentError(f"expected a model (torch.nn.Module), got {type(model).__name__}")
        if forwards < 1:
            raise ValueError(f"forwards must be positive, got {forwards}")
        if pool not in (None, "last"):
            raise ValueError(f"pool must be 'last' or None, not {pool!r}")
        model = getattr(model, "_orig_mod", model)  # of torch.compile
        self.path = find_head(model) if path is None else path
        self.layer = layer_at(model, self.path)
        self.model = model
        self.forwards = forwards
        self._pool = pool
        self._runs: list[_Run] = []
        self._in_training = model.training
        self._lost = self._copied = False
        self._mask: Tensor | None = None
        self._mask_place: int | None = None
        self._dropped: tuple[Tensor, Tensor] | None = None
        self._kept: Tensor | None = None
        self._later = LaterLayers(model, self.layer) if path is None else None
        self._hooks: list[RemovableHandle] = [
            self.layer.register_forward_pre_hook(self._read, with_kwargs=True)
        ]
        for module in model.modules():
            if isinstance(module, DROPOUTS):
                if module.inplace:
                    self._hooks.append(module.register_forward_pre_hook(self._keep))
                self._hooks.append(module.register_forward_hook(self._drop))
            elif isinstance(module, nn.Flatten):
                self._hooks.append(module.register_forward_hook(self._flatten))
        if pool is not None:
            reader, self._mask_place = mask_argument(model)
            self._hooks.append(reader.register_forward_pre_hook(self._see_mask, with_kwargs=True))

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
        """Return the features of the last forward, once; of the last ``forwards``, where that is more.

        Raises:
            StudentError: If the layer has not run as often as ``forwards`` since the last call, or ran
                more often in training; a model in training mode last ran without gradients although
                they are enabled now; the model is a copy, as those of ``DataParallel``; or the
                layer's input has several rows an example and there is no ``pool``.
        """
        runs, lost, copied = self._runs, self._lost, self._copied
        self.clear()
        if problem := self._problem(runs, lost=lost, copied=copied):
            raise StudentError(f"layer {self.path!r} {problem}")
        self._tell_later_layers()
        features = [self._rows(run) for run in runs]
        return features[0] if len(features) == 1 else torch.cat(features)

    def clear(self) -> None:
        """Forget all forwards since the last ``take``."""
        self._runs, self._mask = [], None
        self._lost = self._copied = False

    def close(self) -> None:
        """Remove the hooks."""
        if self._later is not None:
            self._later.close()
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def __repr__(self) -> str:
        width = "width" if self.width is None else self.width
        rows = "batch" if self.forwards == 1 else f"{self.forwards} * batch"
        pooled = ", of its last token" if self._pool == "last" else ""
        return (
            f"FeatureTap({type(self.model).__name__}, {self.path!r}: reads [{rows}, {width}], "
            f"the input of {type(self.layer).__name__}{pooled})"
        )

    def __getstate__(self) -> dict[str, Any]:
        """What a copy of the model takes along: no features, which cannot be copied."""
        return self.__dict__ | {"_runs": [], "_mask": None, "_dropped": None, "_kept": None}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, layer: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if isinstance(self.layer, nn.Bilinear):
            entered = torch.cat([*args, *kwargs.values()], dim=1)
        else:
            entered = args[0] if args else next(iter(kwargs.values()))
        if self._dropped is not None and self._dropped[1] is entered:
            entered = self._dropped[0]
        self._dropped = None
        if not _in_backward():
            self._copied = self._copied or layer is not self.layer
            self._note(_Run(entered, self._mask, torch.is_grad_enabled()))

    def _note(self, run: _Run) -> None:
        """Keep the last ``forwards`` runs of one mode, and whether one with gradients was lost."""
        if self._in_training != self.model.training:
            self._runs, self._lost = [], False
            self._in_training = self.model.training
        if len(self._runs) == self.forwards:
            without = [i for i, earlier in enumerate(self._runs) if not earlier.gradients]
            dropped = self._runs.pop(without[0] if without else 0)
            self._lost = self._lost or dropped.gradients
        self._runs.append(run)

    def _problem(self, runs: list[_Run], *, lost: bool, copied: bool) -> str:
        """Why these runs are not the features of a step; empty if they are."""
        if copied:
            return (
                "ran in a copy of the model, as torch.nn.DataParallel makes for each device; use "
                "DistributedDataParallel (torchrun, accelerate launch), or one device "
                "(CUDA_VISIBLE_DEVICES=0)"
            )
        if not runs:
            return (
                "has not run since features were last taken; call the model first (a copy of it needs "
                "its own FeatureTap), give the path of a layer that its forward uses, or, for a "
                "compiled model, create the FeatureTap before torch.compile or call "
                "torch.compiler.reset() after it"
            )
        if len(runs) < self.forwards:
            return (
                f"ran {len(runs)} times since features were last taken, not {self.forwards} times"
            )
        if not torch.is_grad_enabled():
            return ""
        directly = "take features directly after the forward of the training batch"
        if self.model.training and not all(run.gradients for run in runs):
            return (
                "last ran under torch.no_grad(), so no gradient would reach the model in training; "
                f"{directly}, and use checkpoint(..., use_reentrant=False) for activation checkpointing"
            )
        if self.model.training and not self._in_training:
            return f"last ran in evaluation mode, and the model trains now; {directly}"
        if lost:
            most = "once" if self.forwards == 1 else f"{self.forwards} times"
            return (
                f"ran more than {most} since features were last taken, and earlier "
                "features would be dropped; take features after each forward, create "
                f"FeatureTap(..., forwards={self.forwards + 1}) for the features of all, or call clear() "
                "after a forward whose features are not needed"
            )
        return ""

    def _tell_later_layers(self) -> None:
        """Warn once if the layer that was found is not the last linear one that runs."""
        if self._later is None or not self._later.end():
            return
        later, self._later = self._later.paths, None
        if later:
            warnings.warn(
                f"features are the input of {self.path!r}, the linear layer that {type(self.model).__name__} "
                f"registers last, but {later[-1]!r} ran after it; give the path of the layer that gives "
                f"the outputs, such as FeatureTap(model, {later[-1]!r})",
                stacklevel=3,
            )

    def _rows(self, run: _Run) -> Tensor:
        """One row of features for each example."""
        features = run.features
        if features.ndim == 4 and features.shape[2:] == (1, 1):
            features = features.flatten(1)
        if features.ndim == 4 and isinstance(self.layer, nn.Conv2d):
            return features.mean((2, 3))  # of a head that classifies every position
        if features.ndim == 3 and self._pool == "last":
            return last_token(features, run.mask)
        if features.ndim != 2:
            raise StudentError(
                f"what enters layer {self.path!r} has shape {tuple(features.shape)}, not [batch, width]; "
                "give the path of a layer after pooling, or pool='last' for a decoder"
            )
        return features

    def _keep(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        self._kept = args[0].clone() if module.training else args[0]

    def _drop(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        before = self._kept if self._kept is not None else args[0]
        self._dropped, self._kept = (before, output), None

    def _flatten(self, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        if self._dropped is not None and self._dropped[1] is args[0]:
            self._dropped = (self._dropped[0].reshape(output.shape), output)

    def _see_mask(self, _: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        place = self._mask_place
        self._mask = kwargs.get("attention_mask")
        if place is not None and place < len(args):
            self._mask = args[place]


def _in_backward() -> bool:
    """Whether a backward pass runs, in which activation checkpointing repeats forwards."""
    return not torch.compiler.is_compiling() and torch._C._current_graph_task_id() != -1
