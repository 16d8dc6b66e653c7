"""Teachers' features kept on the device for the time of training, where they fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from tutelage.cache.table import FeatureTable
from tutelage.errors import ConfigError
from tutelage.files import human_size
from tutelage.memory import free_memory

__all__ = ["HeldFeatures", "hold_features"]

FREE_SHARE = 0.25
"""Share of the device's free memory that features may take by themselves."""

BLOCK_ROWS = 8192


@dataclass(frozen=True)
class HeldFeatures:
    """A table's features as one tensor a teacher on a device, in the precision of the table.

    Attributes:
        features: Features of all rows, by teacher.

    Example:
        >>> held = HeldFeatures({"dino": torch.arange(6.0).reshape(3, 2)})
        >>> held.gather(torch.tensor([2, 0]))["dino"].tolist()
        [[4.0, 5.0], [0.0, 1.0]]
    """

    features: Mapping[str, Float[Tensor, "rows _"]]

    def gather(self, indices: Int64[Tensor, " batch"]) -> dict[str, Float[Tensor, "batch _"]]:
        """Return every teacher's features of these rows, which are named on the device."""
        return {name: one.index_select(0, indices) for name, one in self.features.items()}


def hold_features(
    table: FeatureTable, asked: bool | Literal["auto"], *, device: torch.device
) -> HeldFeatures | None:
    """Copy a table's features to the device, as ``cache.on_device`` asks.

    Args:
        table: The training rows.
        asked: ``"auto"``: on CUDA, if they take at most a quarter of its free memory.
        device: Where the student is trained.

    Returns:
        None if they stay in the cache.

    Raises:
        ConfigError: If they are asked for and do not fit.
    """
    if asked is False or (asked == "auto" and device.type != "cuda"):
        return None
    some = table.gather(torch.tensor([0]))  # its precision is the widest of all rows
    needed = len(table) * sum(one.shape[1] * one.element_size() for one in some.values())
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if asked == "auto" and needed > FREE_SHARE * free:
        return None
    if needed > free:
        raise ConfigError(
            f"cache.on_device = true: the features of {len(table):,} rows take {human_size(needed)}, and "
            f"{human_size(free)} of the memory of {device.type} are free; leave it out, or choose fewer "
            "teachers or views"
        )
    features = {
        name: torch.empty(len(table), one.shape[1], dtype=one.dtype, device=device)
        for name, one in some.items()
    }
    for start in range(0, len(table), BLOCK_ROWS):
        rows = torch.arange(start, min(start + BLOCK_ROWS, len(table)))
        for name, block in table.gather(rows).items():
            features[name][start : start + len(rows)] = block
    return HeldFeatures(features)
