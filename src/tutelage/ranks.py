"""Rows of all processes of a distributed run, gathered with gradient."""

import math
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["gather_rows", "process_count"]


def process_count() -> int:
    """Return how many processes train together; 1 where none were started."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather_rows(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Return each tensor with the rows of all processes, those of the first process first.

    Processes may have different numbers of rows. All must call this, with tensors of the same
    dtypes and of the same shapes but for the rows. One process gets its tensors back.

    The gradient of a row is the sum over all processes of what their losses say about it. Where each
    process computes the same loss ``L`` of all rows, and gradients of parameters are averaged over
    processes as ``DistributedDataParallel`` does, the average is the gradient of ``L``: that of one
    process with all rows. It holds of parameters behind the gathered rows and of others, such as
    those of a regularizer.

    Values travel as bytes, in one message, so every dtype is exact. Gradients of half precision are
    summed in float32. The numbers of rows are read from the device in each call.

    Args:
        tensors: ``[rows, ...]`` each, on one device, with equally many rows in a process.

    Raises:
        ValueError: If the tensors of this process differ in their number of rows.

    Example:
        >>> rows, labels = gather_rows(torch.zeros(3, 2), torch.tensor([0, 1, 1]))
        >>> len(rows), len(labels)  # in one process
        (3, 3)
    """
    lengths = {len(tensor) for tensor in tensors}
    if len(lengths) > 1:
        raise ValueError(
            f"tensors of one batch have {' and '.join(map(str, sorted(lengths)))} rows; all must be "
            "the same examples in the same order"
        )
    if process_count() == 1 or not tensors:
        return tensors
    gather = _Gather.apply
    if torch.compiler.is_compiling():  # messages are no part of a graph
        # As a decorator it would load the compiler with the library.
        gather = torch.compiler.disable(gather)  # type: ignore[no-untyped-call]
    gathered: tuple[Tensor, ...] = gather(*tensors)
    return gathered


class _Gather(torch.autograd.Function):
    """Concatenation over processes; its gradient is the sum of all processes' gradients."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        counts = _counts(tensors[0])
        ctx.start = sum(counts[: dist.get_rank()])
        ctx.dtypes = [tensor.dtype for tensor in tensors]
        ctx.rows = len(tensors[0])
        packed = torch.cat([_as_bytes(tensor) for tensor in tensors], dim=1)
        widths = [_as_bytes(tensor).shape[1] for tensor in tensors]
        padded = packed.new_zeros(max(counts), packed.shape[1])
        padded[: len(packed)] = packed
        received = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(received, padded)
        rows = torch.cat([part[:count] for part, count in zip(received, counts, strict=True)])
        gathered = tuple(
            part.clone(memory_format=torch.contiguous_format)
            .view(tensor.dtype)
            .reshape(len(rows), *tensor.shape[1:])
            for part, tensor in zip(torch.split(rows, widths, dim=1), tensors, strict=True)
        )
        fixed = [
            part for part, needed in zip(gathered, ctx.needs_input_grad, strict=True) if not needed
        ]
        ctx.mark_non_differentiable(*fixed)
        return gathered

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        own = slice(ctx.start, ctx.start + ctx.rows)
        results: list[Tensor | None] = []
        for gradient, dtype, needed in zip(
            gradients, ctx.dtypes, ctx.needs_input_grad, strict=True
        ):
            if not needed:
                results.append(None)
                continue
            total = gradient if dtype == torch.float64 else gradient.float()
            total = total.clone(memory_format=torch.contiguous_format)
            dist.all_reduce(total)
            results.append(total[own].to(dtype))
        return tuple(results)


def _counts(tensor: Tensor) -> list[int]:
    """The number of rows of each process."""
    own = torch.tensor([len(tensor)], device=tensor.device)
    counts = [torch.empty_like(own) for _ in range(process_count())]
    dist.all_gather(counts, own)
    numbers: list[int] = torch.cat(counts).tolist()
    return numbers


def _as_bytes(tensor: Tensor) -> Tensor:
    """The rows of a tensor as bytes, ``[rows, bytes of a row]``."""
    flat = tensor.detach().reshape(len(tensor), math.prod(tensor.shape[1:])).contiguous()
    return flat.view(torch.uint8)
