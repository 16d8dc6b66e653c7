"""Columns of several teachers' features: kept apart by name, laid side by side for the arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["TeacherColumns", "TeacherFeatures", "TeacherWidths", "is_count"]

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
        if not isinstance(widths, Mapping) or not all(map(is_count, widths.values())):
            given = (
                f"a tensor {tuple(widths.shape)}" if isinstance(widths, Tensor) else repr(widths)
            )
            raise TypeError(
                "teacher_widths, the second argument, must give the number of columns of each "
                f"teacher, such as {{'dino': 768}} or [768], got {given}"
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
            ValueError: If teachers or widths differ from those of the constructor, or the teachers in
                their number of rows.
        """
        if isinstance(features, Mapping):
            if features.keys() != set(self.names):
                raise ValueError(f"expected teachers {list(self.names)}, got {list(features)}")
            features = [features[name] for name in self.names]
        parts = list(features) if isinstance(features, Sequence) else [features]
        for part in parts:
            if not isinstance(part, Tensor) or not part.is_floating_point():
                raise TypeError(
                    "expected teacher features as floating-point tensors: one with all columns, or "
                    f"one a teacher, in order or by name; got {_described(part)}"
                )
        widths = [self.total] if len(parts) == 1 else list(self.widths)
        shapes = [tuple(part.shape) for part in parts]
        if [shape[1:] for shape in shapes] != [(width,) for width in widths]:
            raise ValueError(
                f"expected teacher features of shape [batch, {self.total}] "
                f"({', '.join(f'{n}: {w}' for n, w in self.by_name.items())}), "
                f"got {' and '.join(map(str, shapes)) or 'none'}"
            )
        if len({len(part) for part in parts}) > 1:
            raise ValueError(
                f"teachers have {' and '.join(str(len(part)) for part in parts)} rows; "
                "all must be the same examples in the same order"
            )
        if len(parts) == 1:
            return parts[0].detach()
        # Autocast on a CPU cannot concatenate float16, in which features are cached.
        with torch.autocast(device_type=parts[0].device.type, enabled=False):
            return torch.cat(parts, dim=1).detach()

    def check_finite(self, columns: Float[Tensor, "batch columns"]) -> None:
        """Check that features are numbers.

        Raises:
            ValueError: If one is NaN or infinite; the message names teacher and row.
        """
        for name, part in zip(
            self.names, torch.split(columns, list(self.widths), dim=1), strict=True
        ):
            rows = (~part.isfinite()).any(dim=1).nonzero().flatten()
            if len(rows):
                raise ValueError(
                    f"features of teacher {name!r} hold NaN or infinity, in row {int(rows[0])} of the "
                    f"batch ({len(rows)} of {len(part)} rows); leave such examples out, or compute "
                    "their features anew, for example in float32"
                )

    def differs_in_order(self, widths: Mapping[str, int]) -> bool:
        """Return whether columns of these teachers, side by side, are other teachers' than here.

        Other names alone are not: the same teachers may be named anew.

        Example:
            >>> columns = TeacherColumns.of({"clip": 2, "dino": 2})
            >>> columns.differs_in_order({"dino": 2, "clip": 2}), columns.differs_in_order({"a": 2, "b": 2})
            (True, False)
        """
        names = tuple(widths)
        if tuple(widths.values()) != self.widths:
            return True
        return names != self.names and set(names) == set(self.names)

    def split(self, columns: Tensor) -> dict[str, Tensor]:
        """Return each teacher's part of a tensor with one entry a column."""
        return dict(zip(self.names, torch.split(columns, list(self.widths)), strict=True))


def is_count(value: object) -> bool:
    """Whether a value is a whole number, of Python or NumPy.

    Example:
        >>> is_count(16), is_count(16.0), is_count([16])
        (True, False, False)
    """
    return isinstance(value, Integral)


def _described(features: object) -> str:
    """What came in place of a floating-point tensor, and how it becomes one."""
    if isinstance(features, Tensor):
        return f"a tensor of {features.dtype}; features.float() is one"
    name = type(features).__name__
    return f"{name}; torch.from_numpy(features) is one" if name == "ndarray" else name
