"""A row as people look at it: a small copy of its picture, the beginnings of its texts."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

from tutelage.data.pairs import ImageText
from tutelage.inputs import Prompt

__all__ = ["Preview", "preview"]

SIDE = 160
"""Longest side of a small picture, in pixels."""
MOST_BYTES = 8_000
QUALITIES = (76, 60, 40, 20)
"""JPEG qualities, of which the first is taken that keeps a picture below ``MOST_BYTES``."""
MOST_CHARACTERS = 400
"""Length of all texts of a row together."""


@dataclass(frozen=True)
class Preview:
    """What a page shows of a row.

    Attributes:
        jpeg: The picture as a JPEG file of at most 160 pixels and 8,000 bytes; empty for texts.
        texts: The texts, one a column, cut where they are long.
    """

    jpeg: bytes = b""
    texts: tuple[str, ...] = ()


def preview(row: Any) -> Preview:
    """Return what a page shows of a row.

    Args:
        row: A row as ``Rows`` gives it: an image, texts, a prompt, or an image with texts. Of a prompt
            only the row's own texts are shown.
    """
    if isinstance(row, ImageText):
        return Preview(_small(row.image), _beginnings(row.text))
    if isinstance(row, Image.Image):
        return Preview(_small(row))
    return Preview(texts=_beginnings(row.fields if isinstance(row, Prompt) else row))


def _small(image: Image.Image) -> bytes:
    copy = image.convert("RGB")
    copy.thumbnail((SIDE, SIDE))
    for quality in QUALITIES:
        file = io.BytesIO()
        copy.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= MOST_BYTES:
            break
    return file.getvalue()


def _beginnings(texts: Sequence[str]) -> tuple[str, ...]:
    """Texts in one line each, all of equal length at most; lone surrogates are replaced."""
    most = MOST_CHARACTERS // max(1, len(texts))
    return tuple(_beginning(text, most) for text in texts)


def _beginning(text: str, most: int) -> str:
    start = text[: 4 * most].encode("utf-8", "replace").decode()
    line = " ".join(
        "".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in start).split()
    )
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0] + "…"
