"""How a picture becomes a student's pixels, as plain numbers: to be written down, or put in a graph."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float64, UInt8
from torch import Tensor

from tutelage.inputs import ImageInput

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["PictureSteps", "resized_in_graph"]

FILTERS = {"bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}
"""Interpolations, and the half width of their kernel in pixels."""
NUMBERS = {1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""Interpolations by PIL's number."""
BICUBIC = -0.5
"""PIL's parameter ``a`` of the bicubic kernel."""
TESTED = ((97, 131), (131, 97), (40, 300))
"""Heights and widths of the pictures on which steps are compared with the input that they describe."""


@dataclass(frozen=True)
class PictureSteps:
    """Resizing by PIL with antialiasing, then a crop of the middle.

    Attributes:
        interpolation: ``"bilinear"``, ``"bicubic"`` or ``"lanczos"``.
        shorter_side: The shorter side is resized to it, the longer one in proportion, rounded down;
            None where height and width are given.
        size: Height and width that pictures are resized to; None where the shorter side is given.
        crop: Height and width of the middle that is kept; it begins at half of what is cut off,
            rounded to even.
    """

    interpolation: str
    shorter_side: int | None
    size: tuple[int, int] | None
    crop: tuple[int, int]

    @classmethod
    def of(cls, reads: ImageInput) -> "PictureSteps | None":
        """Return the steps of an input, if these are all; they are tried on pictures of noise."""
        steps = _stated(reads)
        if steps is None or steps.interpolation not in FILTERS:
            return None
        pictures = [_noise(*size) for size in TESTED]
        equal = (torch.equal(steps.apply(one), reads.prepare(one)) for one in pictures)
        return steps if all(equal) else None

    def apply(self, picture: "Image") -> UInt8[Tensor, "3 height width"]:
        """Take the steps with PIL."""
        from PIL.Image import Resampling
        from torchvision.transforms.functional import pil_to_tensor

        height, width = self.resized_to(picture.height, picture.width)
        number = Resampling[self.interpolation.upper()]
        resized = picture.resize((width, height), number)
        top, left = (
            round((side - kept) / 2) for side, kept in zip((height, width), self.crop, strict=True)
        )
        box = (left, top, left + self.crop[1], top + self.crop[0])
        pixels: Tensor = pil_to_tensor(resized.crop(box))
        return pixels

    def resized_to(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that a picture is resized to."""
        if self.size is not None:
            return self.size
        assert self.shorter_side is not None
        shorter = min(height, width)
        return self.shorter_side * height // shorter, self.shorter_side * width // shorter

    def described(self) -> dict[str, Any]:
        """Return the steps as JSON takes them."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def _stated(reads: ImageInput) -> PictureSteps | None:
    """The steps that an input's settings name."""
    settings = reads.preparation
    if settings.get("library") == "timm":
        return _of_timm(settings, reads.size)
    return _of_processor(settings, reads.size)


def _of_timm(settings: Mapping[str, Any], size: tuple[int, int]) -> PictureSteps | None:
    """As ``timm.data.transforms_factory.transforms_imagenet_eval``."""
    scaled = tuple(math.floor(side / settings["crop_pct"]) for side in size)
    interpolation = settings["interpolation"]
    if settings.get("crop_mode") == "squash":
        return PictureSteps(interpolation, None, (scaled[0], scaled[1]), size)
    if scaled[0] != scaled[1]:
        return None
    return PictureSteps(interpolation, scaled[0], None, size)


def _of_processor(settings: Mapping[str, Any], size: tuple[int, int]) -> PictureSteps | None:
    """As image processors of transformers do it."""
    to = settings.get("size")
    interpolation = NUMBERS.get(int(settings.get("resample", 3)), "")
    if not settings.get("do_resize") or not isinstance(to, Mapping):
        return None
    if to.get("shortest_edge"):
        return PictureSteps(interpolation, int(to["shortest_edge"]), None, size)
    if to.get("height") and to.get("width"):
        return PictureSteps(interpolation, None, (int(to["height"]), int(to["width"])), size)
    return None


def _noise(height: int, width: int) -> "Image":
    from PIL import Image

    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (height, width, 3), dtype=torch.uint8, generator=generator)
    return Image.fromarray(pixels.numpy())


def resized_in_graph(
    picture: UInt8[Tensor, "height width 3"], steps: PictureSteps
) -> UInt8[Tensor, "1 3 crop_height crop_width"]:
    """Take the steps with operations that can be exported, for a picture of any size.

    PIL resizes rows, then columns, each by a weighted mean of the pixels below a kernel, and rounds
    after both. So do two products with matrices of these weights; only the lines that the crop keeps
    are computed. PIL's weights have 22 bits; a pixel may differ by one level.

    Args:
        picture: An upright RGB picture.
        steps: What to do.

    Source:
        Pillow's ``src/libImaging/Resample.c``, for what is computed.
    """
    pixels = picture.permute(2, 0, 1).float()
    down, across = _weights(picture, steps)
    pixels = _rounded(pixels @ across.float().T)
    pixels = _rounded(down.float() @ pixels)
    return pixels.to(torch.uint8)[None]


def _rounded(pixels: Tensor) -> Tensor:
    """Whole numbers from 0 to 255, halves upward as PIL does."""
    return (pixels + 0.5).floor().clamp(0, 255)


def _weights(
    picture: Tensor, steps: PictureSteps
) -> tuple[Float64[Tensor, "crop_height height"], Float64[Tensor, "crop_width width"]]:
    """The matrices for columns and rows."""
    places = [torch.arange(side, dtype=torch.float64) for side in picture.shape[:2]]
    sides = [place[-1] + 1 for place in places]
    if steps.size is not None:
        to = [torch.tensor(float(side), dtype=torch.float64) for side in steps.size]
    else:
        assert steps.shorter_side is not None
        shorter = torch.minimum(sides[0], sides[1])
        to = [torch.floor(steps.shorter_side * side / shorter + 1e-9) for side in sides]
    down, across = (
        _matrix(place, side, new, kept=kept, interpolation=steps.interpolation)
        for place, side, new, kept in zip(places, sides, to, steps.crop, strict=True)
    )
    return down, across


def _matrix(
    places: Tensor, side: Tensor, to: Tensor, *, kept: int, interpolation: str
) -> Float64[Tensor, "kept side"]:
    """The weight of each pixel of a line for each of the ``kept`` middle ones of the resized line."""
    scale = side / to
    wide = torch.clamp(scale, min=1.0)
    reach = FILTERS[interpolation] * wide
    first = torch.round((to - kept) / 2)
    centers = ((first + torch.arange(kept, dtype=torch.float64) + 0.5) * scale)[:, None]
    begin = torch.floor(centers - reach + 0.5)
    end = torch.floor(centers + reach + 0.5)
    weights = _kernel((places[None] - centers + 0.5) / wide, interpolation)
    weights = torch.where((places >= begin) & (places < end), weights, 0.0)
    return weights / weights.sum(dim=1, keepdim=True)


def _kernel(x: Tensor, interpolation: str) -> Tensor:
    x = x.abs()
    if interpolation == "bilinear":
        return torch.clamp(1 - x, min=0.0)
    if interpolation == "bicubic":
        near = ((BICUBIC + 2) * x - (BICUBIC + 3)) * x * x + 1
        far = (((x - 5) * x + 8) * x - 4) * BICUBIC
        return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))
    return torch.where(x < 3, torch.sinc(x) * torch.sinc(x / 3), 0.0)
