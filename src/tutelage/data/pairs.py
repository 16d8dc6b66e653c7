"""Rows of an image and a text each."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from tutelage.data.base import Modality, Rows, Side
from tutelage.data.decoding import Decoding
from tutelage.data.images import ImageColumn, ImageFiles

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ImageText", "ImageTexts"]


class ImageText(NamedTuple):
    """An RGB image and its text, one string a column."""

    image: "Image"
    text: tuple[str, ...]


@dataclass(frozen=True)
class ImageTexts:
    """Images paired with texts.

    Attributes:
        images: Rows of images.
        texts: Rows of texts, as many and in the same order.
    """

    images: Rows
    texts: Rows
    modality: Modality = field(default="image+text", init=False)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> ImageText:
        return ImageText(self.images[index], self.texts[index])

    def content(self, index: int) -> bytes:
        """Return the content of image and text, preceded by the image's length."""
        image = self.images.content(index)
        return len(image).to_bytes(8, "little") + image + self.texts.content(index)

    def select(self, indices: Sequence[int]) -> "ImageTexts":
        """Return the rows with these numbers."""
        return ImageTexts(self.images.select(indices), self.texts.select(indices))

    def with_decoding(self, decoding: Decoding) -> "ImageTexts":
        """Return the same rows, their images decoded in this way."""
        if not isinstance(self.images, ImageFiles | ImageColumn):
            return self
        return replace(self, images=self.images.with_decoding(decoding))

    def side(self, side: Side) -> Rows:
        """Return the images or the texts."""
        return self.images if side == "image" else self.texts
