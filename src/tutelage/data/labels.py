"""Conversion of label values to class names and class numbers."""

import ast
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from tutelage.data.base import UNLABELLED
from tutelage.errors import DataError

__all__ = [
    "class_name",
    "class_names",
    "class_numbers",
    "differing_in_case",
    "doubtful_classes",
    "list_in_text",
    "refuse_decimals",
    "whole_numbers",
]

_DECIMAL = re.compile(r"[-+]?(\d+[.,]?\d*|[.,]\d+)([eE][-+]?\d+)?")
_WHOLE = re.compile(r"(-?\d+)(\.0*)?")
_ENTRY = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d*)?)"""
_LIST = re.compile(rf"[\[({{]\s*(?:{_ENTRY}\s*(?:,\s*{_ENTRY}\s*)*,?\s*)?[\])}}]")
_REGRESSION = "for numbers to predict set data.task = 'regression'"
_MISSING = frozenset({"nan", "na", "n/a", "none", "null", "<na>", "nat", "?", "-"})


def class_name(value: Any, *, where: str) -> str | None:
    """Return the class name of a label, without blanks around it; None for an empty label.

    Raises:
        DataError: If the value is a fraction, a list or the like.
    """
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise DataError(f"{where} holds bytes that are no text ({value[:20]!r})") from None
    if isinstance(value, str):
        return value.strip() or None
    if value is None:
        return None
    if isinstance(value, Decimal) and value.is_finite():
        value = int(value) if value == value.to_integral_value() else float(value)
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
    if not isinstance(value, int):
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


def whole_numbers(names: Mapping[str, Sequence[str | None]]) -> dict[str, list[str | None]]:
    """Write class names that are whole numbers in all splits alike: ``1.0`` is ``1``.

    Example:
        >>> whole_numbers({"train": ["1.0", "0.0", None], "test": ["1"]})
        {'train': ['1', '0', None], 'test': ['1']}
        >>> whole_numbers({"train": ["1.0", "1.5"]})
        {'train': ['1.0', '1.5']}
    """
    written: dict[str, str] = {}
    for name in {name for split in names.values() for name in split if name is not None}:
        match = _WHOLE.fullmatch(name)
        if match is None:
            return {role: list(split) for role, split in names.items()}
        written[name] = match[1]
    return {
        role: [None if name is None else written[name] for name in split]
        for role, split in names.items()
    }


def list_in_text(text: str) -> list[str | int | float] | None:
    """Return the entries of a list that was written as a text, as pandas does; None for others.

    Example:
        >>> list_in_text("['a', 'b']"), list_in_text("[]"), list_in_text("a, b")
        (['a', 'b'], [], None)
    """
    if _LIST.fullmatch(text.strip()) is None:
        return None
    try:
        entries = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):  # closed by another bracket than opened
        return None
    return sorted(entries, key=str) if isinstance(entries, set) else list(entries)


def refuse_decimals(classes: Sequence[str], labels: Int64[Tensor, " rows"], *, where: str) -> None:
    """Refuse decimal numbers for classes where one is in a single training row.

    Args:
        classes: Names of the classes.
        labels: Class numbers of the training rows.
        where: Name of the source, for messages.

    Raises:
        DataError: If they are such numbers.

    Example:
        >>> refuse_decimals(["1.5", "2"], torch.tensor([0, 1, 0, 1]), where="table:films.csv")
    """
    if not _are_decimal(classes):
        return
    counts = labels[labels != UNLABELLED].bincount()
    if single := (counts == 1).nonzero().flatten().tolist():
        raise DataError(
            f"the labels of {where} are {len(classes)} different decimal numbers, {len(single)} of them "
            f"({classes[single[0]]}) in a single row; {_REGRESSION}, for classes add rows of these"
        )


def _are_decimal(names: Collection[str]) -> bool:
    """Whether all names are numbers, some with a fraction."""
    return all(map(_DECIMAL.fullmatch, names)) and not all(map(_WHOLE.fullmatch, names))


def doubtful_classes(classes: Sequence[str]) -> list[str]:
    """Say which classes may be one, none or misread: by case, by look, as missing values or numbers.

    Example:
        >>> doubtful_classes(["Pos", "neg", "pos"])
        ["the classes 'Pos' and 'pos' differ only in upper and lower case"]
    """
    notes = [*differing_in_case(classes), *_looking_alike(classes)]
    for name in classes:
        bare = name.strip("\"'")
        if bare and len(name) - len(bare) >= 2 and name[0] == name[-1] in "\"'":
            notes.append(f"quotation marks are part of the class {name}")
        if name.casefold() in _MISSING:
            notes.append(
                f"a class is called {name!r}; if that stands for a missing label, leave these cells empty"
            )
    if (
        len(classes) > 2
        and "-1" in classes
        and all(name.isdecimal() for name in {*classes} - {"-1"})
    ):
        notes.append("a class is called '-1'; if that stands for no label, leave these cells empty")
    if len(classes) > 2 and _are_decimal(classes):
        notes.append(f"the classes are decimal numbers; {_REGRESSION}")
    return notes


def differing_in_case(classes: Sequence[str]) -> list[str]:
    """Say which classes differ only in upper and lower case, or nothing."""
    notes, by_case = [], dict[str, str]()
    for name in classes:
        other = by_case.setdefault(name.casefold(), name)
        if other != name:
            notes.append(f"the classes {other!r} and {name!r} differ only in upper and lower case")
    return notes


def _looking_alike(classes: Sequence[str]) -> list[str]:
    """Say which classes look the same: in two Unicode forms, or with other blanks inside."""
    notes, by_look = [], dict[str, str]()
    for name in classes:
        visible = "".join(c for c in name if unicodedata.category(c) != "Cf")
        other = by_look.setdefault(" ".join(unicodedata.normalize("NFC", visible).split()), name)
        if other != name:
            notes.append(f"the classes {other!a} and {name!a} look alike, and are two")
    return notes


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
            + (f"; {_REGRESSION}" if _are_decimal([*classes, *unknown]) else "")
        )
    return torch.tensor([numbers[name] for name in names], dtype=torch.int64)


def _listed(classes: Sequence[str]) -> str:
    return ", ".join(classes[:8]) + (f", … ({len(classes)})" if len(classes) > 8 else "")
