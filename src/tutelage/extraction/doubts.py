"""Doubts about a teacher's features that cost nothing to have: constant columns, empty or equal rows."""

from tutelage.cache.features import Features

__all__ = ["doubts"]

COLUMNS = 0.01
"""Share of constant columns from which on they are worth a word."""
REPEATED = 0.05
"""Share of repeated rows from which on they are worth a word; some data have such rows."""


def doubts(features: Features) -> list[str]:
    """Return a sentence for each sign that features were not computed as meant.

    Signs are columns that are the same in every row, rows of zeros, and rows that equal an earlier
    one. Entries that were cached by version 0.1 know the first alone.

    Args:
        features: Features of at least two rows, else there is nothing to say.
    """
    rows, split = len(features), features.key.split
    if rows < 2:
        return []
    constant, zero = features.constant, features.constant & (features.mean == 0)
    found = []
    if constant.all():
        value = "zero" if zero.all() else "the same"
        found.append(
            f"all {features.width} columns are {value} in all {rows:,} rows of {split}: this teacher "
            "tells nothing; check how its features are computed"
        )
    elif constant.double().mean() >= COLUMNS:
        found.append(
            f"{int(constant.sum()):,} of {features.width:,} columns are the same in all {rows:,} rows "
            f"of {split} ({int(zero.sum()):,} are zero): they tell nothing"
        )
    counts = features.row_counts
    if counts is not None and counts.zero and not constant.all():
        first = features.ids[counts.first_zero]
        found.append(
            f"{counts.zero:,} of {rows:,} rows of {split} are zero in every column, such as "
            f"{first!r}: check how they are computed"
        )
    if counts is not None and counts.repeated >= REPEATED * rows and not constant.all():
        found.append(
            f"{counts.repeated:,} of {rows:,} rows of {split} have the features of an earlier row; "
            "if the data do not repeat, check how they are computed"
        )
    return found
