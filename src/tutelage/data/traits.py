"""What a sample of the pictures has that a setting decides on: transparency, frames, bit depth."""

import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tutelage.data.decoding import BY_DEFAULT, FULL, Decoding, declared_white, is_deep
from tutelage.data.images import ImageColumn, ImageFiles

__all__ = ["picture_notes"]

_LOOKED_AT = 256
_DECODED = 16
_USUAL_BITS = 14
"""Gray pictures of 16 bits whose values need no more than this are likely to be stretched."""


def picture_notes(rows: ImageFiles | ImageColumn) -> tuple[str, ...]:
    """Say how pictures are decoded that have more than plain colors, from a sample of headers.

    Pictures that cannot be opened are left out: they are told when they are decoded.

    Args:
        rows: The pictures, with their decoding.
    """
    count: Counter[str] = Counter()
    brightest: list[int] = []
    step = max(1, len(rows) // _LOOKED_AT)
    for index in range(0, len(rows), step):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with rows.opened(index) as image:
                    _look(image, rows.decoding, count, brightest)
        except Exception:  # noqa: BLE001 - decoders raise errors of any type
            continue
    return tuple(_words(count, brightest, rows.decoding))


def _look(
    image: Image.Image, decoding: Decoding, count: Counter[str], brightest: list[int]
) -> None:
    count["pictures"] += 1
    count["clear"] += image.has_transparency_data
    count["films"] += image.format != "MPO" and getattr(image, "n_frames", 1) > 1
    count["gray"] += is_deep(image.mode)
    if is_deep(image.mode) and decoding.white is None and declared_white(image) == FULL:
        count["deep"] += 1
        if len(brightest) < _DECODED:
            brightest.append(int(np.asarray(image).max()))


def _words(count: Counter[str], brightest: Sequence[int], decoding: Decoding) -> list[str]:
    looked = f"of {count['pictures']} pictures looked at"
    notes = []
    if count["clear"] and decoding.background is not None:
        color = "#{:02x}{:02x}{:02x}".format(*decoding.background)
        notes.append(
            f"{count['clear']} {looked} have an alpha channel or a transparent color; where they are "
            f"transparent, they show {'white' if color == '#ffffff' else color} (data.background)"
        )
    elif decoding.background not in (None, BY_DEFAULT.background) and count["pictures"]:
        notes.append(f"data.background changes none {looked}: all are opaque")
    if decoding.white is not None and count["pictures"] and not count["gray"]:
        notes.append(
            f"data.white = {decoding.white:g} changes none {looked}: it is for gray ones of more than 8 bits"
        )
    if count["films"]:
        notes.append(f"{count['films']} {looked} have several frames or pages; the first is read")
    bits = max(brightest, default=FULL).bit_length()
    if 0 < bits <= _USUAL_BITS:
        notes.append(
            f"{count['deep']} {looked} are gray with 16 bits, and the largest value in {len(brightest)} of "
            f"them is {max(brightest)}: they will be dark, unless data.white = {2**bits - 1} says "
            "which value is white"
        )
    return notes
