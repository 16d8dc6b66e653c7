"""Digests of rows, by which a search, a comparison and a finished run notice that the data changed."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int64

from tutelage.data.base import Data, Rows, Split
from tutelage.data.images import ImageColumn, ImageFiles
from tutelage.data.pairs import ImageTexts
from tutelage.data.splits import Splits
from tutelage.data.texts import TextColumns
from tutelage.files import canonical

if TYPE_CHECKING:
    from pyarrow import ChunkedArray  # type: ignore[import-untyped]

__all__ = ["row_digests", "source_digests"]

BLOCK = 8192
"""Texts that are read at once."""


def row_digests(data: Data, splits: Splits, *, unlabelled: bool) -> dict[str, str]:
    """Return a digest of the rows that a run uses, by split: ``train``, ``test`` or ``holdout``, and
    ``unlabelled``.

    A digest is of ids, labels and class names, of texts, and of the sizes of images in bytes, in the
    rows' order. No image is read, so another image of the same size is not noticed; times of files
    are not looked at, since copies of a folder have others.

    Args:
        data: The data, for the names of its classes.
        splits: The rows.
        unlabelled: Whether the run uses the rows without a label.
    """
    rows = {"train": [splits.training], splits.evaluated.name: [splits.evaluated]}
    return _by_name(rows | ({"unlabelled": splits.unlabelled} if unlabelled else {}), data)


def source_digests(data: Data, splits: Splits) -> dict[str, str]:
    """Return digests of all rows that were read, by split of the data, before any are drawn.

    Args:
        data: All splits.
        splits: For the rows without a label.
    """
    return _by_name(
        {name: [split] for name, split in data.splits.items()}
        | ({"unlabelled": splits.unlabelled} if splits.unlabelled else {}),
        data,
    )


def _by_name(rows: Mapping[str, Sequence[Split]], data: Data) -> dict[str, str]:
    classes = canonical(list(data.classes))
    digests = {}
    for name, splits in rows.items():
        digest = hashlib.blake2b(classes, digest_size=16)
        for split in splits:
            digest.update(canonical(list(split.ids)))
            digest.update(np.ascontiguousarray(split.labels.numpy()).tobytes())
            _add_content(digest, split.rows)
        digests[name] = digest.hexdigest()
    return digests


def _add_content(digest: "hashlib.blake2b", rows: Rows) -> None:
    match rows:
        case ImageTexts():
            _add_content(digest, rows.images)
            _add_content(digest, rows.texts)
        case ImageFiles():
            sizes = [_size(os.path.join(rows.root, name)) for name in rows.names]  # noqa: PTH118
            digest.update(np.asarray(sizes, dtype=np.int64).tobytes())
        case ImageColumn():
            if rows.sizes is not None:
                of_rows = rows.sizes if rows.numbers is None else rows.sizes[list(rows.numbers)]
                digest.update(np.ascontiguousarray(of_rows).tobytes())
        case TextColumns():
            for column in rows.columns:
                for start in range(0, len(rows), BLOCK):
                    numbers = np.asarray(rows.numbers[start : start + BLOCK], dtype=np.int64)
                    _add_texts(digest, _taken(column, numbers))


def _taken(column: "ChunkedArray", numbers: Int64[np.ndarray, " rows"]) -> "ChunkedArray":
    """Rows of a column; where they are close together, only the part around them is copied."""
    least, most = int(numbers.min()), int(numbers.max())
    part = column.slice(least, most - least + 1)
    if len(part) == len(numbers) and bool((np.diff(numbers) == 1).all()):
        return part
    return part.take(numbers - least)


def _add_texts(digest: "hashlib.blake2b", texts: "ChunkedArray") -> None:
    """Add lengths and bytes of texts as they lie in Arrow's buffers: ten times as fast as by strings."""
    import pyarrow as pa

    whole = texts.cast(pa.large_string()).combine_chunks()
    _, ends, characters = whole.buffers()
    span = np.frombuffer(ends, dtype=np.int64)[whole.offset : whole.offset + len(whole) + 1]
    digest.update(np.diff(span).tobytes())
    if characters is not None:
        digest.update(memoryview(characters)[span[0] : span[-1]])


def _size(path: str) -> int:
    """The size of a file in bytes; -1 where it is missing, which its reader tells of."""
    try:
        return os.stat(path).st_size  # noqa: PTH116  # a path object a file takes as long again
    except OSError:
        return -1
