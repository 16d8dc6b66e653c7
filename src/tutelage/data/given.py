"""Rows that a program gives: pictures, paths, texts, or dicts of columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from PIL import Image

from tutelage.data.base import Columns, Modality
from tutelage.data.decoding import BY_DEFAULT, Decoding
from tutelage.data.pairs import ImageText
from tutelage.errors import DataError

__all__ = ["GivenRows"]


@dataclass(frozen=True)
class GivenRows:
    """Rows of a list; each is read when it is asked for.

    Attributes:
        given: A row each: a path, bytes or a ``PIL.Image.Image``; a text, or several in a list; both
            as ``(image, text)``; or a dict of columns.
        modality: Modality of the rows.
        columns: Columns that a dict must have, and the template of the texts.
        decoding: How pictures become RGB.
    """

    given: Sequence[Any]
    modality: Modality
    columns: Columns
    decoding: Decoding = BY_DEFAULT

    def __len__(self) -> int:
        return len(self.given)

    def __getitem__(self, index: int) -> Any:
        value = self.given[index]
        try:
            if self.modality == "image":
                name = self.columns.image or "image"
                return self._picture(
                    _field(value, name) if isinstance(value, Mapping) else value, index
                )
            if self.modality == "text":
                return self._texts(value)
            return self._both(value, index)
        except _UnlikeRowError as error:
            raise DataError(f"row {index} is {error}") from None

    def content(self, index: int) -> bytes:
        """Rows that are given are not cached.

        Raises:
            TypeError: Always.
        """
        raise TypeError("rows that a program gives have no stored content")

    def select(self, indices: Sequence[int]) -> "GivenRows":
        """Return the rows with these numbers."""
        chosen = [self.given[index] for index in indices]
        return GivenRows(chosen, self.modality, self.columns, self.decoding)

    def _both(self, value: Any, index: int) -> ImageText:
        if isinstance(value, Mapping):
            picture = _field(value, self.columns.image or "image")
            return ImageText(self._picture(picture, index), self._texts(value))
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
            raise _UnlikeRowError(
                f"{_kind(value)}, not an image and a text; give (image, text), or a dict of columns"
            )
        return ImageText(self._picture(value[0], index), self._texts(value[1]))

    def _picture(self, value: Any, index: int) -> Image.Image:
        if isinstance(value, Image.Image):
            return self.decoding.converted(value, name=f"in row {index}")
        if isinstance(value, bytes):
            return self.decoding.decode(value, name=f"in row {index}")
        if not isinstance(value, str | PathLike):
            raise _UnlikeRowError(
                f"{_kind(value)}, not a picture; give a path, a PIL image or the bytes of a file"
            )
        path = Path(value).expanduser()
        try:
            content = path.read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(f"image {str(path)[:200]} cannot be read: {reason}") from None
        return self.decoding.decode(content, name=str(path))

    def _texts(self, value: Any) -> Any:
        names = self.columns.text or ("text",)
        if isinstance(value, Mapping):
            texts: Sequence[Any] = [_field(value, name) for name in names]
        elif isinstance(value, str):
            texts = [value]
        elif isinstance(value, Sequence):
            texts = value
        else:
            raise _UnlikeRowError(f"{_kind(value)}, not a text")
        if wrong := [text for text in texts if not isinstance(text, str)]:
            raise _UnlikeRowError(f"of {_kind(wrong[0])}, not of texts")
        distinct = dict.fromkeys(names)
        if len(texts) == len(distinct) < len(names):  # a template that repeats a column
            texts = [dict(zip(distinct, texts, strict=True))[name] for name in names]
        if len(texts) != len(names):
            told = ", ".join(distinct)
            raise _UnlikeRowError(
                f"made of {len(texts)} text{'s' * (len(texts) != 1)}, but the student reads "
                f"{len(distinct)} ({told}); give them in a list, or a dict of these columns"
            )
        if not any(text.strip() for text in texts):
            raise DataError("a row is empty: there is only white space in it")
        template = self.columns.template
        return tuple(texts) if template is None else template.filled(texts)


class _UnlikeRowError(Exception):
    """What is given is no row of this kind; the message continues "row 3 is"."""


def _field(row: Mapping[str, Any], name: str) -> Any:
    if name not in row:
        raise _UnlikeRowError(
            f"a dict without {name!r}, which the student reads; it has: {', '.join(map(str, row))}"
        )
    return row[name]


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"
