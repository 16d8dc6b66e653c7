"""Students for rows of an image and a text: two towers and a head on their product."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn

from tutelage.backbones.weights import count_parameters
from tutelage.inputs import PairInput, empty_batch
from tutelage.tap import FeatureTap

__all__ = ["PairBackbone", "PairStudent"]


@runtime_checkable
class PairBackbone(Protocol):
    """Two towers, which compute features of images and of texts.

    Attributes:
        module: The trained module, without the head.
        input: Converts rows to batches.
    """

    module: nn.Module
    input: PairInput

    def features(
        self, inputs: Mapping[str, Tensor]
    ) -> tuple[Float[Tensor, "batch image"], Float[Tensor, "batch text"]]:
        """Return the features of images and of texts of a batch on the module's device."""

    def save(self, folder: Path) -> None:
        """Write the towers so that their library loads them."""


class PairStudent:
    """PairBackbone with a head that is linear in the product of their features.

        logits_c = uᵀ W_c v + b_c

    ``u`` are the features of the image, ``v`` those of the text: a linear classifier on ``u ⊗ v``,
    whose columns are never built.

    Args:
        towers: The two towers.
        output_names: Names of the outputs: classes, labels or regression targets.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 4.3.
    """

    def __init__(self, towers: PairBackbone, *, output_names: tuple[str, ...]) -> None:
        self.input = towers.input
        self._towers = towers
        towers.module.eval()
        with torch.no_grad():
            image, text = towers.features(empty_batch(towers.input))
        self.widths = {"image": image.shape[1], "text": text.shape[1]}
        self.width = sum(self.widths.values())
        head = nn.Bilinear(image.shape[1], text.shape[1], len(output_names))
        bound = (
            math.prod(self.widths.values()) ** -0.5
        )  # as torch.nn.Linear is initialized on the product
        nn.init.uniform_(head.weight, -bound, bound)
        nn.init.uniform_(head.bias, -bound, bound)
        self.model: nn.Module = nn.ModuleDict({"towers": towers.module, "head": head}).train()
        self.parameters = count_parameters(self.model)
        self._head = head
        self.tap = FeatureTap(self.model, "head")

    def outputs(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch outputs"]:
        """Return the logits."""
        precise = (
            self._head.weight.dtype
        )  # autocast does not support bilinear layers on all devices
        image, text = (features.to(precise) for features in self._towers.features(inputs))
        logits: Tensor = self._head(image, text)
        return logits

    def save(self, folder: Path) -> None:
        """Write the towers, and ``head.safetensors`` with ``weight [classes, image, text]`` and ``bias``."""
        folder.mkdir(parents=True, exist_ok=True)
        self._towers.save(folder)
        head = {name: value.detach().cpu() for name, value in self._head.state_dict().items()}
        save_file(head, folder / "head.safetensors", metadata={"format": "pt"})
