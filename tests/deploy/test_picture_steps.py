"""Steps from a picture to pixels: as PIL takes them, and in a graph."""

import numpy as np
import pytest
import torch
from PIL import Image

from tutelage.deploy.picture_steps import PictureSteps, resized_in_graph
from tutelage.inputs import ImageInput


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("size", "crop"), [(32, 1.0), (48, 0.875)])
def test_resizing_in_a_graph_is_that_of_pil(interpolation, size, crop):
    reads = ImageInput.from_options(size, interpolation=interpolation, crop=crop)
    steps = PictureSteps.of(reads)
    assert steps.crop == (size, size)
    for height, width in ((97, 131), (60, 20), (32, 32)):
        noise = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        expected = reads.prepare(Image.fromarray(noise)).int()
        found = resized_in_graph(torch.from_numpy(noise), steps)[0].int()
        assert (found - expected).abs().max() <= 1
        ties = (
            0.05 if interpolation == "bilinear" else 2e-3
        )  # halves that rounding of weights decides
        assert (found != expected).float().mean() < ties


def test_squashed_pictures():
    settings = {"input_size": (3, 20, 30), "interpolation": "bicubic", "crop_pct": 1.0}
    settings |= {"mean": (0.5,) * 3, "std": (0.5,) * 3, "crop_mode": "squash"}
    steps = PictureSteps.of(ImageInput.from_timm(settings))
    assert steps.described() == {"interpolation": "bicubic", "size": (20, 30), "crop": (20, 30)}


def test_steps_that_are_not_all_are_not_described():
    reads = ImageInput.from_options(32)
    mirrored = ImageInput(
        lambda image: reads.pixels(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        size=reads.size,
        mean=reads.mean,
        std=reads.std,
        interpolation=reads.interpolation,
        preparation=reads.preparation,
    )
    assert PictureSteps.of(mirrored) is None
    nearest = ImageInput.from_options(32, interpolation="nearest")
    assert PictureSteps.of(nearest) is None
