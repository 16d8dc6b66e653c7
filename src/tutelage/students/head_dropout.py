"""Dropout in front of a classifier that a model of timm applies as a function, which no hook sees."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from tutelage.students.base import evaluating
from tutelage.tap import FeatureTap

__all__ = ["drop_behind"]


def drop_behind(tap: FeatureTap, run: Callable[[], object]) -> None:
    """Let a model of timm drop behind its tap, so that features are those in front of the dropout.

    Many models of timm (ResNet, EfficientNet, MobileNet, GhostNet, ...) call the function in front of
    the classifier, with their ``drop_rate``. They stop, and what enters the classifier is dropped as
    before, once the tap has read it. Models whose dropout is a module, which the tap sees, stay as
    they are.

    Args:
        tap: Reads the input of the classifier.
        run: Calls the model once.
    """
    model: Any = tap.model
    rate = getattr(model, "drop_rate", 0.0)
    if not isinstance(rate, float) or rate <= 0 or not _drops(tap, run):
        return
    model.drop_rate = 0.0
    tap.layer.register_forward_pre_hook(_Dropped(rate))


class _Dropped:
    """A hook that drops what enters a layer in training."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        features, *others = args
        return functional.dropout(features, self.rate, layer.training), *others


@torch.no_grad()
def _drops(tap: FeatureTap, run: Callable[[], object]) -> bool:
    """Whether features change if the model, and nothing else, drops everything in training."""
    model: Any = tap.model
    rate = model.drop_rate

    def features(*, dropped: float) -> Tensor:
        model.drop_rate, model.training = dropped, dropped > 0
        run()
        return tap.take()

    with evaluating(model):  # modules that drop are in evaluation mode in both
        try:
            return not torch.equal(features(dropped=0.0), features(dropped=1.0))
        finally:
            model.drop_rate = rate
