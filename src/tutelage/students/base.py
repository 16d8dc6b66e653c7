"""What a student is to the training loop."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn

from tutelage.inputs import ModelInput
from tutelage.tap import FeatureTap

__all__ = ["Student", "save_weights"]


@runtime_checkable
class Student(Protocol):
    """A model, its tap, and how rows become its input.

    Attributes:
        model: As its own library makes it; it is trained in place.
        tap: Reads its features.
        width: Numbers in its features.
        parameters: Numbers in its weights as they are saved.
    """

    model: nn.Module
    tap: FeatureTap
    width: int
    parameters: int

    @property
    def input(self) -> ModelInput:
        """From rows to batches."""

    @property
    def widths(self) -> Mapping[str, int]:
        """Numbers in its features by modality, in the order in which they lie: two where the
        features are a product, else one."""

    def outputs(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch outputs"]:
        """Logits of a batch that lies on the model's device; the tap then holds its features."""

    def save(self, folder: Path) -> None:
        """Write the model as its own library loads it, without anything of ours."""


def save_weights(model: nn.Module, folder: Path) -> None:
    """Write ``model.safetensors``: the state dict."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {k: v.detach().cpu().clone().contiguous() for k, v in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
