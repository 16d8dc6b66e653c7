"""Layout of an entry: rows in parts, and parts in a few large safetensors files."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from tutelage.cache.key import FORMAT, Dtype
from tutelage.errors import CacheError

__all__ = ["DTYPES", "PART_BYTES", "SHARD_BYTES", "Layout", "read_header"]

PART_BYTES = 16 * 2**20
"""Largest size of a part, which is what a killed process loses."""
SHARD_BYTES = 2**34
"""Largest size of a file. A gather from one file is four times as fast as from several."""

DTYPES = {"float16": torch.float16, "float32": torch.float32}
_NAMES = {"float16": "F16", "float32": "F32"}


@dataclass(frozen=True)
class Layout:
    """Division of rows into parts and files; a function of the key and the width alone.

    Attributes:
        rows: Number of rows.
        width: Columns.
        dtype: Dtype of the stored numbers.
        part_rows: Rows of every part but the last.
        shard_rows: Rows of every file but the last; a multiple of ``part_rows``.
    """

    rows: int
    width: int
    dtype: Dtype
    part_rows: int
    shard_rows: int

    @classmethod
    def plan(
        cls,
        rows: int,
        width: int,
        *,
        dtype: Dtype,
        part_rows: int,
        shard_bytes: int = SHARD_BYTES,
    ) -> "Layout":
        """Choose the sizes: at most ``part_rows`` rows and ``PART_BYTES`` per part."""
        row_bytes = width * DTYPES[dtype].itemsize
        part = max(1, min(part_rows, PART_BYTES // row_bytes))
        shard = part * max(1, shard_bytes // (part * row_bytes))
        return cls(rows=rows, width=width, dtype=dtype, part_rows=part, shard_rows=shard)

    @property
    def row_bytes(self) -> int:
        """Bytes per row."""
        return self.width * DTYPES[self.dtype].itemsize

    @property
    def parts(self) -> int:
        """Number of parts."""
        return -(-self.rows // self.part_rows)

    @property
    def shards(self) -> int:
        """Number of files."""
        return -(-self.rows // self.shard_rows)

    def part(self, number: int) -> range:
        """Return the rows of a part."""
        start = number * self.part_rows
        return range(start, min(start + self.part_rows, self.rows))

    def shard(self, number: int) -> range:
        """Return the rows of a file."""
        start = number * self.shard_rows
        return range(start, min(start + self.shard_rows, self.rows))

    def shard_of(self, part: int) -> int:
        """Return the file that contains a part."""
        return part * self.part_rows // self.shard_rows

    def parts_of(self, shard: int) -> range:
        """Return the parts that a file contains."""
        per_shard = self.shard_rows // self.part_rows
        return range(shard * per_shard, min((shard + 1) * per_shard, self.parts))

    def name(self, shard: int) -> str:
        """Return the name of a file."""
        return f"features-{shard:05d}-of-{self.shards:05d}.safetensors"

    def header(self, shard: int, *, key: str) -> bytes:
        """Return the bytes before the numbers, in the safetensors format.

        The file is filled part by part, over hours, so the header is written first and here: the
        safetensors library only writes whole files.
        """
        rows = self.shard(shard)
        text = json.dumps(
            {
                "__metadata__": {
                    "tutelage": str(FORMAT),
                    "key": key,
                    "first_row": str(rows.start),
                },
                "features": {
                    "dtype": _NAMES[self.dtype],
                    "shape": [len(rows), self.width],
                    "data_offsets": [0, len(rows) * self.row_bytes],
                },
            },
            separators=(",", ":"),
        ).encode()
        text += b" " * (-(len(text) + 8) % 64)  # numbers start at a multiple of 64 bytes
        return len(text).to_bytes(8, "little") + text

    def shard_bytes(self, shard: int, *, key: str) -> int:
        """Return the size of a whole file."""
        return len(self.header(shard, key=key)) + len(self.shard(shard)) * self.row_bytes


def read_header(path: Path, *, expected: bytes, size: int) -> None:
    """Check that a file begins with the expected header and has the expected size.

    Raises:
        CacheError: If it does not; the message names the file.
    """
    try:
        with path.open("rb") as file:
            header = file.read(len(expected))
            actual = file.seek(0, 2)
    except OSError as error:
        raise CacheError(f"{path} cannot be read: {error.strerror}") from error
    if actual != size:
        raise CacheError(f"{path} has {actual} bytes instead of {size}: it was cut or overwritten")
    if header != expected:
        raise CacheError(f"{path} has a damaged header, or holds the features of another key")
