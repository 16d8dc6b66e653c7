"""Pictures in a few bytes: a perceptual hash to find copies, a small view to confirm them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt8, UInt64
from scipy.fft import dctn

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["BANDS", "VIEW", "PicturePrint", "bands", "hash_distance", "picture_print", "unlike"]

VIEW = 16
"""Side of the small view, in pixels."""
BANDS = 7
"""Bands of nine bits: two hashes that differ in fewer than seven bits agree in one of them."""
FLAT = 3
"""Levels, of 256, by which the channels of a one-coloured picture vary at most."""

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_ONES = np.array([number.bit_count() for number in range(2**16)], dtype=np.uint8)


@dataclass(frozen=True)
class PicturePrint:
    """What is kept of a picture.

    Attributes:
        size: Width and height in pixels.
        flat: Whether all pixels have one colour.
        bits: Perceptual hash of 63 bits.
        view: The picture, scaled to ``VIEW`` pixels a side.
    """

    size: tuple[int, int]
    flat: bool
    bits: int
    view: UInt8[np.ndarray, "view view channel"]


def picture_print(image: "Image") -> PicturePrint:
    """Reduce an RGB picture to its print.

    The hash has a bit for each of the lowest 63 frequencies of the picture in grey: whether its
    coefficient is above their median. Scaling and compression leave nearly all of them as they are.

    Source:
        Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions", section
        3.2.1 (the discrete cosine transform).

    Example:
        >>> from PIL import Image
        >>> picture_print(Image.new("RGB", (60, 40), "teal")).flat
        True
    """
    from PIL import Image

    small = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR), dtype=np.float32)
    waves = dctn(small @ _GREY, norm="ortho")[:8, :8].ravel()[1:]
    bits = int.from_bytes(np.packbits(waves > np.median(waves)).tobytes()) >> 1
    view = small.reshape(VIEW, 2, VIEW, 2, 3).mean((1, 3))
    levels = np.array(image.getextrema())
    return PicturePrint(
        image.size,
        bool((levels[:, 1] - levels[:, 0]).max() <= FLAT),
        bits,
        view.round().astype(np.uint8),
    )


def bands(bits: UInt64[np.ndarray, " rows"]) -> UInt64[np.ndarray, "rows bands"]:
    """Cut hashes into bands."""
    shifts = np.arange(BANDS, dtype=np.uint64) * np.uint64(63 // BANDS)
    keys: UInt64[np.ndarray, "rows bands"] = bits[:, None] >> shifts
    return keys & np.uint64(2 ** (63 // BANDS) - 1)


def hash_distance(
    one: UInt64[np.ndarray, " pairs"], other: UInt64[np.ndarray, " pairs"]
) -> Int[np.ndarray, " pairs"]:
    """Return the number of bits in which pairs of hashes differ.

    Example:
        >>> hash_distance(np.array([5], np.uint64), np.array([6], np.uint64))
        array([2])
    """
    words = (one ^ other).view(np.uint16).reshape(-1, 4)
    distance: Int[np.ndarray, " pairs"] = _ONES[words].sum(axis=1, dtype=np.int64)
    return distance


def unlike(
    one: UInt8[np.ndarray, "pairs view view channel"],
    other: UInt8[np.ndarray, "pairs view view channel"],
) -> Float[np.ndarray, " pairs"]:
    """Return how much pairs of views differ: root mean square of pixels, over their contrast.

    The contrast is the lesser standard deviation of the two; 0.1 is what strong compression and
    halving the size change, and what differs between photographs of two black shoes is 0.2.
    """
    a, b = one.astype(np.float32), other.astype(np.float32)
    contrast = np.minimum(*(np.sqrt(v.var(axis=(1, 2)).mean(axis=-1)) for v in (a, b)))
    difference: Float[np.ndarray, " pairs"] = np.sqrt(((a - b) ** 2).mean(axis=(1, 2, 3)))
    difference /= np.maximum(contrast, 1e-3)
    return difference
