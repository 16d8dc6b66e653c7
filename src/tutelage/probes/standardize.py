"""Standardized features, held on the device where they fit, else read again at every pass."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from tutelage.cache.statistics import RunningMoments
from tutelage.cache.table import SelectedTable, blocks, matrix, total_width
from tutelage.errors import DataError
from tutelage.memory import free_memory
from tutelage.rounding import varies_by_rounding

__all__ = ["HOLD_UP_TO", "StandardizedRows"]

HOLD_UP_TO = 2 * 2**30
"""Standardized features of at most this many bytes, in float32, are held between passes."""

FREE_SHARE = 0.25
"""Share of the free memory that held features may take."""


class StandardizedRows:
    """Features brought to mean 0 and deviation 1 (or a weight of the column), by their own statistics.

        z = (x - mean) / scale,    scale = deviation / weight

    A column that is constant, or varies by its rounding alone, is not divided.

    Args:
        rows: The rows, at least one.
        weights: Deviation of each column; 1 where None.
        device: Device of the passes.

    Raises:
        DataError: If a number is not finite.

    Attributes:
        mean: Mean of each column.
        scale: What columns are divided by; infinite where the weight is 0.
    """

    def __init__(
        self,
        rows: SelectedTable,
        *,
        weights: Float[Tensor, " width"] | None,
        device: torch.device,
    ) -> None:
        self.device = device
        self._rows = rows
        self._held: list[Tensor] = []
        hold = 4 * len(rows) * total_width(rows) <= min(HOLD_UP_TO, FREE_SHARE * free_memory())
        moments = RunningMoments(total_width(rows))
        for place, block in blocks(rows):
            _refuse_not_finite(block, numbers=rows.rows[place])
            moments.update(block.cpu())
            if hold:
                self._held.append(block.to(device, torch.float32, copy=True))
        mean, std = torch.from_numpy(moments.mean), torch.from_numpy(moments.std)
        std[varies_by_rounding(mean, std)] = 1.0
        self.mean: Float32[Tensor, " width"] = mean.float()
        self.scale: Float32[Tensor, " width"] = (std if weights is None else std / weights).float()
        self._shift, self._factor = self.mean.to(device), (1 / self.scale).to(device)
        for block in self._held:
            block.sub_(self._shift).mul_(self._factor)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def width(self) -> int:
        """Columns."""
        return total_width(self._rows)

    def blocks(self) -> Iterator[Float32[Tensor, "block width"]]:
        """Go through all rows in order, in float32 on the device.

        A block is good until the next one is asked for: where rows are read again, all lie in the same
        memory. New memory for each would be left in pieces that the process does not give back.
        """
        if self._held:
            yield from self._held
            return
        held: Tensor | None = None
        for _, block in blocks(self._rows):
            if held is None:
                held = torch.empty(block.shape, dtype=torch.float32, device=self.device)
            found = held[: len(block)].copy_(block)
            yield found.sub_(self._shift).mul_(self._factor)

    def sample(self, count: int) -> Float32[Tensor, "count width"]:
        """Return rows spread evenly over all of them: ``count``, or as many as there are."""
        count = min(count, len(self))
        spread = torch.arange(count) * len(self) // count
        return self._standardize(matrix(self._rows, spread))

    def _standardize(self, block: Tensor) -> Tensor:
        found = block.to(self.device, torch.float32, copy=True)
        return found.sub_(self._shift).mul_(self._factor)


def _refuse_not_finite(block: Tensor, *, numbers: Int64[Tensor, " block"]) -> None:
    if bool(block.sum(dtype=torch.float32).isfinite()):  # a tenth of the time of looking at each
        return
    for row, column in (~block.isfinite()).nonzero()[:1].tolist():
        raise DataError(
            f"features must be finite numbers, but row {int(numbers[row])} has "
            f"{block[row, column].item()} in column {column}; extract them again, in float32 where "
            "they outgrow float16"
        )
