"""Rows as people look at them: small pictures and the beginnings of texts."""

import io

import numpy as np
import pytest
from PIL import Image

from tutelage.data.pairs import ImageText
from tutelage.data.preview import MOST_BYTES, SIDE, preview
from tutelage.inputs import Prompt


def noise(width: int, height: int) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize(("size", "small"), [((900, 300), (160, 53)), ((20, 30), (20, 30))])
def test_a_picture_becomes_a_small_one(size, small):
    seen = preview(noise(*size))
    picture = Image.open(io.BytesIO(seen.jpeg))
    assert (picture.format, picture.size) == ("JPEG", small)
    assert seen.texts == ()


def test_even_noise_stays_small():
    assert len(preview(noise(SIDE, SIDE)).jpeg) <= MOST_BYTES


def test_texts_are_cut_between_words_and_stay_one_line():
    long = "one two\n three  " * 100
    (text,) = preview((long,)).texts
    assert text.startswith("one two three one two")
    assert text.endswith(" three…") or text.endswith(" two…") or text.endswith(" one…")
    assert len(text) <= 400
    assert preview(("short", long)).texts[0] == "short"
    assert len(preview(("short", long)).texts[1]) <= 200


def test_a_prompt_shows_the_texts_of_the_row_alone():
    assert preview(Prompt(("Review: ", " Answer:"), ("fine",))).texts == ("fine",)


def test_a_picture_with_a_text_shows_both():
    seen = preview(ImageText(noise(8, 8), ("a title",)))
    assert seen.jpeg
    assert seen.texts == ("a title",)


def test_what_cannot_be_printed_is_replaced():
    assert preview(("a\ud800b\x07c",)).texts == ("a?b\N{REPLACEMENT CHARACTER}c",)
