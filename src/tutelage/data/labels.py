"""Conversion of label values to class names and class numbers."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from tutelage.data.base import UNLABELLED
from tutelage.errors import DataError

__all__ = ["class_name", "class_names", "class_numbers"]


def class_name(value: Any, *, where: str) -> str | None:
    """Return the class name of a label; None for an empty label.

    Raises:
        DataError: If the value is a fraction, a list or the like.
    """
    if value is None or value == "":
        return None
    if isinstance(value, float):
        if value != value:  # NaN: an empty label in some tables
            return None
        if not value.is_integer():
            raise DataError(
                f"{where} holds {value}, a fraction; labels are classes: whole numbers or names. For "
                "numbers to predict set data.task = 'regression'"
            )
        return str(int(value))
    if isinstance(value, list):
        raise DataError(
            f"{where} holds {value!r}, a list; labels are classes, one a row. For several labels a row "
            "set data.task = 'multi-label'"
        )
    if not isinstance(value, str | int):
        raise DataError(f"{where} holds {value!r}; labels are classes: whole numbers or names")
    return str(value)


def class_names(names: Iterable[str | None]) -> tuple[str, ...]:
    """Return the distinct names: in numeric order if all are integers, else alphabetically.

    Example:
        >>> class_names(["10", "9", None, "9"])
        ('9', '10')
        >>> class_names(["rotten", "fresh"])
        ('fresh', 'rotten')
    """
    present = {name for name in names if name is not None}
    if all(name.removeprefix("-").isdecimal() and name.isascii() for name in present):
        return tuple(sorted(present, key=lambda name: (int(name), name)))
    return tuple(sorted(present))


def class_numbers(
    names: Sequence[str | None], classes: Sequence[str], *, split: str
) -> Int64[Tensor, " rows"]:
    """Return the index of each name among the classes, ``UNLABELLED`` for none.

    Raises:
        DataError: Naming the classes that the training rows do not have.
    """
    numbers: dict[str | None, int] = {name: number for number, name in enumerate(classes)}
    numbers[None] = UNLABELLED
    unknown = sorted({name for name in names if name is not None and name not in numbers})
    if unknown:
        raise DataError(
            f"class {unknown[0]!r} occurs in the {split} rows but not in the training rows"
            + (f" (and {len(unknown) - 1} more such)" if len(unknown) > 1 else "")
            + f"; the training rows have: {_listed(classes)}"
        )
    return torch.tensor([numbers[name] for name in names], dtype=torch.int64)


def _listed(classes: Sequence[str]) -> str:
    return ", ".join(classes[:8]) + (f", … ({len(classes)})" if len(classes) > 8 else "")
