"""Augmented views of rows: crops of pictures and windows of texts, decided by row, seed and number.

A view is a split like any other: its teachers' features are cached, and teachers and student read it
with their own evaluation transforms, so that both see the same picture or the same words.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tutelage.data.base import Modality, Rows, Split
from tutelage.data.pairs import ImageTexts
from tutelage.errors import DataError
from tutelage.inputs import Prompt

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["refuse_equal_views", "share_with_views", "view_of"]

SMALLEST_CROP = 0.25
"""Least share of a picture's area in a crop, so that its label still applies."""

SHORTEST_WINDOW = 32
"""Words below which a text is not cut, so that its label still applies."""

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and Chinese characters, which are written without blanks: each counts as a word."""
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")


def view_of(split: Split, view: int, *, seed: int) -> Split:
    """Return a view of a split: the same ids and labels, other crops or words.

    A picture becomes a square crop of 25 to 100 % of its area, in its own pixels, mirrored with
    probability 1/2. A text becomes a window of half of its words, but of no fewer than 32; shorter
    texts stay whole. Of rows with both, both change; texts that are all so short have no views: the
    rows of that side stay the same object. Each draw is a digest of the seed, the view's number and
    the row's id: it depends neither on the other rows nor on how many views there are.

    Args:
        split: The rows.
        view: Number of the view, from 1.
        seed: Seed of the draws.

    Source:
        Wu et al. 2022, arXiv 2207.10666, and Beyer et al. 2022, arXiv 2106.05237: the same view for
        teacher and student. Szegedy et al. 2015, arXiv 1409.4842, for crops of random area.
    """
    draws = Draws(view, seed=seed)
    return replace(
        split, name=f"{split.name}, view {view}", rows=_views(split.rows, split.ids, draws)
    )


def refuse_equal_views(split: Split) -> None:
    """Refuse rows of texts of which each is too short for a window of its own.

    Raises:
        DataError: If so.
    """
    if split.rows.modality != "text" or _have_windows(split.rows):
        return
    raise DataError(
        f"data.views: no text of the {split.name} rows has more than {SHORTEST_WINDOW} words, so every "
        "view would equal its row; leave data.views out"
    )


def share_with_views(split: Split) -> float:
    """The share of rows whose views differ from them, by the first thousand rows; of pictures 1."""
    if split.rows.modality != "text":
        return 1.0
    count = min(len(split), 1000)
    return sum(_has_window(split.rows[index]) for index in range(count)) / count


@dataclass(frozen=True)
class Draws:
    """Numbers that are drawn by row.

    Attributes:
        view: Number of the view.
        seed: Seed of all views.
    """

    view: int
    seed: int = field(kw_only=True)

    def of(self, name: str, *, part: int = 0) -> tuple[float, float, float, float]:
        """Return four numbers from 0 to below 1.

        Args:
            name: Id of the row.
            part: Part of the row.
        """
        text = f"{self.seed}\0view {self.view}\0{part}\0{name}"
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        first, second, third, fourth = (
            (int.from_bytes(digest[start : start + 8], "little") >> 11) / 2**53
            for start in range(0, 32, 8)
        )
        return first, second, third, fourth

    def mark(self, kind: str) -> bytes:
        """What a view adds to the content of a row, whose digest is part of the cache key."""
        return f"\0{kind}, seed {self.seed}, view {self.view}".encode()


@dataclass(frozen=True)
class PictureViews:
    """Crops of pictures.

    Attributes:
        rows: The pictures.
        ids: Their ids.
        draws: What decides the crops.
    """

    rows: Rows
    ids: Sequence[str]
    draws: Draws
    modality: Modality = field(default="image", init=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> "Image":
        return crop(self.rows[index], self.draws.of(self.ids[index]))

    def content(self, index: int) -> bytes:
        """Return the picture's content, and what decides the crop besides the id."""
        return self.rows.content(index) + self.draws.mark(f"crop of {SMALLEST_CROP:g} to 1")

    def select(self, indices: Sequence[int]) -> "PictureViews":
        """Return the views with these numbers."""
        return PictureViews(self.rows.select(indices), [self.ids[i] for i in indices], self.draws)


@dataclass(frozen=True)
class TextViews:
    """Windows of texts.

    Attributes:
        rows: The texts.
        ids: Their ids.
        draws: What decides the windows.
    """

    rows: Rows
    ids: Sequence[str]
    draws: Draws
    modality: Modality = field(default="text", init=False)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[str, ...] | Prompt:
        row = self.rows[index]
        windows = tuple(
            window(text, self.draws.of(self.ids[index], part=part)[0])
            for part, text in enumerate(_texts(row))
        )
        return replace(row, fields=windows) if isinstance(row, Prompt) else windows

    def content(self, index: int) -> bytes:
        """Return the texts' content, and what decides the windows besides the id."""
        return self.rows.content(index) + self.draws.mark(
            f"window of {SHORTEST_WINDOW} words or half"
        )

    def select(self, indices: Sequence[int]) -> "TextViews":
        """Return the views with these numbers."""
        return TextViews(self.rows.select(indices), [self.ids[i] for i in indices], self.draws)


def crop(image: "Image", draws: tuple[float, float, float, float]) -> "Image":
    """Return a square of a picture, in its own pixels.

    Args:
        image: The picture.
        draws: Numbers from 0 to below 1 that decide area, column, row and mirroring.
    """
    from PIL import Image

    area, column, row, mirrored = draws
    share = SMALLEST_CROP + (1 - SMALLEST_CROP) * area
    side = max(
        1, min(round((share * image.width * image.height) ** 0.5), image.width, image.height)
    )
    left = int(column * (image.width - side + 1))
    top = int(row * (image.height - side + 1))
    square = image.crop((left, top, left + side, top + side))
    return square.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored < 0.5 else square


def window(text: str, draw: float) -> str:
    """Return half of a text's words, but no fewer than 32, that follow each other.

    Args:
        text: The text; up to 32 words stay as they are.
        draw: Number from 0 to below 1 that decides where the window begins.

    Example:
        >>> numbers = " ".join(map(str, range(40)))
        >>> window(numbers, 0.5)[:11], len(window(numbers, 0.5).split())
        ('4 5 6 7 8 9', 32)
    """
    words = [match.span() for match in _WORD.finditer(text)]
    length = max(SHORTEST_WINDOW, len(words) // 2)
    if len(words) <= length:
        return text
    first = int(draw * (len(words) - length + 1))
    return text[words[first][0] : words[first + length - 1][1]]


def _have_windows(rows: Rows) -> bool:
    """Whether a row of texts is long enough for a window of its own."""
    return any(_has_window(rows[index]) for index in range(len(rows)))


def _has_window(row: tuple[str, ...] | Prompt) -> bool:
    return any(sum(1 for _ in _WORD.finditer(text)) > SHORTEST_WINDOW for text in _texts(row))


def _texts(row: tuple[str, ...] | Prompt) -> tuple[str, ...]:
    return row.fields if isinstance(row, Prompt) else row


def _views(rows: Rows, ids: Sequence[str], draws: Draws) -> Rows:
    if isinstance(rows, ImageTexts):
        return ImageTexts(_views(rows.images, ids, draws), _views(rows.texts, ids, draws))
    if rows.modality == "image":
        return PictureViews(rows, ids, draws)
    return TextViews(rows, ids, draws) if _have_windows(rows) else rows
