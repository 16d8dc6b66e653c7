"""Decoding of pictures to RGB: orientation, transparency, bit depth and size limits."""

import re
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import Self

import numpy as np
from PIL import Image, ImageColor, UnidentifiedImageError

from tutelage.config.data import MAX_PIXELS, DataConfig
from tutelage.data.metadata import orientation, without_metadata
from tutelage.errors import DataError, first_line

__all__ = ["BY_DEFAULT", "FULL", "Decoding", "declared_white", "is_deep"]

FULL = 2**16 - 1
"""White of a gray picture of 16 bits that says nothing else; such a picture keeps its upper 8 bits."""

_ALPHA_UNUSED = {"BMP", "DIB", "TGA"}
"""Formats whose fourth byte is often 0 everywhere and means nothing."""

_ALPHA_UNKNOWN = {"CUR", "ICNS", "ICO"}
"""Formats whose header does not say whether there is an alpha channel."""

_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE = 258, 262, 281
_ORIENTATION = 274
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_REPAIR = "repair or remove it\n('tutelage check' lists all damaged pictures at once)"
_OTHER_CONTENT = (
    (r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<svg", "it is an SVG drawing; convert it to PNG"),
    (r"\s*<(!doctype )?html", "it is a web page; download the image again"),
    (r"version https://git-lfs", "it is a Git LFS pointer; run 'git lfs pull'"),
    (r".{4}ftyp(hei|hev|mif)", "it is a HEIC picture; convert it to JPEG or PNG"),
    (r"\xff\n|\0\0\0\x0cjxl ", "it is a JPEG XL picture; convert it to JPEG or PNG"),
    (r".{128}dicm", "it is a DICOM file; convert it to PNG"),
    (r"\0\x05\x16\x07", "it holds what macOS knows of a file, no picture; remove it"),
    (r"[\t\n\r -~]+$", "it is a text, as servers send instead; download the image again"),
)


@dataclass(frozen=True)
class Decoding:
    """How pictures become RGB.

    Attributes:
        background: Color behind transparent pixels; None drops the transparency, as torchvision
            and timm do.
        white: Value of white in gray pictures of more than 8 bits; None takes it from the file.
        max_pixels: Largest picture that is decoded, in pixels.

    Example:
        >>> picture = BytesIO()
        >>> Image.new("RGBA", (2, 1), (0, 0, 0, 0)).save(picture, "PNG")
        >>> Decoding().decode(picture.getvalue(), name="x.png").getpixel((0, 0))
        (255, 255, 255)
    """

    background: tuple[int, int, int] | None = (255, 255, 255)
    white: float | None = None
    max_pixels: int = MAX_PIXELS

    @classmethod
    def of(cls, config: DataConfig) -> Self:
        """Return the decoding that a config asks for."""
        color = None if config.background == "none" else ImageColor.getrgb(config.background)[:3]
        return cls(color, config.white, config.max_pixels)

    def decode(self, content: bytes, *, name: str) -> Image.Image:
        """Decode an upright RGB image.

        Damaged metadata is no reason to lose a picture: it is dropped, and the orientation is
        taken from EXIF as far as it can be read.

        Args:
            content: Bytes of an image file.
            name: Name of the image, for messages; it becomes ``image.info["name"]``.

        Raises:
            DataError: If the bytes are no image, a damaged one or one above ``max_pixels``, or
                the value of white is unknown.
        """
        if not content:
            raise DataError(f"image {name} is empty; {_REPAIR}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's own, about metadata and size
                opened = self._opened(content, name=name)
                self._refuse_upper_bytes(opened, name=name)
                opened.load()  # before EXIF is looked at, which may come after the pixels
                image = self._rgb(opened, _TURNS.get(orientation(opened, content)), name=name)
        except DataError:
            raise
        except Exception as error:  # noqa: BLE001 - decoders raise errors of any type
            raise DataError(self._reason(error, content, name=name)) from None
        image.info["name"] = name
        return image

    def converted(self, image: Image.Image, *, name: str) -> Image.Image:
        """Return an opened or drawn picture as upright RGB, as ``decode`` does.

        Raises:
            DataError: If it is damaged or above ``max_pixels``, or the value of white is unknown.
        """
        if image.width * image.height > self.max_pixels:
            raise DataError(_too_large(name, image.width * image.height, limit=self.max_pixels))
        try:
            image.load()
            turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
            converted = self._rgb(image, turn, name=name)
        except DataError:
            raise
        except Exception as error:  # noqa: BLE001 - decoders raise errors of any type
            raise DataError(f"image {name} cannot be decoded ({first_line(error)})") from None
        converted.info["name"] = name
        return converted

    def mark(self, content: bytes) -> bytes:
        """Return what is appended to a picture's content in the cache key.

        It is empty unless decoding depends on more than the content: for pictures with an alpha
        channel or a transparent color, and for gray ones whose white is not 65,535. The pixels of
        all others are those of earlier versions, and so are their keys.
        """
        if content.startswith(b"\xff\xd8\xff"):  # no JPEG has either
            return b""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                opened = self._opened(content, name="")
        except Exception:  # noqa: BLE001 - told when the picture is decoded
            return b""
        rules = []
        if self.background is not None and (
            opened.has_transparency_data or opened.format in _ALPHA_UNKNOWN
        ):
            rules.append(f"background {self.background}")
        if is_deep(opened.mode):
            if (white := self.white or declared_white(opened)) != FULL:
                rules.append(f"white {white}")
            if _white_is_zero(opened):
                rules.append("white is zero")
        return "".join(f"\0{rule}" for rule in rules).encode()

    def _opened(self, content: bytes, *, name: str) -> Image.Image:
        if self.max_pixels > MAX_PIXELS and Image.MAX_IMAGE_PIXELS is not None:
            # Pillow has one limit for the whole process, and refuses twice its number.
            Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, -(-self.max_pixels // 2))
        try:
            opened = Image.open(BytesIO(content))
        except Image.DecompressionBombError:
            raise
        except Exception:
            # Metadata is read first; without it the picture may be sound.
            if (bare := without_metadata(content)) is None:
                raise
            opened = Image.open(BytesIO(bare))
        if opened.width * opened.height > self.max_pixels:
            raise DataError(_too_large(name, opened.width * opened.height, limit=self.max_pixels))
        return opened

    def _refuse_upper_bytes(self, opened: Image.Image, *, name: str) -> None:
        upper_only = any(";16" in str(tile[3]) for tile in getattr(opened, "tile", ()))
        if self.white is not None and upper_only and not is_deep(opened.mode):
            raise DataError(
                f"image {name} has several channels of 16 bits, of which the upper 8 are read, so "
                "data.white cannot apply to it; remove the setting, or save the picture in gray"
            )

    def _rgb(
        self, opened: Image.Image, turn: "Image.Transpose | None", *, name: str
    ) -> Image.Image:
        image: Image.Image = opened if turn is None else opened.transpose(turn)
        if is_deep(image.mode):
            image = self._eight_bits(image, opened, name=name)
        if self.background is not None and image.has_transparency_data:
            return _composited(image, self.background, format=opened.format)
        return image if image.mode == "RGB" else image.convert("RGB")

    def _eight_bits(self, image: Image.Image, opened: Image.Image, *, name: str) -> Image.Image:
        """Scale a gray picture of more than 8 bits, so that white becomes 255."""
        white = self.white or declared_white(opened)
        if white is None:
            raise DataError(
                f"image {name} has 32 bits a pixel, and the value of white is unknown; set data.white "
                "to it, or save the picture with 8 or 16 bits"
            )
        values = np.asarray(image)
        visible = None
        if self.background is not None and "transparency" in opened.info:
            visible = values != opened.info["transparency"]
        if _white_is_zero(opened):
            values = white - values.astype(np.float64)
        if white == FULL and values.dtype.kind in "iu":
            gray = (values.clip(0, FULL) >> 8).astype(np.uint8)
        else:
            share = np.nan_to_num(values.astype(np.float64) / white)
            gray = (share * 255).round().clip(0, 255).astype(np.uint8)
        if visible is None:
            return Image.fromarray(gray)
        alpha = Image.fromarray(visible.astype(np.uint8) * 255)
        return Image.merge("LA", (Image.fromarray(gray), alpha))

    def _reason(self, error: Exception, content: bytes, *, name: str) -> str:
        if isinstance(error, Image.DecompressionBombError):
            pixels = re.search(r"(\d+) pixels", str(error))
            count = int(pixels[1]) if pixels else 2 * (Image.MAX_IMAGE_PIXELS or 0)
            return _too_large(name, count, limit=self.max_pixels)
        if isinstance(error, MemoryError):
            return f"image {name} needs more memory than there is; reduce it, or remove it"
        if isinstance(error, UnidentifiedImageError):
            start = content[:1000].decode("latin-1").lower()
            for pattern, meaning in _OTHER_CONTENT:
                if re.match(pattern, start, re.DOTALL):
                    return f"image {name} cannot be decoded: {meaning}"
            return f"image {name} cannot be decoded (of no known format); {_REPAIR}"
        return f"image {name} cannot be decoded ({first_line(error)}); {_REPAIR}"


BY_DEFAULT = Decoding()
"""The decoding of a config that says nothing about it."""


def is_deep(mode: str) -> bool:
    """Whether a mode of Pillow is gray with more than 8 bits."""
    return mode.startswith("I;16") or mode in ("I", "F")


def declared_white(opened: Image.Image) -> int | None:
    """Return the value of white in a gray picture of more than 8 bits, where the file says it."""
    tags = getattr(opened, "tag_v2", None)
    if tags is None:
        # Pillow stretches the range of PNG and PGM files, and of JPEG 2000, to 16 bits.
        return FULL if opened.mode.startswith("I;16") or opened.format in ("PNG", "PPM") else None
    if not opened.mode.startswith("I;16"):
        return None
    bits = _first(tags.get(_BITS_PER_SAMPLE), 16)
    highest = _first(tags.get(_MAX_SAMPLE), 0)
    all_ones = highest > 255 and highest & (highest + 1) == 0
    return min((1 << bits) - 1, highest if all_ones else FULL)


def _white_is_zero(opened: Image.Image) -> bool:
    """Whether a gray TIFF of more than 8 bits has white at 0; Pillow inverts only the others."""
    tags = getattr(opened, "tag_v2", None)
    return tags is not None and is_deep(opened.mode) and _first(tags.get(_PHOTOMETRIC), 1) == 0


def _first(value: object, default: int) -> int:
    if isinstance(value, tuple):
        value = value[0] if value else None
    return value if isinstance(value, int) else default


def _composited(
    image: Image.Image, background: tuple[int, int, int], *, format: str | None
) -> Image.Image:
    rgba = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    if format in _ALPHA_UNUSED and rgba.getchannel("A").getextrema() == (0, 0):
        return rgba.convert("RGB")
    below = Image.new("RGBA", rgba.size, (*background, 255))
    return Image.alpha_composite(below, rgba).convert("RGB")


def _too_large(name: str, pixels: int, *, limit: int) -> str:
    return (
        f"image {name} has {pixels:,} pixels, more than data.max_pixels = {limit}; raise it to decode "
        f"the picture (about {3 * pixels / 2**30:.1f} GiB), or reduce the picture"
    )
