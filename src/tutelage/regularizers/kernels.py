"""Gram matrices, their kernels, and the distance of two kernels."""

import warnings
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.widened import widened

__all__ = [
    "Kernel",
    "centered",
    "check_kernel",
    "check_rows",
    "cosine_distance",
    "gram_matrix",
    "kernel_of",
    "root_mean_square",
]

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


def check_rows(rows: int) -> None:
    """Refuse a batch without pairs, and warn of one whose only pair tells nothing.

    Around their mean, two rows are opposite, whatever the features are.
    """
    if rows < 2:
        raise ValueError(
            f"a kernel needs at least two examples in a batch, got {rows}; a DataLoader leaves a smaller "
            "last batch out with drop_last=True"
        )
    if rows == 2 and not torch.compiler.is_compiling():
        warnings.warn(
            "kernels of two examples are equal whatever the features are, so a batch of two transfers "
            "nothing; use larger batches, or compare with recent rows, as AFTLoss(..., memory=256) does",
            stacklevel=2,
        )


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
    check_rows(rows)
    lengths = _roots(gram.diagonal() if squares is None else squares) + NORM_FLOOR
    cosines = gram / (lengths[:batch, None] * lengths)
    if kernel == "linear":
        return cosines
    squared = cosines.diagonal() if squares is None else squares / lengths.square()
    return (2 * cosines - squared[:batch, None] - squared).exp()


def root_mean_square(difference: Float[Tensor, "batch rows"]) -> Float[Tensor, ""]:
    """Return ``sqrt(mean_ij d_ij² + 1e-8)``, which is differentiable at zero."""
    return (difference.square().mean() + ROOT_FLOOR).sqrt()


def cosine_distance(
    student: Float[Tensor, "batch student"], teacher: Float[Tensor, "batch teacher"]
) -> Float[Tensor, ""]:
    """Return ``root_mean_square`` of the difference of two linear kernels.

    The same as by ``kernel_of``, but with the gradient written out, in half as many operations: a small
    batch, and each batch on a GPU, waits for their number rather than for their work.

    Args:
        student: Features of the model in training; they are centered here, and so is their gradient.
        teacher: Features of the same examples, already centered.

    Raises:
        ValueError: If there are fewer than two examples.
    """
    check_rows(len(student))
    # A Function that torch.func could transform would cost 50 µs more with every call.
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        return _plain_distance(student, teacher)
    distance: Tensor = _CosineDistance.apply(student, teacher)
    return distance


class _CosineDistance(torch.autograd.Function):
    """Both kernels as one tensor ``[2, batch, batch]``.

    With ``K = G / l lᵀ``, ``l = sqrt(diag G) + 1e-8`` and ``S = dR/dK = (K - K') / (B² R)``,

        dR/dG = S / l lᵀ - diag( (S ∘ K) 1 / (l ∘ sqrt(diag G)) ),    dR/dX = 2 dR/dG X,

    since ``S`` is symmetric; for the teacher with the other sign. The student's features are ``X`` plus
    their mean, so their gradient is ``dR/dX`` less its mean over the batch.
    """

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor) -> Tensor:
        around = centered(student)
        grams = torch.stack([around @ around.T, teacher @ teacher.T])
        roots = _roots(grams.diagonal(dim1=1, dim2=2))
        lengths = roots + NORM_FLOOR
        products = lengths[..., None] * lengths[..., None, :]
        cosines = grams / products
        difference = cosines[0] - cosines[1]
        distance = root_mean_square(difference)
        parts = (around, cosines, products, roots * lengths, difference, distance)
        ctx.save_for_backward(student, teacher, *parts)
        return distance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        student, teacher, around, cosines, products, squares, difference, distance = (
            ctx.saved_tensors
        )
        (gradient,), needed = gradients, ctx.needs_input_grad
        if torch.is_grad_enabled():  # a gradient of this gradient is going to be asked for
            return _differentiable_gradients(student, teacher, gradient, needed)
        slope = 2 / difference.numel() * gradient / distance * difference
        along = slope / products
        across = (slope * cosines).sum(dim=2) / squares
        along.diagonal(dim1=1, dim2=2).sub_(across)
        return (
            centered(along[0] @ around) if needed[0] else None,
            torch.addmm(teacher, along[1], teacher, beta=0, alpha=-1) if needed[1] else None,
        )


def _differentiable_gradients(
    student: Tensor, teacher: Tensor, gradient: Tensor, needed: tuple[bool, bool]
) -> tuple[Tensor | None, ...]:
    """The gradients of the distance as a graph of plain operations."""
    wanted = [each for each, is_needed in zip((student, teacher), needed, strict=True) if is_needed]
    distance = _plain_distance(student, teacher)
    found = iter(torch.autograd.grad(distance, wanted, gradient, create_graph=True))
    return tuple(next(found) if is_needed else None for is_needed in needed)


def _plain_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """The distance by operations that are differentiable any number of times."""
    kernels = [kernel_of(gram_matrix(each), "linear") for each in (centered(student), teacher)]
    return root_mean_square(kernels[0] - kernels[1])


def _roots(squares: Tensor) -> Tensor:
    return squares.clamp_min(torch.finfo(squares.dtype).tiny).sqrt()
