"""Decoding of every row once, in worker processes; a small print of each row is kept."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt32, UInt64
from torch.utils.data import DataLoader, Dataset

from tutelage.data.base import Rows, Side, TwoSided
from tutelage.data.check.pictures import VIEW, PicturePrint, picture_print
from tutelage.data.check.wording import SKETCH, sketch
from tutelage.errors import first_line
from tutelage.inputs import Prompt
from tutelage.inputs.workers import raising
from tutelage.progress import Progress, Silent

__all__ = ["Scan", "scan_rows", "texts_of"]

PIECE = 32
"""Rows that a worker process decodes at once."""
FEW = 512
"""Rows up to which starting worker processes costs more than they save."""


@dataclass(frozen=True)
class Scan:
    """What is kept of all rows: about 1 kB each.

    Attributes:
        damage: Why a row cannot be decoded, by the row's number.
        digests: Digest of each row's undecoded content.
        sizes: Width and height of each picture.
        flat: Whether a picture has one colour.
        bits: Perceptual hash of each picture.
        views: Small view of each picture.
        sketches: Sketch of each row's texts.
        lengths: Characters of each row's texts.
    """

    damage: dict[int, str] = field(default_factory=dict)
    digests: UInt64[np.ndarray, "rows 2"] = field(kw_only=True)
    sizes: Int64[np.ndarray, "pictures 2"] = field(kw_only=True)
    flat: Bool[np.ndarray, " pictures"] = field(kw_only=True)
    bits: UInt64[np.ndarray, " pictures"] = field(kw_only=True)
    views: UInt8[np.ndarray, "pictures view view channel"] = field(kw_only=True)
    sketches: UInt32[np.ndarray, "texts sketch"] = field(kw_only=True)
    lengths: Int64[np.ndarray, " texts"] = field(kw_only=True)

    @classmethod
    def empty(cls, rows: Rows) -> "Scan":
        """Return room for the prints of some rows."""
        pictures = 0 if rows.modality == "text" else len(rows)
        texts = 0 if rows.modality == "image" else len(rows)
        return cls(
            digests=np.zeros((len(rows), 2), dtype=np.uint64),
            sizes=np.zeros((pictures, 2), dtype=np.int64),
            flat=np.zeros(pictures, dtype=bool),
            bits=np.zeros(pictures, dtype=np.uint64),
            views=np.zeros((pictures, VIEW, VIEW, 3), dtype=np.uint8),
            sketches=np.zeros((texts, SKETCH), dtype=np.uint32),
            lengths=np.zeros(texts, dtype=np.int64),
        )

    def keep(self, row: int, kept: "_RowPrint") -> None:
        """Write the print of a row into its place."""
        if kept.damage:
            self.damage[row] = kept.damage
        self.digests[row] = kept.digest
        if kept.picture is not None:
            self.sizes[row] = kept.picture.size
            self.flat[row] = kept.picture.flat
            self.bits[row] = kept.picture.bits
            self.views[row] = kept.picture.view
        if kept.sketch is not None:
            self.sketches[row] = kept.sketch
            self.lengths[row] = kept.length


class _RowPrint(NamedTuple):
    digest: UInt64[np.ndarray, " 2"]
    damage: str = ""
    picture: PicturePrint | None = None
    sketch: UInt32[np.ndarray, " sketch"] | None = None
    length: int = 0


def scan_rows(rows: Rows, *, workers: int | None = None, progress: Progress | None = None) -> Scan:
    """Decode every row once; pictures are let go of as soon as their print is taken.

    Args:
        rows: The rows.
        workers: Processes that decode; by default one a core, or none for few rows.
        progress: Receives progress reports. Silent by default.

    Raises:
        DataError: If a worker process dies.
    """
    if workers is None:
        workers = 0 if len(rows) <= FEW else os.cpu_count() or 1
    pieces = [range(i, min(i + PIECE, len(rows))) for i in range(0, len(rows), PIECE)]
    loader: DataLoader[Any] = DataLoader(
        _Prints(rows, pieces), batch_size=None, collate_fn=_unchanged, num_workers=workers
    )
    scan, done = Scan.empty(rows), 0
    with (progress or Silent()).track("check", len(rows), unit="rows") as update:
        for piece, prints in zip(pieces, raising(loader), strict=True):
            for row, kept in zip(piece, prints, strict=True):
                scan.keep(row, kept)
            done += len(piece)
            update(done)
    return scan


@dataclass(frozen=True)
class _Prints(Dataset[Any]):
    """The prints of each piece of rows."""

    rows: Rows
    pieces: Sequence[range]

    def __len__(self) -> int:
        return len(self.pieces)

    def __getitem__(self, number: int) -> list[_RowPrint]:
        return [_row_print(self.rows, row) for row in self.pieces[number]]


def _row_print(rows: Rows, row: int) -> _RowPrint:
    """Return the print of a row, or why it cannot be read."""
    picture = None
    words: tuple[str, ...] = ()
    try:
        content = rows.content(row)
        picture = None if rows.modality == "text" else _side(rows, "image")[row]
        words = () if rows.modality == "image" else texts_of(rows, row)
    except Exception as error:  # noqa: BLE001  # one row must not hide the faults of the others
        return _RowPrint(np.zeros(2, dtype=np.uint64), damage=first_line(error))
    digest = hashlib.blake2b(content, digest_size=16).digest()
    return _RowPrint(
        np.frombuffer(digest, dtype=np.uint64),
        picture=None if picture is None else picture_print(picture),
        sketch=sketch(words) if words else None,
        length=sum(len(text.strip()) for text in words),
    )


def texts_of(rows: Rows, row: int) -> tuple[str, ...]:
    """Return the texts of a row; of a prompt, those of its fields."""
    words = _side(rows, "text")[row]
    return words.fields if isinstance(words, Prompt) else tuple(words)


def _side(rows: Rows, side: Side) -> Rows:
    if rows.modality == side:
        return rows
    assert isinstance(rows, TwoSided)
    return rows.side(side)


def _unchanged(content: Any) -> Any:
    return content
