"""Metadata of pictures: the EXIF orientation, and pictures without their metadata."""

import struct

from PIL import ExifTags, Image

__all__ = ["orientation", "without_metadata"]

_PNG = b"\x89PNG\r\n\x1a\n"
_PIXELS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
"""Chunks of a PNG that its pixels depend on."""


def orientation(image: Image.Image, content: bytes) -> int:
    """Return the EXIF orientation, from 1 to 8; 1 where it is missing or damaged.

    Args:
        image: A picture that Pillow opened, perhaps without its metadata.
        content: The bytes that it was read from.
    """
    try:
        exif = image.getexif()
        if not exif and (damaged := _exif_segment(content)):
            exif.load(damaged)
        value = exif.get(ExifTags.Base.Orientation)
        return int(value) if value is not None and value in range(1, 9) else 1
    except Exception:  # noqa: BLE001 - damaged EXIF raises errors of any type
        return 1


def without_metadata(content: bytes) -> bytes | None:
    """Return a JPEG or PNG reduced to what its pixels depend on; None for other formats."""
    if content.startswith(b"\xff\xd8\xff"):
        kept = [
            content[start:end]
            for marker, start, end in _segments(content)
            if marker in (0xE0, 0xEE) or not (0xE0 <= marker <= 0xEF or marker == 0xFE)
        ]
        return b"\xff\xd8" + b"".join(kept)
    if content.startswith(_PNG):
        return _PNG + b"".join(_chunks(content))
    return None


def _segments(content: bytes) -> list[tuple[int, int, int]]:
    """Return marker, start and end of each segment of a JPEG; the last one has the pixels."""
    segments, start = [], 2
    while start + 4 <= len(content) and content[start] == 0xFF:
        marker = content[start + 1]
        if marker == 0xFF:  # padding
            start += 1
            continue
        end = start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")
        if marker == 0xDA:
            end = len(content)
        segments.append((marker, start, end))
        start = end
    return segments


def _exif_segment(content: bytes) -> bytes | None:
    if not content.startswith(b"\xff\xd8\xff"):
        return None
    for marker, start, end in _segments(content):
        if marker == 0xE1 and content[start + 4 : end].startswith(b"Exif"):
            return content[start + 4 : end]
    return None


def _chunks(content: bytes) -> list[bytes]:
    """Return the chunks of a PNG that its pixels depend on."""
    chunks, start = [], len(_PNG)
    while start + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[start : start + 8])
        end = start + 12 + length
        if kind in _PIXELS:
            chunks.append(content[start:end])
        start = end
    return chunks
