"""Rows of images, from files or from a column of a table."""

import errno
import re
import stat
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64
from PIL import Image

from tutelage.data.base import Modality
from tutelage.data.decoding import BY_DEFAULT, Decoding
from tutelage.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["EXTENSIONS", "ImageColumn", "ImageFiles", "is_base64"]

_NOT_PICTURES = frozenset(
    {"BUFR", "EPS", "FITS", "FPX", "GRIB", "HDF5", "IPTC", "MIC", "MPEG", "PDF", "WMF"}
)
"""Formats that Pillow knows and that hold pages, arrays or films, or need another program."""

EXTENSIONS = frozenset(
    ending
    for ending, format in Image.registered_extensions().items()
    if format not in _NOT_PICTURES and (format in Image.OPEN or format == "MPO")
)
"""Endings of the files that are taken for images: those of the formats that Pillow decodes."""

_BASE64 = re.compile(
    r"data:image/.*|([/_]9j[/_]|iVBORw0KGgo|R0lGOD|UklGR|Qk|SUkq|TU0AK|AAAA..Z0eX|AAAADGpQ|_0__|/0//)"
    r"[A-Za-z0-9+/_\-\s]{50,}=*\s*",
    re.DOTALL,
)
"""Data URLs and pictures in base64, which begin as JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF and
JPEG 2000 do; in URLs ``-`` and ``_`` stand for ``+`` and ``/``."""


def is_base64(text: str) -> bool:
    """Whether a text is a picture in base64."""
    return _BASE64.fullmatch(text) is not None


@dataclass(frozen=True)
class ImageFiles:
    """Images in files.

    Attributes:
        root: Folder of the images.
        names: Path of each file, relative to ``root``.
        decoding: How they become RGB.
    """

    root: Path
    names: Sequence[str]
    decoding: Decoding = BY_DEFAULT
    modality: Modality = field(default="image", init=False)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Image.Image:
        return self.decoding.decode(self._encoded(index), name=str(self.root / self.names[index]))

    def content(self, index: int) -> bytes:
        """Return the bytes of a file, and the settings that its pixels depend on besides."""
        encoded = self._encoded(index)
        return encoded + self.decoding.mark(encoded)

    def opened(self, index: int) -> Image.Image:
        """Return an image as Pillow opens it: with its header, not decoded."""
        return Image.open(_regular(self.root / self.names[index]))

    def select(self, indices: Sequence[int]) -> "ImageFiles":
        """Return the files with these numbers."""
        return ImageFiles(self.root, [self.names[i] for i in indices], self.decoding)

    def with_decoding(self, decoding: Decoding) -> "ImageFiles":
        """Return the same files, decoded in this way."""
        return replace(self, decoding=decoding)

    def _encoded(self, index: int) -> bytes:
        path = self.root / self.names[index]
        try:
            return _regular(path).read_bytes()
        except OSError as error:
            raise DataError(f"image {path} cannot be read: {error.strerror or error}") from None


def _regular(path: Path) -> Path:
    """Return a path, unless reading it could wait forever, as a pipe does.

    Raises:
        OSError: If there is no such file, or it is no regular one.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return path


@dataclass(frozen=True)
class ImageColumn:
    """Images in a column of a table: bytes, dicts of path and bytes, or base64.

    Attributes:
        table: The table, its images undecoded.
        column: Name of the column.
        decoding: How they become RGB.
        where: Name of the table, for messages.
        numbers: Number of each row in that table; None where the rows are all of it.
        folder: Folder that the paths of images without bytes start from.
        paths: Paths of such images on disk, where they are written otherwise, by row of that table.
        sizes: Bytes of each image in the column, 0 where there is but a path, by row of that table;
            None where not known.
    """

    table: "Dataset"
    column: str
    decoding: Decoding = BY_DEFAULT
    where: str = "the table"
    numbers: Sequence[int] | None = None
    folder: Path = Path()
    paths: Mapping[int, str] = field(default_factory=dict)
    sizes: "Int64[np.ndarray, ' rows'] | None" = field(default=None, compare=False, repr=False)
    modality: Modality = field(default="image", init=False)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Image.Image:
        return self.decoding.decode(self._encoded(index), name=f"in {self._row(index)}")

    def content(self, index: int) -> bytes:
        """Return the encoded image, and the settings that its pixels depend on besides."""
        encoded = self._encoded(index)
        return encoded + self.decoding.mark(encoded)

    def opened(self, index: int) -> Image.Image:
        """Return an image as Pillow opens it: with its header, not decoded."""
        return Image.open(BytesIO(self._encoded(index)))

    def select(self, indices: Sequence[int]) -> "ImageColumn":
        """Return the rows with these numbers."""
        numbers = [self._number(index) for index in indices]
        return replace(self, table=self.table.select(indices), numbers=numbers)

    def with_decoding(self, decoding: Decoding) -> "ImageColumn":
        """Return the same rows, decoded in this way."""
        return replace(self, decoding=decoding)

    def _number(self, index: int) -> int:
        return index if self.numbers is None else self.numbers[index]

    def _row(self, index: int) -> str:
        return f"column {self.column!r} of row {self._number(index)} of {self.where}"

    def _encoded(self, index: int) -> bytes:
        value: Any = self.table[int(index)][self.column]
        content = value.get("bytes") if isinstance(value, Mapping) else value
        if content is None and isinstance(value, Mapping) and value.get("path"):
            path = self.folder / self.paths.get(self._number(index), value["path"])
            try:
                content = _regular(path).read_bytes()
            except OSError as error:
                raise DataError(f"image {path} cannot be read: {error.strerror or error}") from None
        if content is None:
            raise DataError(f"there is no image in {self._row(index)}")
        if isinstance(content, str):
            return self._from_base64(content, index)
        return bytes(content)

    def _from_base64(self, text: str, index: int) -> bytes:
        _, comma, rest = text.partition(",")  # a data URL has its type in front
        try:
            return b64decode((rest if comma else text).replace("-", "+").replace("_", "/"))
        except ValueError as error:
            raise DataError(f"the text in {self._row(index)} is not base64: {error}") from None
