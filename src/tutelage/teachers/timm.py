"""Image teachers of timm; the feature is the input of the classifier."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.backbones.memory_format import is_convolutional, with_channels_last
from tutelage.backbones.timm import load_timm, stated_arguments, timm_mistakes
from tutelage.data.base import Side
from tutelage.inputs import ImageInput
from tutelage.teachers.module import ModuleEncoder, modality_mistakes, refuse_modality

__all__ = ["TimmSource", "mistakes"]

INSTEAD = "choose an hf: or openclip: teacher"


def mistakes(name: str, *, modality: Side, params: Mapping[str, Any]) -> list[str]:
    """Return what is known to be wrong with a teacher before it is loaded."""
    wrong = modality_mistakes(f"timm:{name}", "image", rows=modality, instead=INSTEAD)
    return wrong + timm_mistakes(name, weights=params.get("weights", "pretrained"))


class TimmSource(ModuleEncoder):
    """A model of timm without its classifier.

    Args:
        name: As ``timm.create_model`` takes it.
        modality: Modality of the rows; must be images.
        weights: ``"pretrained"``, ``"random"`` (only to compare with), or a checkpoint's path
            (safetensors, or pth without code).
        image_size: Side of the images, for models that can change it.
        seed: Seed of random weights.

    Raises:
        SourceError: If timm has no such model or weights, they are not at hand, or the rows are
            not images.

    Example:
        >>> teacher = TimmSource("resnet10t", modality="image", weights="random")
        >>> teacher.width
        512
    """

    def __init__(
        self,
        name: str,
        *,
        modality: Side,
        weights: str = "pretrained",
        image_size: int | None = None,
        seed: int = 0,
    ) -> None:
        self._channels_last = False
        refuse_modality(f"timm:{name}", "image", rows=modality, instead=INSTEAD)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model: Any = load_timm(name, weights=weights, image_size=image_size)
        stated = stated_arguments(name)
        super().__init__(
            model,
            ImageInput.from_timm(model),
            features=lambda ready: model(ready["image"]),
            identity={
                "scheme": "timm",
                "architecture": str(model.pretrained_cfg["architecture"]),
                "arguments": json.dumps(model.pretrained_cfg.get("model_args"), sort_keys=True),
                **({"stated": json.dumps(stated, sort_keys=True)} if stated else {}),
            },
        )

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move the weights; convolutions in half precision on CUDA compute in channels_last."""
        super().to(device, dtype)
        half = device.type == "cuda" and dtype != torch.float32
        self.use_channels_last(half and is_convolutional(self.model))

    def use_channels_last(self, choice: bool) -> None:
        """Compute with weights and images in ``torch.channels_last``, or contiguous."""
        if choice != self._channels_last:
            to: Any = self.model.to
            to(memory_format=torch.channels_last if choice else torch.contiguous_format)
            self._channels_last = choice

    def encode(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch width"]:
        """Return the features of a batch on the device."""
        return super().encode(with_channels_last(batch) if self._channels_last else batch)
