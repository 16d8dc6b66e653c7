"""Floating-point operations of a model's forward, counted by PyTorch."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["COUNTED", "count_flops"]

COUNTED = "matrix products, convolutions and attention; a multiplication and an addition are two"


def count_flops(forward: Callable[[], object]) -> int | None:
    """Return the floating-point operations of one call; None where it has none that is counted.

    Counted are matrix products, convolutions, attention and recurrent layers. A multiplication with
    an addition counts as two, so that the number is twice the multiply-adds (MACs) of other tables.
    Normalizations, activations and other functions of single elements are not counted.

    Args:
        forward: Runs the model once.

    Example:
        >>> layer, row = torch.nn.Linear(8, 5), torch.zeros(1, 8)
        >>> count_flops(lambda: layer(row))
        80
    """
    counter = FlopCounterMode(
        display=False, custom_mapping={torch.ops.aten._trilinear: _bilinear_flops}
    )
    with torch.no_grad(), _only_known_operations(), counter:
        forward()
    return counter.get_total_flops() or None


@contextmanager
def _silent() -> Iterator[None]:
    """PyTorch warns of TF32 whenever oneDNN is switched on a machine without an Intel GPU."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*TF32", category=UserWarning)
        yield


@contextmanager
def _only_known_operations() -> Iterator[None]:
    """Have fused layers run as the operations that they are made of; the fused are not counted."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with (
            _silent(),
            sdpa_kernel(SDPBackend.MATH),
            torch.backends.mkldnn.flags(enabled=False),
        ):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _bilinear_flops(left: Any, weight: Any, right: Any, *_: Any, **__: Any) -> int:
    """Operations of ``torch.nn.Bilinear``: each output of a row is a sum over all pairs of columns."""
    return 2 * int(left[0]) * prod(map(int, weight))
