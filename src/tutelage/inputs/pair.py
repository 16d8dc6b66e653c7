"""Input of models that take an image and a text."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tutelage.inputs.image import ImageInput

if TYPE_CHECKING:
    from PIL.Image import Image

    from tutelage.inputs import ModelInput

__all__ = ["PairInput"]


@dataclass(frozen=True)
class PairInput:
    """The inputs of an image and a text in one batch.

    Attributes:
        image: Input of the images, ``{"image": ...}``.
        text: Input of the texts, tensors of other names.
    """

    image: ImageInput
    text: "ModelInput"

    def prepare(self, row: "tuple[Image, tuple[str, ...]]", /) -> tuple[Any, Any]:
        """Return the image's pixels and the text's tokens."""
        image, text = row
        return self.image.prepare(image), self.text.prepare(text)

    def cost(self, prepared: tuple[Any, Any], /) -> int:
        """Return the cost of the text; all images cost the same."""
        return self.text.cost(prepared[1])

    def collate(self, prepared: Sequence[tuple[Any, Any]], /) -> dict[str, Tensor]:
        """Return one batch with the tensors of both."""
        images, texts = zip(*prepared, strict=True)
        return {**self.image.collate(images), **self.text.collate(texts)}

    def finish(
        self, batch: Mapping[str, Tensor], *, dtype: torch.dtype = torch.float32
    ) -> dict[str, Tensor]:
        """Normalize the images on the batch's device."""
        text = {name: value for name, value in batch.items() if name != "image"}
        return {
            **self.image.finish({"image": batch["image"]}, dtype=dtype),
            **self.text.finish(text, dtype=dtype),
        }

    def identity(self) -> dict[str, str]:
        """Return the settings that decide the numbers."""
        sides = {"image": self.image.identity(), "text": self.text.identity()}
        return {"input": json.dumps(sides, sort_keys=True)}
