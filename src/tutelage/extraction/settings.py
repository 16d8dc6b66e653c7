"""Settings of an extraction, and the device and precision that follow from them."""

from dataclasses import dataclass
from typing import Literal

import torch

from tutelage.cache.key import Dtype
from tutelage.cache.layout import DTYPES
from tutelage.errors import CacheError

__all__ = ["ExtractionSettings", "compute_dtype"]


@dataclass(frozen=True)
class ExtractionSettings:
    """How features are computed and stored.

    Attributes:
        dtype: How features are stored.
        workers: Processes that decode and tokenize; 0 decodes in this process.
        batch_size: Rows per batch, or ``"auto"``: as many as fit in free memory. Batches that do not
            fit after all are halved.
        device: Where the teacher computes; by default CUDA, then MPS, then the CPU.
        engine: Who computes: the processes of this job, or actors of a Ray cluster.

    Raises:
        CacheError: If features cannot be stored in ``dtype``.
    """

    dtype: Dtype = "float16"
    workers: int = 0
    batch_size: int | Literal["auto"] = "auto"
    device: torch.device | str | None = None
    engine: Literal["local", "ray"] = "local"

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise CacheError(f"features can be stored as {' or '.join(DTYPES)}, not {self.dtype!r}")

    def pick_device(self) -> torch.device:
        """Return ``device``, or the fastest one of this machine."""
        if self.device is not None:
            return torch.device(self.device)
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def compute_dtype(device: torch.device, dtype: Dtype) -> torch.dtype:
    """Return the precision that a teacher computes in, for features stored as ``dtype``."""
    if dtype == "float32" or device.type == "cpu":
        return torch.float32
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0):
        return torch.bfloat16
    return torch.float16
