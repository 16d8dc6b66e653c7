"""ImageInput: the same pixels as timm and transformers make, normalized later."""

import pickle

import pytest
import timm
import torch
import transformers
from PIL import Image
from timm.data import create_transform, resolve_data_config

from tutelage.errors import ConfigError
from tutelage.inputs import ImageInput


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    pixels = torch.randint(256, (60, 90, 3), generator=torch.Generator().manual_seed(1))
    return Image.fromarray(pixels.to(torch.uint8).numpy()).resize((45, 61))


def finished(image_input: ImageInput, image: Image.Image) -> torch.Tensor:
    batch = image_input.collate([image_input.prepare(image)])
    assert batch["image"].dtype == torch.uint8
    return image_input.finish(batch)["image"]


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "mobilevit_xxs"])
def test_is_timms_evaluation_transform(name, photo):
    model = timm.create_model(name)
    expected = create_transform(**resolve_data_config(model=model))(photo)
    actual = finished(ImageInput.from_timm(model), photo)[0]
    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "processor",
    [
        transformers.CLIPImageProcessor(),
        transformers.ViTImageProcessor(size={"height": 32, "width": 48}),
        transformers.ViTImageProcessor(do_normalize=False),
        transformers.ViTImageProcessor(do_rescale=False, do_normalize=False),
        transformers.ConvNextImageProcessor(size={"shortest_edge": 64}),
        transformers.MobileViTImageProcessor(),
    ],
)
def test_is_the_processors_own_output(processor, photo):
    expected = processor(images=photo, return_tensors="pt")["pixel_values"]
    image_input = pickle.loads(pickle.dumps(ImageInput.from_processor(processor)))
    actual = finished(image_input, photo)
    torch.testing.assert_close(actual, expected.float(), rtol=1e-5, atol=1e-5)
    assert actual.shape[2:] == image_input.size


@pytest.mark.parametrize(
    "processor",
    [transformers.DetrImageProcessor(), transformers.EfficientNetImageProcessor()],
)
def test_refuses_a_processor_that_does_more(processor):
    with pytest.raises(ConfigError, match="does more than resize"):
        ImageInput.from_processor(processor)


def test_own_statistics():
    white = Image.new("RGB", (20, 30), (255, 128, 0))
    own = ImageInput.from_options(8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.5, 1.0), crop=0.8)
    actual = finished(own, white)
    assert actual.shape == (1, 3, 8, 8)
    expected = torch.tensor([(1 - 0.5) / 0.25, (128 / 255 - 0.5) / 0.5, -0.5])
    torch.testing.assert_close(actual[0, :, 4, 4], expected)
    half = own.finish(own.collate([own.prepare(white)]), dtype=torch.bfloat16)["image"]
    assert half.dtype == torch.bfloat16


def test_views_follow_from_the_generator(photo):
    own = ImageInput.from_options(16)
    state = torch.get_rng_state()
    views = [own.augmented(photo, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), state)
    assert views[0].dtype == torch.uint8
    assert views[0].shape == (3, 16, 16)
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])
    torch.manual_seed(3)
    drawn = own.augmented(photo)
    assert not torch.equal(drawn, own.augmented(photo))


def test_identity_covers_what_changes_pixels():
    plain = ImageInput.from_options(16)
    same = pickle.loads(pickle.dumps(plain))
    assert plain.identity() == same.identity()
    others = [
        ImageInput.from_options(24),
        ImageInput.from_options(16, crop=0.9),
        ImageInput.from_options(16, interpolation="bilinear"),
        ImageInput.from_options(16, mean=(0.5, 0.5, 0.5)),
        ImageInput.from_options(16, std=(0.5, 0.5, 0.5)),
        ImageInput.from_processor(transformers.CLIPImageProcessor()),
        ImageInput.from_processor(transformers.CLIPImageProcessor(resample=2)),
    ]
    assert len({str(one.identity()) for one in [plain, *others]}) == 8


def test_refuses_other_than_three_channels():
    with pytest.raises(ConfigError, match="1 channels"):
        ImageInput.from_timm({"input_size": (1, 28, 28)})


@pytest.mark.parametrize("std", [(0.5, 0.0, 0.5), (0.5, -1.0, 0.5), (float("nan"),) * 3])
def test_refuses_to_divide_by_what_is_not_above_0(std):
    with pytest.raises(ConfigError, match="above 0"):
        ImageInput.from_options(8, std=std)
