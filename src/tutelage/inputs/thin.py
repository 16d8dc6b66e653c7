"""Very thin pictures, which scaling of the shorter side would make too large for memory."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LARGEST", "without_far_ends"]

LARGEST = 2**26
"""Pixels that a picture may have once its shorter side is scaled: 192 MiB."""


def without_far_ends(
    image: "Image", pixels: "Callable[[Image], Any]", *, size: tuple[int, int]
) -> "Image":
    """Return the middle of a picture that would have too many pixels once it is scaled.

    What is cut off lies far outside the central square that the model sees: a picture of 1 x 60,000
    pixels keeps 595 of them for a model of 224. Other pictures are returned as they are, as are
    all pictures of a model that sees their ends.

    Args:
        image: A picture.
        pixels: Function from a picture to the pixels that the model sees.
        size: Height and width of these.
    """
    shorter, longer = sorted(image.size)
    scaled_to = 3 * max(size) // 2  # some scale the side to more than they cut out
    kept = max(shorter, LARGEST * shorter // scaled_to**2)
    if longer <= kept or _sees_ends(pixels):
        return image
    kept += (longer - kept) % 2  # so that as much is cut off at both ends
    start = (longer - kept) // 2
    if image.width == longer:
        return image.crop((start, 0, start + kept, image.height))
    return image.crop((0, start, image.width, start + kept))


def _sees_ends(pixels: "Callable[[Image], Any]") -> bool:
    """Whether the ends of a picture of 16 x 1 are among the pixels, for whatever reason."""
    from PIL import Image

    picture = Image.new("RGB", (1600, 100), "white")
    picture.paste((0, 0, 0), (400, 0, 1200, 100))
    return bool((pixels(picture) > 0).any())
