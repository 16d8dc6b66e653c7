"""Images in channels_last are the same images, and convolutions pass the format on."""

import pytest
import timm
import torch

from tutelage.backbones.memory_format import is_convolutional, with_channels_last
from tutelage.inputs import ImageInput


@pytest.mark.parametrize(
    ("name", "expected"), [("test_resnet", True), ("test_vit", False), ("test_convnext", True)]
)
def test_which_models_are_convolutional(name, expected):
    assert is_convolutional(timm.create_model(name)) is expected


def test_images_keep_their_values_through_normalization():
    reads = ImageInput.from_options(8)
    pixels = torch.randint(256, (4, 3, 8, 8), dtype=torch.uint8)
    batch = {"image": pixels, "input_ids": torch.ones(4, 7)}
    turned = with_channels_last(batch)
    assert turned["image"].is_contiguous(memory_format=torch.channels_last)
    assert turned["input_ids"] is batch["input_ids"]
    normal = reads.finish(turned)["image"]
    assert normal.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(normal, reads.finish(batch)["image"])
