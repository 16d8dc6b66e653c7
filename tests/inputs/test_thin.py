"""Very thin pictures take bounded memory, and the others keep their pixels."""

import pytest
import torch
import transformers
from PIL import Image

from tutelage.errors import DataError
from tutelage.inputs import ImageInput
from tutelage.inputs.thin import LARGEST, without_far_ends


def timm_input(crop_mode: str, size: int = 32) -> ImageInput:
    settings = {"interpolation": "bicubic", "mean": (0.5,) * 3, "std": (0.5,) * 3, "crop_pct": 0.9}
    return ImageInput.from_timm({"input_size": (3, size, size), "crop_mode": crop_mode, **settings})


def processor() -> ImageInput:
    return ImageInput.from_processor(transformers.CLIPImageProcessor())


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (3, 100_000), (100_001, 2)])
def test_the_middle_is_kept(size):
    image = Image.new("RGB", size)
    image.putpixel((size[0] // 2, size[1] // 2), (255, 0, 0))
    kept = without_far_ends(image, timm_input("center").pixels, size=(224, 224))
    assert min(kept.size) == min(size)
    assert max(kept.size) < max(size)
    assert (max(size) - max(kept.size)) % 2 == 0
    assert kept.getpixel((kept.width // 2, kept.height // 2)) == (255, 0, 0)
    assert 336**2 * max(kept.size) / min(kept.size) <= 1.01 * LARGEST


@pytest.mark.parametrize("size", [(500, 300), (12, 7_000), (5_000, 9), (1, 1)])
def test_others_are_left_alone(size):
    image = Image.new("RGB", size)
    assert without_far_ends(image, processor().pixels, size=(224, 224)) is image


@pytest.mark.parametrize(
    "sees_ends",
    [
        lambda: timm_input("squash"),
        lambda: ImageInput.from_processor(transformers.ViTImageProcessor()),
        lambda: ImageInput.from_processor(transformers.ConvNextImageProcessor()),
    ],
)
def test_a_model_that_sees_the_ends_keeps_them(sees_ends):
    image = Image.new("RGB", (60_000, 1))
    assert without_far_ends(image, sees_ends().pixels, size=(224, 224)) is image


@pytest.mark.parametrize(
    "make", [lambda: ImageInput.from_options(64), lambda: timm_input("center"), processor]
)
def test_a_thin_picture_has_pixels(make, monkeypatch):
    """nunif#256, doctr#695: a picture of 1 x 60,000 pixels took gigabytes."""
    monkeypatch.setattr("tutelage.inputs.thin.LARGEST", 2**21)
    made = make()
    pixels = made.prepare(Image.new("RGB", (60_000, 1), (10, 20, 30)))
    assert pixels.shape == (3, *made.size)
    assert torch.equal(pixels[:, 0, 0], torch.tensor([10, 20, 30], dtype=torch.uint8))


def test_what_cannot_be_resized_is_named():
    image = Image.new("RGB", (10_000, 1))
    image.info["name"] = "a/thin.png"
    with pytest.raises(DataError, match=r"image a/thin.png of 10000 x 1 pixels cannot be resized"):
        timm_input("border").prepare(image)
