"""Teachers of OpenCLIP; the feature is the embedding of the image or text tower."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from tutelage.backbones.openclip import (
    architecture_config,
    load_openclip,
    openclip_inputs,
    openclip_mistakes,
)
from tutelage.data.base import Side
from tutelage.inputs import ModelInput
from tutelage.teachers.module import ModuleEncoder

__all__ = ["OpenClipSource", "mistakes"]


def mistakes(name: str, *, params: Mapping[str, Any]) -> list[str]:
    """Return what is known to be wrong with a teacher before it is loaded."""
    return openclip_mistakes(name, weights=params.get("weights", "pretrained"))


class OpenClipSource(ModuleEncoder):
    """The image or text tower of a model; its feature is the embedding before normalization.

    Args:
        name: ``ARCH/WEIGHTS`` as ``open_clip.list_pretrained()`` has them, or ``ARCH/FILE``.
        modality: Modality of the rows.
        weights: ``"pretrained"``, or ``"random"`` for an ``ARCH`` alone (only to compare with).
        seed: Seed of random weights.

    Raises:
        SourceError: If there is no such architecture or weights, or they are not at hand.
    """

    def __init__(
        self, name: str, *, modality: Side, weights: str = "pretrained", seed: int = 0
    ) -> None:
        architecture = name.partition("/")[0]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = load_openclip(name, weights=weights)
        images, texts = openclip_inputs(model, architecture)
        model_input: ModelInput = images if modality == "image" else texts
        tower: nn.Module = model.visual if modality == "image" else _TextTower(model)
        super().__init__(
            tower,
            model_input,
            features=lambda ready: tower(next(iter(ready.values()))),
            identity={
                "scheme": "openclip",
                "config": json.dumps(architecture_config(name), sort_keys=True),
                "features": f"{modality} embedding",
            },
        )


class _TextTower(nn.Module):
    """A model without its image tower."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        del model.visual
        self.model: Any = model

    def forward(self, tokens: Int64[Tensor, "batch tokens"]) -> Float[Tensor, "batch width"]:
        features: Tensor = self.model.encode_text(tokens)
        return features
