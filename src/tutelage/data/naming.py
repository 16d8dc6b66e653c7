"""What the ids of a split's rows are, and how far they identify a row."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

__all__ = ["IdKind", "Naming", "split_names"]

IdKind = Literal["column", "path", "number"]


@dataclass(frozen=True)
class Naming:
    """What the ids of a split's rows are.

    An id identifies a row within its split. Among all splits and sources it depends on its kind: row
    numbers start anew in each split, paths in each source, and a column's ids may.

    Attributes:
        kind: ``"column"``: ids that the data gives; ``"path"``: paths of the rows' files, relative to
            the data's folder; ``"number"``: row numbers, counted from 0.
        split_names: What files made elsewhere may call the split, the preferred name first; empty: only
            as it is called here.
        folder: Of paths, the folder that the class folders lie in, relative to the data's folder.
    """

    kind: IdKind = "column"
    split_names: tuple[str, ...] = ()
    folder: str = ""


def split_names(role: str, stored_as: str, *, present: Collection[str]) -> tuple[str, ...]:
    """Return what files made elsewhere may call a split: by its role or its name in the source.

    A role that is the name of another split of the source would be ambiguous, and is left out.

    Args:
        role: ``train``, ``test`` or ``validation``.
        stored_as: Name of the split in the source.
        present: Names of all splits of the source.

    Example:
        >>> split_names("train", "Training", present=["Training", "Testing"])
        ('train', 'Training')
        >>> split_names("test", "validation", present=["train", "validation", "test"])
        ('validation',)
    """
    if role in present and role != stored_as:
        return (stored_as,)
    return tuple(dict.fromkeys((role, stored_as)))
