"""The orientation is read as far as it is known; a picture is cut down to what its pixels need."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tutelage.data.metadata import orientation, without_metadata

NOISE = np.random.default_rng(2).integers(256, size=(4, 6, 3), dtype=np.uint8)


def saved(image: Image.Image, format: str, **options) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def exif(**tags) -> Image.Exif:
    made = Image.Exif()
    for name, value in tags.items():
        made[{"orientation": 0x0112, "maker": 0x010F}[name]] = value
    return made


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(("stated", "known"), [(6, 6), (1, 1), (0, 1), (9, 1)])
def test_orientation(format, stated, known):
    content = saved(Image.fromarray(NOISE), format, exif=exif(orientation=stated))
    assert orientation(Image.open(BytesIO(content)), content) == known


def test_orientation_of_the_content_counts_if_the_picture_was_cut_down():
    content = saved(Image.fromarray(NOISE), "JPEG", exif=exif(orientation=8, maker="x"))
    bare = without_metadata(content)
    assert b"Exif" not in bare
    assert orientation(Image.open(BytesIO(bare)), content) == 8
    assert orientation(Image.open(BytesIO(bare)), bare) == 1


def test_a_jpeg_keeps_its_pixels_and_its_colors():
    cmyk = Image.fromarray(NOISE).convert("CMYK")
    for image in (Image.fromarray(NOISE), Image.fromarray(NOISE).convert("L"), cmyk):
        content = saved(image, "JPEG", comment=b"words", exif=exif(maker="x"))
        bare = without_metadata(content)
        assert b"words" not in bare
        assert np.array_equal(Image.open(BytesIO(bare)), Image.open(BytesIO(content)))


def test_a_png_keeps_its_pixels_and_its_transparency():
    note = PngImagePlugin.PngInfo()
    note.add_text("author", "someone")
    picture = Image.fromarray(NOISE).quantize(8)
    content = saved(picture, "PNG", transparency=3, pnginfo=note)
    bare = without_metadata(content)
    assert b"someone" not in bare
    as_before, after = Image.open(BytesIO(content)), Image.open(BytesIO(bare))
    assert np.array_equal(after.convert("RGBA"), as_before.convert("RGBA"))


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_nothing_is_made_of_what_is_no_picture(content):
    assert len(without_metadata(content) or b"") <= len(content)
