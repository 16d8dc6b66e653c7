"""Kernels of Gram matrices, and the distance of two kernels."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["Kernel", "centered", "check_kernel", "kernel_of", "root_mean_square"]

Kernel = Literal["linear", "rbf"]

NORM_FLOOR = 1e-8
ROOT_FLOOR = 1e-8


def centered(features: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
    """Return features minus their mean over the batch, in float32 or wider."""
    wide = features if features.dtype == torch.float64 else features.float()
    return wide - wide.mean(dim=0)


def check_kernel(kernel: str) -> None:
    """Refuse a kernel that does not exist."""
    if kernel not in ("linear", "rbf"):
        raise ValueError(f"kernel must be one of linear, rbf, not {kernel!r}")


def kernel_of(gram: Float[Tensor, "batch batch"], kernel: Kernel) -> Float[Tensor, "batch batch"]:
    """Return the kernel of features from their Gram matrix, with rows scaled to unit length.

    Args:
        gram: ``X Xᵀ`` of centered features; rows are normalized here, on a small matrix.
        kernel: ``"linear"``: cosines. ``"rbf"``: ``exp(-||x_i - x_j||²)`` of the unit rows.

    Raises:
        ValueError: If there are fewer than two examples.
    """
    if len(gram) < 2:
        raise ValueError("a kernel needs at least two examples in a batch, got one")
    lengths = gram.diagonal().clamp_min(torch.finfo(gram.dtype).tiny).sqrt() + NORM_FLOOR
    cosines = gram / (lengths[:, None] * lengths)
    if kernel == "linear":
        return cosines
    squared = cosines.diagonal()
    return (2 * cosines - squared[:, None] - squared).exp()


def root_mean_square(difference: Float[Tensor, "batch batch"]) -> Float[Tensor, ""]:
    """Return ``sqrt(mean_ij d_ij² + 1e-8)``, which is differentiable at zero."""
    return (difference.square().mean() + ROOT_FLOOR).sqrt()
