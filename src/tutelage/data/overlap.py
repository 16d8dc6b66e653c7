"""Rows without a label that are evaluated too: they are left out, so that none is learned from."""

import hashlib
from collections.abc import Iterator

from tutelage.data.base import Split
from tutelage.data.splits import Splits
from tutelage.errors import DataError

__all__ = ["not_evaluated", "without_rows_of"]


def not_evaluated(splits: Splits) -> tuple[tuple[Split, ...], tuple[str, ...]]:
    """Return the unlabelled rows that are not evaluated, by source, and how many others there are.

    Raises:
        DataError: If a source has no other rows.
    """
    rows = tuple(without_rows_of(split, splits.evaluated) for split in splits.unlabelled)
    count = sum(map(len, splits.unlabelled)) - sum(map(len, rows))
    name = splits.evaluated.name
    note = (
        f"unlabelled rows: left out {count} whose content is that of {name} rows; near copies stay, "
        "which 'tutelage check' lists"
    )
    return rows, (note,) if count else ()


def without_rows_of(unlabelled: Split, evaluated: Split) -> Split:
    """Return the unlabelled rows whose content is not that of an evaluated row.

    The content is that of the file or cell, so a picture that was saved again differs; ``tutelage
    check`` finds those.

    Args:
        unlabelled: Rows without a label.
        evaluated: Test or hold-out rows.

    Returns:
        The same split if none is evaluated.

    Raises:
        DataError: If no other row is left.
    """
    seen = set(_digests(evaluated))
    kept = [number for number, digest in enumerate(_digests(unlabelled)) if digest not in seen]
    if len(kept) == len(unlabelled):
        return unlabelled
    if not kept:
        raise DataError(
            f"all {len(unlabelled)} {unlabelled.name} rows have the content of {evaluated.name} rows, "
            "so there is nothing to learn from that is not evaluated; leave data.unlabelled out"
        )
    return unlabelled.select(kept)


def _digests(split: Split) -> Iterator[bytes]:
    for number in range(len(split)):
        yield hashlib.blake2b(split.rows.content(number), digest_size=16).digest()
