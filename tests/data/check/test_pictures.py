"""Prints of pictures: copies come out alike, other pictures do not."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tutelage.data.check.pictures import bands, hash_distance, picture_print, unlike
from tutelage.data.check.rules import NEAR_HASH, NEAR_VIEW


def landscape(seed: int, side: int = 160) -> Image.Image:
    """Patches of colour, smooth at their borders."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((side, side * 3 // 4), Image.Resampling.BICUBIC)


def near(one: Image.Image, other: Image.Image) -> bool:
    a, b = picture_print(one), picture_print(other)
    bits = hash_distance(np.array([a.bits], np.uint64), np.array([b.bits], np.uint64))
    return bool(bits[0] <= NEAR_HASH and unlike(a.view[None], b.view[None])[0] <= NEAR_VIEW)


def compressed(image: Image.Image, quality: int) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


@pytest.mark.parametrize("seed", range(8))
def test_a_smaller_and_compressed_copy_is_near(seed):
    picture = landscape(seed)
    assert near(picture, compressed(picture.resize((80, 60)), 60))
    assert near(picture, picture.resize((320, 240)))


def test_other_pictures_and_other_colours_are_not_near():
    pictures = [landscape(seed) for seed in range(30)]
    pairs = [(a, b) for i, a in enumerate(pictures) for b in pictures[:i]]
    assert not any(near(a, b) for a, b in pairs)
    red, green, blue = pictures[0].split()
    assert not near(pictures[0], Image.merge("RGB", (green, blue, red)))


def test_handwritten_digits_are_not_copies_of_each_other():
    """A hash alone holds many for equal: deepchecks/deepchecks#1243 (the same eight, twice)."""
    images = load_digits().images[:300]
    pixels = [
        np.kron((image * 15.9).astype(np.uint8), np.ones((4, 4), np.uint8)) for image in images
    ]
    prints = [picture_print(Image.fromarray(p).convert("RGB")) for p in pixels]
    first, second = np.triu_indices(len(prints), 1)
    bits = np.array([p.bits for p in prints], np.uint64)
    views = np.stack([p.view for p in prints])
    close = hash_distance(bits[first], bits[second]) <= NEAR_HASH
    assert close.sum() > 0
    assert (unlike(views[first[close]], views[second[close]]) > NEAR_VIEW).all()


def test_hashes_a_few_bits_apart_agree_in_a_band():
    generator = np.random.default_rng(0)
    bits = generator.integers(0, 2**63, 500, dtype=np.uint64)
    flips = np.array(
        [
            sum(1 << int(bit) for bit in generator.choice(63, NEAR_HASH, replace=False))
            for _ in bits
        ],
        np.uint64,
    )
    assert (hash_distance(bits, bits ^ flips) == NEAR_HASH).all()
    assert (bands(bits) == bands(bits ^ flips)).any(axis=1).all()


def test_one_colour_is_told_also_after_compression():
    teal = Image.new("RGB", (50, 40), "teal")
    assert picture_print(compressed(teal, 30)).flat
    dotted = teal.copy()
    dotted.putpixel((3, 3), (0, 0, 0))
    assert not picture_print(dotted).flat
    assert picture_print(dotted).size == (50, 40)
