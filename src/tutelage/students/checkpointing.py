"""Gradient checkpointing: activations of a student's blocks are computed again in the backward pass."""

from typing import Any

import torch
from torch import Tensor, nn

from tutelage.errors import StudentError, first_line

__all__ = ["checkpoint_activations", "checkpointing_problem"]

SCHEMES = ("timm", "hf")


def checkpointing_problem(source: str, *, pair: bool, compiles: bool) -> str | None:
    """Return why ``train.gradient_checkpointing`` cannot be used, as far as that is known without a model.

    Args:
        source: The student's string.
        pair: Whether it reads images with texts.
        compiles: Whether it is run through ``torch.compile``.

    Example:
        >>> checkpointing_problem("timm:resnet50", pair=False, compiles=False)
    """
    if pair or source.partition(":")[0] not in SCHEMES:
        return (
            f"train.gradient_checkpointing is for timm: and hf: students of images or of texts, not for "
            f"{source}{' on both' if pair else ''}; leave it out, or choose a smaller train.batch_size"
        )
    if compiles:
        return (
            "train.gradient_checkpointing is not there under train.compile, which chooses itself what it "
            "computes again; leave one of them out"
        )
    return None


def checkpoint_activations(model: nn.Module, *, source: str) -> None:
    """Let a model of timm or transformers keep only what enters its blocks, from now on.

    It costs one more forward pass. Gradients and random draws are those of the plain model, and so are
    BatchNorm's statistics, which a block that runs twice would otherwise count twice.

    Args:
        model: The student's model.
        source: The student's string, for messages.

    Raises:
        StudentError: If its library has no such way for this model.

    Source:
        Chen et al. 2016, arXiv 1604.06174; ``torch.utils.checkpoint`` without reentrance.
    """
    library: Any = model
    try:
        if source.startswith("timm:"):
            library.set_grad_checkpointing(True)
        else:
            new = getattr(
                library, "activation_checkpointing_enable", None
            )  # not in transformers 5.0
            (new or library.gradient_checkpointing_enable)({"use_reentrant": False})
    except (AssertionError, AttributeError, NotImplementedError, ValueError) as error:
        raise StudentError(
            f"train.gradient_checkpointing: {source} has none ({first_line(error)}); leave it out, or "
            "choose a smaller train.batch_size with train.accumulate"
        ) from error
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            _Unrepeated(module)


class _Unrepeated:
    """Leaves a norm's statistics as they are where it runs within a backward pass."""

    def __init__(self, norm: nn.Module) -> None:
        self._kept: list[Tensor] | None = None
        norm.register_forward_pre_hook(self._before)
        # Always: a block stops by an exception where all that is needed was computed again.
        norm.register_forward_hook(self._after, always_call=True)

    def _before(self, norm: nn.Module, _: object) -> None:
        # The id of the backward pass that this thread is in; torch.utils.checkpoint asks for it, too.
        if torch._C._current_graph_task_id() != -1:
            self._kept = [buffer.clone() for buffer in norm.buffers()]

    @torch.no_grad()
    def _after(self, norm: nn.Module, _: object, __: object) -> None:
        if self._kept is not None:
            for buffer, value in zip(norm.buffers(), self._kept, strict=True):
                buffer.copy_(value)
            self._kept = None
