"""Rows without a label that are evaluated too, which are left out, or that have a label elsewhere."""

import hashlib
from collections.abc import Iterator, Set

from tutelage.data.base import Split
from tutelage.data.splits import Splits
from tutelage.errors import DataError

__all__ = ["not_evaluated", "without_rows_of"]


def not_evaluated(
    splits: Splits, *, soft_labels: bool = False
) -> tuple[tuple[Split, ...], tuple[str, ...]]:
    """Return the unlabelled rows that are not evaluated, by source, and what to know of the others.

    Args:
        splits: All rows.
        soft_labels: Whether the student learns soft labels of a probe, for which copies of labelled
            rows are counted, too. These stay.

    Raises:
        DataError: If a source has no other rows.
    """
    evaluated, name = set(_digests(splits.evaluated)), splits.evaluated.name
    labelled = set(_digests(splits.training)) if soft_labels and splits.unlabelled else set()
    rows, left_out, copies = [], 0, 0
    for split in splits.unlabelled:
        kept, digests = _others(split, evaluated, of=name)
        rows.append(kept)
        left_out += len(split) - len(kept)
        copies += sum(digest in labelled for digest in digests)
    notes = []
    if left_out:
        notes.append(
            f"unlabelled rows: left out {left_out} whose content is that of {name} rows; near copies "
            "stay, which 'tutelage check' lists"
        )
    if copies:
        notes.append(
            f"unlabelled rows: {copies} have the content of labelled training rows, so their soft labels "
            "come from a probe that learned their labels; leave them out of the data, since they are "
            "learned from with their labels"
        )
    return tuple(rows), tuple(notes)


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
    return _others(unlabelled, set(_digests(evaluated)), of=evaluated.name)[0]


def _others(split: Split, evaluated: Set[bytes], *, of: str) -> tuple[Split, list[bytes]]:
    """The rows that are not evaluated, with the digests of their contents."""
    digests = dict(enumerate(_digests(split)))
    kept = {number: digest for number, digest in digests.items() if digest not in evaluated}
    if digests and not kept:
        raise DataError(
            f"all {len(split)} {split.name} rows have the content of {of} rows, "
            "so there is nothing to learn from that is not evaluated; leave data.unlabelled out"
        )
    others = split if len(kept) == len(split) else split.select(list(kept))
    return others, list(kept.values())


def _digests(split: Split) -> Iterator[bytes]:
    for number in range(len(split)):
        yield hashlib.blake2b(split.rows.content(number), digest_size=16).digest()
