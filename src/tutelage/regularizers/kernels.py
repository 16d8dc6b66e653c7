"""Gram matrices, their kernels, and the distance of two kernels."""

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.widened import widened

__all__ = ["Kernel", "centered", "check_kernel", "gram_matrix", "kernel_of", "root_mean_square"]

Kernel = Literal["linear", "rbf"]

NORM_FLOOR = 1e-8
ROOT_FLOOR = 1e-8


def centered(features: Float[Tensor, "batch width"]) -> Float[Tensor, "batch width"]:
    """Return features minus their mean over the batch, in float32 or wider."""
    wide = widened(features)
    return wide - wide.mean(dim=0)


def gram_matrix(features: Float[Tensor, "batch width"]) -> Float[Tensor, "batch batch"]:
    """Return ``X Xᵀ``; its gradient ``(G + Gᵀ) X`` is one product, where autograd's is two.

    Example:
        >>> gram_matrix(torch.tensor([[1.0, 2.0], [0.0, 1.0]]))
        tensor([[5., 2.],
                [2., 1.]])
    """
    product: Tensor = _Gram.apply(features)
    return product


class _Gram(torch.autograd.Function):
    """The product of features with themselves."""

    generate_vmap_rule = True

    @staticmethod
    def forward(features: Tensor) -> Tensor:
        return features @ features.T

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (features,), (gradient,) = ctx.saved_tensors, gradients
        result: Tensor = (gradient + gradient.T) @ features
        return result


def check_kernel(kernel: str) -> None:
    """Refuse a kernel that does not exist."""
    if kernel not in ("linear", "rbf"):
        raise ValueError(f"kernel must be one of linear, rbf, not {kernel!r}")


def kernel_of(
    gram: Float[Tensor, "batch rows"],
    kernel: Kernel,
    *,
    squares: Float[Tensor, " rows"] | None = None,
) -> Float[Tensor, "batch rows"]:
    """Return the kernel of features from their Gram matrix, with rows scaled to unit length.

    Args:
        gram: ``X Xᵀ`` of centered features, or its first rows; they are normalized here, on a small
            matrix.
        kernel: ``"linear"``: cosines. ``"rbf"``: ``exp(-||x_i - x_j||²)`` of the unit rows.
        squares: The squared lengths of all rows of ``X``; by default the diagonal of ``gram``.

    Raises:
        ValueError: If there are fewer than two examples.
    """
    batch, rows = gram.shape
    if rows < 2:
        raise ValueError("a kernel needs at least two examples in a batch, got one")
    diagonal = gram.diagonal() if squares is None else squares
    lengths = diagonal.clamp_min(torch.finfo(gram.dtype).tiny).sqrt() + NORM_FLOOR
    cosines = gram / (lengths[:batch, None] * lengths)
    if kernel == "linear":
        return cosines
    squared = cosines.diagonal() if squares is None else squares / lengths.square()
    return (2 * cosines - squared[:batch, None] - squared).exp()


def root_mean_square(difference: Float[Tensor, "batch rows"]) -> Float[Tensor, ""]:
    """Return ``sqrt(mean_ij d_ij² + 1e-8)``, which is differentiable at zero."""
    return (difference.square().mean() + ROOT_FLOOR).sqrt()
