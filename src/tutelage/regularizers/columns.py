"""Several teachers' features: kept apart by name, laid side by side for the arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["TeacherFeatures", "Teachers"]

TeacherFeatures = Tensor | Sequence[Tensor] | Mapping[str, Tensor]
"""One tensor ``[batch, all columns]``, or one tensor a teacher, in order or by name."""


@dataclass(frozen=True)
class Teachers:
    """Names and widths of the teachers, in the order in which their columns lie.

    Example:
        >>> Teachers.of({"clip": 768, "dino": 1536}).total
        2304
    """

    names: tuple[str, ...]
    widths: tuple[int, ...]

    @classmethod
    def of(cls, widths: Sequence[int] | Mapping[str, int]) -> "Teachers":
        """Name unnamed teachers ``teacher0``, ``teacher1`` and so on.

        Raises:
            ValueError: If there is no teacher, or a width is not positive.
        """
        if not isinstance(widths, Mapping):
            widths = {f"teacher{i}": width for i, width in enumerate(widths)}
        if not widths or min(widths.values()) < 1:
            raise ValueError(f"teachers need at least one column each, got widths {dict(widths)}")
        return cls(tuple(widths), tuple(widths.values()))

    @property
    def total(self) -> int:
        """Columns of all teachers."""
        return sum(self.widths)

    def join(self, features: TeacherFeatures) -> Float[Tensor, "batch columns"]:
        """Lay the teachers' features side by side, as they are if they lie so already.

        Raises:
            ValueError: If teachers, or their widths, are not those that were announced.
        """
        if isinstance(features, Mapping):
            if features.keys() != set(self.names):
                raise ValueError(f"expected teachers {list(self.names)}, got {list(features)}")
            features = [features[name] for name in self.names]
        parts = [features] if isinstance(features, Tensor) else list(features)
        # Autocast on a CPU cannot concatenate float16, in which features are cached.
        with torch.autocast(device_type=parts[0].device.type, enabled=False):
            joined = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        if joined.ndim != 2 or joined.shape[1] != self.total:
            raise ValueError(
                f"expected teacher features of shape [batch, {self.total}] "
                f"({', '.join(f'{n}: {w}' for n, w in zip(self.names, self.widths, strict=True))}), "
                f"got {tuple(joined.shape)}"
            )
        return joined

    def split(self, columns: Tensor) -> dict[str, Tensor]:
        """Give each teacher its part of something that has one entry a column."""
        return dict(zip(self.names, torch.split(columns, list(self.widths)), strict=True))
