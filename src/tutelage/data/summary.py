"""What was read of a data source, in words."""

from tutelage.data.base import Data

__all__ = ["summary"]

_NAMED = 10


def summary(data: Data, *, source: str) -> tuple[str, ...]:
    """Return lines that name rows, classes, and how the source was read where that is not plain.

    Args:
        data: What was read.
        source: The value of ``data.source``.
    """
    counts = ", ".join(f"{len(split)} {name}" for name, split in data.splits.items())
    kind = {"regression": "target", "multi-label": "label"}.get(data.task, "class")
    several = "" if len(data.classes) == 1 else "es" if kind == "class" else "s"
    names = ", ".join(data.classes[:_NAMED]) + (", …" if len(data.classes) > _NAMED else "")
    first = (
        f"{source}: {counts} rows of {len(data.classes)} {kind}{several} ({data.modality}): {names}"
    )
    return (first, *(f"  {note}" for note in data.notes))
