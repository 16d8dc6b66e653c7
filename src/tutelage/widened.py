"""Numbers of half precision as float32, for computations that need its digits."""

from torch import Tensor, float64

__all__ = ["widened"]


def widened(values: Tensor) -> Tensor:
    """Return float64 as it is, and any other precision in float32.

    Example:
        >>> import torch
        >>> widened(torch.ones(1, dtype=torch.float16)).dtype
        torch.float32
    """
    return values if values.dtype == float64 else values.float()
