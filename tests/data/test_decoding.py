"""Pictures become upright RGB: transparency, bit depth, damaged metadata and size limits."""

import contextlib
import random
import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from tutelage.config import DataConfig
from tutelage.data.decoding import Decoding
from tutelage.errors import DataError

PLAIN = Decoding()
DROPPED = Decoding(background=None)


def encoded(image: Image.Image, format: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def pixels(content: bytes, decoding: Decoding = PLAIN) -> np.ndarray:
    image = decoding.decode(content, name="x")
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.fixture
def drawing() -> Image.Image:
    """A black cross on a transparent ground."""
    values = np.zeros((8, 8, 4), np.uint8)
    values[4, :, 3] = values[:, 4, 3] = 255
    return Image.fromarray(values)


def as_palette(image: Image.Image) -> Image.Image:
    picture = Image.new("P", image.size, 0)
    picture.putpalette([0, 0, 0, 0, 0, 0])
    picture.putdata([int(a > 0) for a in image.getchannel("A").tobytes()])
    return picture


@pytest.mark.parametrize("kind", ["rgba", "gray", "palette", "gif", "webp", "tiff"])
def test_transparent_pixels_show_the_background(drawing, kind):
    content = {
        "rgba": lambda: encoded(drawing),
        "gray": lambda: encoded(drawing.convert("LA")),
        "palette": lambda: encoded(as_palette(drawing), transparency=0),
        "gif": lambda: encoded(as_palette(drawing), "GIF", transparency=0),
        "webp": lambda: encoded(drawing, "WEBP", lossless=True),
        "tiff": lambda: encoded(drawing, "TIFF"),
    }[kind]()
    expected = np.full((8, 8, 3), 255)
    expected[4] = expected[:, 4] = 0
    assert np.array_equal(pixels(content), expected)
    red = pixels(content, Decoding.of(DataConfig(source="x", background="#ff0000")))
    assert red[0, 0].tolist() == [255, 0, 0]
    assert red[4, 0].tolist() == [0, 0, 0]
    assert not pixels(content, Decoding.of(DataConfig(source="x", background="none"))).any()


def test_half_transparent_pixels_are_mixed():
    content = encoded(Image.new("RGBA", (1, 1), (0, 100, 200, 51)))
    assert pixels(content)[0, 0].tolist() == [204, 224, 244]


def test_opaque_pictures_keep_their_pixels_and_their_key(drawing):
    noise = np.random.default_rng(0).integers(256, size=(9, 7, 4), dtype=np.uint8)
    opaque = Image.fromarray(noise[..., :3])
    contents = [encoded(opaque, format) for format in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")]
    contents.append(encoded(opaque.convert("L")))
    contents.append(encoded(Image.fromarray(np.arange(0, 60000, 1000, dtype=np.uint16)[None])))
    for content in contents:
        assert PLAIN.mark(content) == b""
        assert np.array_equal(pixels(content), pixels(content, DROPPED))
    solid = Image.fromarray(np.dstack([noise[..., :3], np.full((9, 7), 255, np.uint8)]))
    assert np.array_equal(pixels(encoded(solid)), noise[..., :3])
    content = encoded(drawing)
    assert PLAIN.mark(content) == b"\0background (255, 255, 255)"
    assert Decoding(background=(255, 0, 0)).mark(content) not in (b"", PLAIN.mark(content))
    assert DROPPED.mark(content) == b""


def test_an_alpha_channel_of_zeros_in_a_bitmap_is_none():
    """https://github.com/python-pillow/Pillow documents it as the alpha that programs leave unset."""
    content = encoded(Image.new("RGBA", (2, 2), (9, 8, 7, 0)), "TGA")
    assert pixels(content)[0, 0].tolist() == [9, 8, 7]
    assert pixels(encoded(Image.new("RGBA", (2, 2), (9, 8, 7, 0))))[0, 0].tolist() == [255] * 3


def deep(values, dtype=np.uint16) -> Image.Image:
    return Image.fromarray(np.array([values], dtype=dtype))


def test_sixteen_bits_keep_the_upper_eight():
    content = encoded(deep([0, 255, 256, 40000, 65535]))
    assert pixels(content)[0, :, 0].tolist() == [0, 0, 1, 156, 255]


def test_white_is_what_the_setting_says():
    content = encoded(deep([0, 2048, 4095, 5000]))
    twelve = Decoding.of(DataConfig(source="x", white=4095))
    assert pixels(content, twelve)[0, :, 0].tolist() == [0, 128, 255, 255]
    assert twelve.mark(content) == b"\0white 4095.0"
    floats = encoded(deep([0, 0.5, 1, float("nan")], np.float32), "TIFF")
    with pytest.raises(DataError, match=r"image x has 32 bits a pixel.*set data.white"):
        pixels(floats)
    assert pixels(floats, Decoding(white=1.0))[0, :, 0].tolist() == [0, 128, 255, 0]
    rgb = encoded(Image.new("RGB", (1, 1), (1, 2, 3)))
    assert pixels(rgb, Decoding(white=4095.0))[0, 0].tolist() == [1, 2, 3]


def test_white_is_what_the_file_says():
    tagged = encoded(deep([0, 2048, 4095]), "TIFF", tiffinfo={281: 4095})
    assert pixels(tagged)[0, :, 0].tolist() == [0, 128, 255]
    assert PLAIN.mark(tagged) == b"\0white 4095"
    pgm = b"P5 4 1 4095\n" + np.array([0, 16, 2048, 4095], dtype=">u2").tobytes()
    assert pixels(pgm)[0, :, 0].tolist() == [0, 1, 128, 255]
    pgm = b"P5 3 1 65535\n" + np.array([0, 40000, 65535], dtype=">u2").tobytes()
    assert pixels(pgm)[0, :, 0].tolist() == [0, 156, 255]


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "F"])
def test_white_is_zero(mode):
    """TIFF's PhotometricInterpretation 0; Pillow inverts gray of 8 bits and leaves that of 16."""
    values = {
        "1": deep([False, True], bool),
        "L": deep([0, 255], np.uint8),
        "I;16": deep([0, 65535]),
        "F": deep([0, 1], np.float32),
    }[mode]
    content = encoded(values, "TIFF", tiffinfo={262: 0})
    if mode in ("1", "L"):  # Pillow inverts as it writes, too
        content = white_as_zero(encoded(values, "TIFF"))
    shown = pixels(content, Decoding(white=1.0) if mode == "F" else Decoding())
    assert shown[0, :, 0].tolist() == [255, 0]
    assert (b"white is zero" in Decoding(white=1.0).mark(content)) == (mode in ("I;16", "F"))


def white_as_zero(tiff: bytes) -> bytes:
    before, after = b"\x06\x01\x03\x00\x01\x00\x00\x00\x01", b"\x06\x01\x03\x00\x01\x00\x00\x00\x00"
    assert tiff.count(before) == 1
    return tiff.replace(before, after)


def test_white_cannot_apply_to_channels_of_which_half_is_read():
    samples = np.array([4095, 0, 0], dtype=">u2").tobytes()
    ppm = b"P6 1 1 65535\n" + samples
    decoding = Decoding(white=4095.0)
    png = png_of(samples)
    assert pixels(png)[0, 0].tolist() == [15, 0, 0]
    with pytest.raises(DataError, match=r"several channels of 16 bits.*data.white cannot apply"):
        pixels(png, decoding)
    assert pixels(ppm).shape == (1, 1, 3)


def png_of(samples: bytes) -> bytes:
    """A PNG of one pixel with 16 bits a channel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(b"\0" + samples))
        + chunk(b"IEND", b"")
    )


def turned(orientation: int) -> tuple[bytes, np.ndarray]:
    """A JPEG that is to be turned, and its pixels as they lie in the file."""
    noise = np.random.default_rng(1).integers(256, size=(6, 10, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x010F] = "maker"
    exif[0x0112] = orientation
    exif[0x0131] = "software"
    content = encoded(Image.fromarray(noise), "JPEG", exif=exif, quality=95)
    return content, np.asarray(Image.open(BytesIO(content)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation):
    content, _ = turned(orientation)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(content))))
    assert np.array_equal(pixels(content), expected)


def test_damaged_exif_never_loses_a_picture():
    """https://github.com/python-pillow/Pillow/issues/7839, detectron2#361, datasets#7668."""
    content, lying = turned(6)
    start = content.index(b"Exif\0\0") + 6
    upright = np.rot90(lying, -1)
    length = int.from_bytes(content[start - 8 : start - 6], "big") - 8
    draw = random.Random(0)
    for _ in range(400):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 4)):
            damaged[start + draw.randrange(length)] = draw.randrange(256)
        shown = pixels(bytes(damaged))
        assert sorted(shown.shape) == [3, 6, 10]
    for place in range(start + 32, start + length):  # behind the entry with the orientation
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        assert np.array_equal(pixels(bytes(damaged)), upright)
    for kept in range(0, length, 5):  # the segment ends early
        short = bytearray(content[: start + kept]) + content[start + length :]
        short[start - 8 : start - 6] = (8 + kept).to_bytes(2, "big")
        assert pixels(bytes(short)).size == lying.size


def test_other_damaged_metadata_never_loses_a_picture():
    noise = np.random.default_rng(1).integers(256, size=(6, 10, 3), dtype=np.uint8)
    note = PngImagePlugin.PngInfo()
    note.add_text("workflow", "x" * 3_000_000, zip=True)  # above Pillow's limit for a chunk
    content = encoded(Image.fromarray(noise), pnginfo=note)
    with pytest.raises(ValueError, match=r"(?i)too large"):
        Image.open(BytesIO(content))
    assert np.array_equal(pixels(content), noise)
    note = PngImagePlugin.PngInfo()
    note.add_text("author", "someone")
    content = encoded(Image.fromarray(noise), pnginfo=note).replace(b"someone", b"SOMEONE")
    assert np.array_equal(pixels(content), noise)
    jpeg = encoded(Image.fromarray(noise), "JPEG")
    whole = np.asarray(Image.open(BytesIO(jpeg)))
    for segment in (b"ICC_PROFILE\0", b"MPF\0II*\0\x08\0\0\0", b"Photoshop 3.0\x008BIM\x03\xed"):
        for marker in (0xE1, 0xE2, 0xED):
            length = (2 + len(segment)).to_bytes(2, "big")
            damaged = jpeg[:2] + bytes([0xFF, marker]) + length + segment + jpeg[2:]
            assert np.array_equal(pixels(damaged), whole)


@pytest.mark.parametrize("format", ["AVIF", "DDS", "WEBP", "JPEG2000", "TIFF", "GIF", "ICO", "PNG"])
def test_any_error_of_a_decoder_is_one_that_names_the_image(format):
    try:
        content = encoded(Image.effect_noise((32, 32), 50).convert("RGB"), format)
    except (KeyError, OSError):
        pytest.skip(f"this Pillow does not write {format}")
    draw = random.Random(0)
    for _ in range(100):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 6)):
            damaged[draw.randrange(min(len(damaged), 200))] = draw.randrange(256)
        with contextlib.suppress(DataError):
            pixels(bytes(damaged[: draw.choice([len(damaged), len(damaged) // 2])]))


@pytest.mark.parametrize(
    ("content", "meaning"),
    [
        (b"", "is empty"),
        (b"\1no image at all", "of no known format"),
        (b"error code: 502", "it is a text, as servers send"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "it is a text"),
        (b"\0\0\0\x0cJXL \r\n\x87\n\xff\xff", "it is a JPEG XL picture"),
        (b"\0" * 128 + b"DICM\xff", "it is a DICOM file"),
        (b"\0\5\x16\7\0\2\0\0Mac OS X", "it holds what macOS knows of a file"),
        (b"<!DOCTYPE html><html>", "it is a web page"),
        (b'<?xml version="1.0"?>\n<svg>', "it is an SVG drawing"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "it is a HEIC picture; convert it"),
    ],
)
def test_what_is_no_image_is_called_by_its_name(content, meaning):
    """JMComic-qt#185, Pillow#9094: what a server sent is stored in place of a picture."""
    with pytest.raises(DataError, match=f"image x .*{meaning}"):
        pixels(content)


def test_pictures_above_the_limit_name_the_setting(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    content = encoded(Image.new("1", (20_000, 9_000)))
    with pytest.raises(DataError, match=r"image x has 180,000,000 pixels.* data.max_pixels"):
        pixels(content)
    wide = Decoding(max_pixels=180_000_000)
    with pytest.raises(DataError, match=r"has 180,020,000 pixels"):
        pixels(encoded(Image.new("1", (20_000, 9_001))), wide)
    assert wide.decode(content, name="x").size == (20_000, 9_000)
    small = encoded(Image.new("1", (11, 10)))
    with pytest.raises(DataError, match=r"image x has 110 pixels, more than data.max_pixels = 100"):
        pixels(small, Decoding(max_pixels=100))


def test_a_warning_of_pillow_is_not_shown(recwarn):
    content = encoded(Image.new("1", (3_000, 30_000)), "TIFF", tiffinfo={700: b"<xmp"})
    assert PLAIN.decode(content, name="x").size == (3_000, 30_000)  # the size that it warns of
    assert not recwarn.list


@pytest.mark.parametrize("background", ["whit", "#12345", "#ffffff00"])
def test_colors_are_checked(background):
    with pytest.raises(ValueError, match="background"):
        DataConfig(source="x", background=background)
