"""Rows that are an image with a text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from tutelage.data.base import Modality, Rows, Side

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["ImageText", "ImageTexts"]


class ImageText(NamedTuple):
    """A row: an RGB image, and its text, one string a column."""

    image: "Image"
    text: tuple[str, ...]


@dataclass(frozen=True)
class ImageTexts:
    """Images, each with its text.

    Attributes:
        images: Rows that are images.
        texts: As many rows that are texts.
    """

    images: Rows
    texts: Rows
    modality: Modality = field(default="image+text", init=False)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> ImageText:
        return ImageText(self.images[index], self.texts[index])

    def content(self, index: int) -> bytes:
        """What image and text are made of, the image's length in front."""
        image = self.images.content(index)
        return len(image).to_bytes(8, "little") + image + self.texts.content(index)

    def select(self, indices: Sequence[int]) -> "ImageTexts":
        """Some of the rows."""
        return ImageTexts(self.images.select(indices), self.texts.select(indices))

    def side(self, side: Side) -> Rows:
        """The images, or the texts, alone."""
        return self.images if side == "image" else self.texts
