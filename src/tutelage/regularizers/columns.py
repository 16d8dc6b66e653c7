"""Columns of several teachers' features: kept apart by name, laid side by side for the arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["TeacherColumns", "TeacherFeatures", "TeacherWidths"]

TeacherFeatures = Tensor | Sequence[Tensor] | Mapping[str, Tensor]
"""One tensor ``[batch, all columns]``, or one tensor a teacher, in order or by name."""

TeacherWidths = Sequence[int] | Mapping[str, int]
"""The number of columns of each teacher, in order or by name."""


@dataclass(frozen=True)
class TeacherColumns:
    """Names and widths of the teachers, in the order of their columns.

    Example:
        >>> TeacherColumns.of({"clip": 768, "dino": 1536}).total
        2304
    """

    names: tuple[str, ...]
    widths: tuple[int, ...]

    @classmethod
    def of(cls, widths: "TeacherWidths | TeacherColumns") -> "TeacherColumns":
        """Return the columns of teachers of these widths; unnamed ones become ``teacher0`` and so on.

        Raises:
            TypeError: If the widths are neither a sequence nor a mapping.
            ValueError: If there is no teacher, or a width is not positive.
        """
        if isinstance(widths, TeacherColumns):
            return widths
        if isinstance(widths, Sequence) and not isinstance(widths, str):
            widths = {f"teacher{i}": width for i, width in enumerate(widths)}
        if not isinstance(widths, Mapping):
            raise TypeError(
                "teacher_widths must give the width of each teacher, such as {'dino': 768} or [768], "
                f"got {widths!r}"
            )
        if not widths or min(widths.values()) < 1:
            raise ValueError(f"teachers need at least one column each, got widths {dict(widths)}")
        return cls(tuple(widths), tuple(widths.values()))

    @property
    def by_name(self) -> dict[str, int]:
        """The width of each teacher."""
        return dict(zip(self.names, self.widths, strict=True))

    @property
    def total(self) -> int:
        """The number of columns of all teachers."""
        return sum(self.widths)

    def join(self, features: TeacherFeatures) -> Float[Tensor, "batch columns"]:
        """Return the teachers' features side by side, without gradients.

        Raises:
            TypeError: If they are no tensors of a floating dtype.
            ValueError: If teachers or widths differ from those of the constructor.
        """
        if isinstance(features, Mapping):
            if features.keys() != set(self.names):
                raise ValueError(f"expected teachers {list(self.names)}, got {list(features)}")
            features = [features[name] for name in self.names]
        parts = list(features) if isinstance(features, Sequence) else [features]
        for part in parts:
            if not isinstance(part, Tensor) or not part.is_floating_point():
                given = part.dtype if isinstance(part, Tensor) else type(part).__name__
                raise TypeError(
                    "expected teacher features as floating-point tensors: one with all columns, or "
                    f"one a teacher, in order or by name; got {given}"
                )
        # Autocast on a CPU cannot concatenate float16, in which features are cached.
        with torch.autocast(device_type=parts[0].device.type, enabled=False):
            joined = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        if joined.ndim != 2 or joined.shape[1] != self.total:
            raise ValueError(
                f"expected teacher features of shape [batch, {self.total}] "
                f"({', '.join(f'{n}: {w}' for n, w in self.by_name.items())}), "
                f"got {tuple(joined.shape)}"
            )
        return joined.detach()

    def split(self, columns: Tensor) -> dict[str, Tensor]:
        """Return each teacher's part of a tensor with one entry a column."""
        return dict(zip(self.names, torch.split(columns, list(self.widths)), strict=True))
