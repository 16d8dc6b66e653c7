"""Input of image models: resizing, cropping, augmentation and normalization."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from tutelage.errors import ConfigError, DataError, first_line
from tutelage.inputs.thin import without_far_ends

if TYPE_CHECKING:
    from PIL.Image import Image
    from transformers import BaseImageProcessor

__all__ = ["ImageInput"]

Interpolation = Literal["nearest", "bilinear", "bicubic"]

SMALLEST_VIEW = 0.25
"""Least share of the image in an augmented view, so that its label still applies."""


@dataclass(frozen=True)
class ImageInput:
    """Converts images to pixels, resized and cropped, and normalizes them on the device.

    Attributes:
        pixels: Function from an RGB image to uint8 pixels ``[3, height, width]``.
        size: Height and width.
        mean: Mean of each channel, for pixels from 0 to 1.
        std: Standard deviation of each channel, for pixels from 0 to 1.
        interpolation: Interpolation of augmented views.
        preparation: All settings of ``pixels`` that change a pixel.
    """

    pixels: "Callable[[Image], UInt8[Tensor, '3 height width']]"
    size: tuple[int, int] = field(kw_only=True)
    mean: tuple[float, float, float] = field(kw_only=True)
    std: tuple[float, float, float] = field(kw_only=True)
    interpolation: str = field(kw_only=True)
    preparation: Mapping[str, Any] = field(kw_only=True)

    def __post_init__(self) -> None:
        if not all(0 < s < float("inf") for s in self.std):
            raise ConfigError(
                f"std = {self.std}: each channel is divided by it, so it must be above 0"
            )

    @classmethod
    def from_options(
        cls,
        image_size: int,
        *,
        mean: Sequence[float] = (0.485, 0.456, 0.406),
        std: Sequence[float] = (0.229, 0.224, 0.225),
        interpolation: Interpolation = "bicubic",
        crop: float = 1.0,
    ) -> "ImageInput":
        """Resize the shorter side to ``image_size / crop`` and crop the central square.

        Args:
            image_size: Side of the square, in pixels.
            mean: Mean of each channel, for pixels from 0 to 1.
            std: Standard deviation of each channel, for pixels from 0 to 1.
            interpolation: Interpolation of the resizing.
            crop: Side of the square, as a share of the resized side.

        Example:
            >>> from PIL import Image
            >>> image_input = ImageInput.from_options(32)
            >>> pixels = image_input.prepare(Image.new("RGB", (60, 40), "white"))
            >>> pixels.dtype, pixels.shape
            (torch.uint8, torch.Size([3, 32, 32]))
        """
        return cls.from_timm(
            {
                "input_size": (3, image_size, image_size),
                "interpolation": interpolation,
                "mean": tuple(mean),
                "std": tuple(std),
                "crop_pct": crop,
                "crop_mode": "center",
            }
        )

    @classmethod
    def from_timm(cls, model: torch.nn.Module | Mapping[str, Any]) -> "ImageInput":
        """Use timm's evaluation transform.

        Args:
            model: A timm model, or the result of ``timm.data.resolve_data_config`` for one.

        Raises:
            ConfigError: If the model does not take three channels.
        """
        from timm.data import create_transform, resolve_data_config

        config = dict(
            model if isinstance(model, Mapping) else resolve_data_config(model=model, verbose=False)
        )
        channels, height, width = config["input_size"]
        if channels != 3:
            raise ConfigError(
                f"the model takes images of {channels} channels; only RGB is supported"
            )
        return cls(
            create_transform(**config, is_training=False, normalize=False),
            size=(height, width),
            mean=_three(config["mean"]),
            std=_three(config["std"]),
            interpolation=config["interpolation"],
            preparation={"library": "timm", **config},
        )

    @classmethod
    def from_processor(cls, processor: "BaseImageProcessor") -> "ImageInput":
        """Use a transformers image processor, with rescaling and normalization left to ``finish``.

        Raises:
            ConfigError: If the processor does more than resize, crop, rescale and normalize, or
                its images differ in size; both are tested on images of noise.
        """
        settings = processor.to_dict()
        factor = (
            float(settings.get("rescale_factor", 1 / 255)) if settings.get("do_rescale") else 1.0
        )
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        if settings.get("do_normalize"):
            mean, std = _three(settings.get("image_mean")), _three(settings.get("image_std"))
        if factor <= 0:
            _refuse_processor(processor)
        pixels = _ProcessorPixels(processor)
        resample = settings.get("resample", 3)
        made = cls(
            pixels,
            size=pixels.fixed_size(),
            mean=_three([m / (255 * factor) for m in mean]),
            std=_three([s / (255 * factor) for s in std]),
            interpolation={0: "nearest", 2: "bilinear"}.get(resample, "bicubic"),
            preparation={
                "library": "transformers",
                "processor": type(processor).__name__,
                **{name: settings[name] for name in sorted(settings) if "processor" not in name},
            },
        )
        image = _noise(97, 131)
        expected = processor(images=image, return_tensors="pt")["pixel_values"][0].float()
        actual = made.finish(made.collate([made.prepare(image)]))["image"][0]
        if expected.shape != actual.shape or not torch.allclose(actual, expected, atol=1e-4):
            _refuse_processor(processor)
        return made

    def prepare(self, image: "Image") -> UInt8[Tensor, "3 height width"]:
        """Return the pixels, not yet normalized.

        Raises:
            DataError: If the image cannot be brought to this size.
        """
        try:
            return self.pixels(without_far_ends(image, self.pixels, size=self.size))
        except (MemoryError, ValueError, ZeroDivisionError) as error:
            name = image.info.get("name", "")
            raise DataError(
                f"image {name} of {image.width} x {image.height} pixels cannot be resized "
                f"({first_line(error)}); crop or remove it"
            ) from None

    def augmented(
        self, image: "Image", generator: torch.Generator | None = None
    ) -> UInt8[Tensor, "3 height width"]:
        """Return the pixels of a random crop, mirrored with probability 1/2.

        Args:
            image: A row.
            generator: Random generator of the view; by default torch's global one.
        """
        from torchvision.transforms import v2

        view = v2.Compose(
            [
                v2.RandomResizedCrop(
                    self.size,
                    scale=(SMALLEST_VIEW, 1.0),
                    interpolation=v2.InterpolationMode(self.interpolation),
                ),
                v2.RandomHorizontalFlip(),
                v2.PILToTensor(),
            ]
        )
        if generator is None:
            return _uint8(view(image))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
            return _uint8(view(image))

    def cost(self, prepared: Tensor) -> int:
        """Every image costs the same."""
        return 1

    def collate(
        self, prepared: Sequence[Tensor]
    ) -> dict[str, UInt8[Tensor, "batch 3 height width"]]:
        """Return one batch, still uint8."""
        return {"image": torch.stack(list(prepared))}

    def finish(
        self, batch: Mapping[str, Tensor], *, dtype: torch.dtype = torch.float32
    ) -> dict[str, Float[Tensor, "batch 3 height width"]]:
        """Normalize on the batch's device: ``(pixels / 255 - mean) / std``.

        Args:
            batch: From ``collate``; images of floating-point numbers are normalized already.
            dtype: Data type of the result; the computation is in float32.
        """
        image = batch["image"]
        if image.dtype != torch.uint8:
            return {"image": image.to(dtype)}
        scale, shift = _scale_and_shift(self.mean, self.std, image.device)
        normal = torch.addcmul(shift, image.float(), scale)
        return {"image": normal.to(dtype)}

    def identity(self) -> dict[str, str]:
        """Return the settings that decide the numbers."""
        settings = {**self.preparation, "size": self.size, "mean": self.mean, "std": self.std}
        return {"input": json.dumps(settings, sort_keys=True, default=_plain)}


@dataclass(frozen=True)
class _ProcessorPixels:
    """Pixels of a processor before rescaling; a class, so that it can be pickled for workers."""

    processor: "BaseImageProcessor"

    def __call__(self, image: "Image") -> Tensor:
        made = self.processor(
            images=image, return_tensors="pt", do_rescale=False, do_normalize=False
        )
        return _uint8(made["pixel_values"][0])

    def fixed_size(self) -> tuple[int, int]:
        """Return the height and width that all outputs have."""
        try:
            shapes = {tuple(self(_noise(*size)).shape) for size in ((97, 131), (131, 97))}
        except (TypeError, ValueError, RuntimeError):  # a step that wants rescaled pixels
            _refuse_processor(self.processor)
        if len(shapes) > 1 or len(shape := shapes.pop()) != 3 or shape[0] != 3:
            _refuse_processor(self.processor)
        return shape[1], shape[2]


@lru_cache(maxsize=32)
def _scale_and_shift(
    mean: tuple[float, float, float], std: tuple[float, float, float], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return cached constants on a device, because creating them waits for the device."""
    with torch.inference_mode(False):
        scale = torch.tensor([1 / (255 * s) for s in std], device=device)
        shift = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=device)
        return scale[:, None, None], shift[:, None, None]


def _refuse_processor(processor: "BaseImageProcessor") -> NoReturn:
    raise ConfigError(
        f"{type(processor).__name__} as configured does more than resize to one size, crop, "
        "rescale and normalize RGB images, or gives images of different sizes; use the model through "
        "python: with a custom input"
    )


def _noise(height: int, width: int) -> "Image":
    from PIL import Image

    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (height, width, 3), dtype=torch.uint8, generator=generator)
    return Image.fromarray(pixels.numpy())


def _uint8(pixels: Tensor) -> Tensor:
    return pixels if pixels.dtype == torch.uint8 else pixels.round().clamp(0, 255).to(torch.uint8)


def _three(values: Any) -> tuple[float, float, float]:
    try:
        first, second, third = (float(v) for v in (values * 3 if len(values) == 1 else values))
    except (TypeError, ValueError):
        raise ConfigError(
            f"mean and std are one number a channel, so three, not {values!r}"
        ) from None
    return first, second, third


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
