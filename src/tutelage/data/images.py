"""Rows of images, from files or from a column of a table."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

from tutelage.data.base import Modality
from tutelage.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["EXTENSIONS", "ImageColumn", "ImageFiles", "decode_image"]

EXTENSIONS = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)


def decode_image(content: bytes, *, name: str) -> Image.Image:
    """Decode an RGB image, rotated by its EXIF orientation.

    Args:
        content: Bytes of an image file.
        name: Name of the image, for messages.

    Raises:
        DataError: If the bytes are not an image, or one that is damaged or has 32 bits a channel.
    """
    try:
        opened = Image.open(BytesIO(content))
        opened.load()
        image: Image.Image = ImageOps.exif_transpose(opened)
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        problem = "is empty" if not content else f"cannot be decoded ({error})"
        raise DataError(f"image {name} {problem}; repair or remove it") from None
    if image.mode.startswith("I;16"):  # Pillow's own conversion would cut at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise DataError(
            f"image {name} has 32 bits a pixel, and the value of white is unknown; save it with 8 or "
            "16 bits"
        )
    return image if image.mode == "RGB" else image.convert("RGB")


@dataclass(frozen=True)
class ImageFiles:
    """Images in files.

    Attributes:
        root: Folder of the images.
        names: Path of each file, relative to ``root``.
    """

    root: Path
    names: Sequence[str]
    modality: Modality = field(default="image", init=False)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Image.Image:
        return decode_image(self.content(index), name=str(self.root / self.names[index]))

    def content(self, index: int) -> bytes:
        """Return the bytes of a file."""
        path = self.root / self.names[index]
        try:
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"image {path} cannot be read: {error.strerror or error}") from None

    def select(self, indices: Sequence[int]) -> "ImageFiles":
        """Return the files with these numbers."""
        return ImageFiles(self.root, [self.names[i] for i in indices])


@dataclass(frozen=True)
class ImageColumn:
    """Images in a column of a table: bytes, or dicts of path and bytes.

    Attributes:
        table: The table, its images undecoded.
        column: Name of the column.
    """

    table: "Dataset"
    column: str
    modality: Modality = field(default="image", init=False)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Image.Image:
        return decode_image(self.content(index), name=f"in row {index} of column {self.column!r}")

    def content(self, index: int) -> bytes:
        """Return the encoded image."""
        value: Any = self.table[int(index)][self.column]
        content = value.get("bytes") if isinstance(value, Mapping) else value
        if content is None and isinstance(value, Mapping) and value.get("path"):
            try:
                content = Path(value["path"]).read_bytes()
            except OSError as error:
                raise DataError(
                    f"image {value['path']} cannot be read: {error.strerror or error}"
                ) from None
        if content is None:
            raise DataError(f"row {index} has no image in column {self.column!r}")
        return bytes(content)

    def select(self, indices: Sequence[int]) -> "ImageColumn":
        """Return the rows with these numbers."""
        return ImageColumn(self.table.select(indices), self.column)
