"""The contract of a student: a model, its tap and its input."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn

from tutelage.backbones.weights import plain_tensors
from tutelage.inputs import ModelInput
from tutelage.tap import FeatureTap

__all__ = ["Student", "evaluating", "save_weights", "tapped_width"]


@runtime_checkable
class Student(Protocol):
    """A model with its tap and its input.

    Attributes:
        model: The model of the library; it is trained in place.
        tap: Reads the features.
        width: Number of columns of the features.
        parameters: Number of parameters of the saved model.
    """

    model: nn.Module
    tap: FeatureTap
    width: int
    parameters: int

    @property
    def input(self) -> ModelInput:
        """Converts rows to batches."""

    @property
    def widths(self) -> Mapping[str, int]:
        """Width of the features by modality, in their order: two if they are a product, else one."""

    def outputs(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch outputs"]:
        """Return the outputs of a batch on the model's device; the tap then holds its features."""

    def save(self, folder: Path) -> None:
        """Write the model so that its library loads it, without anything of tutelage."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, and back into its mode."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)


@torch.no_grad()
def tapped_width(tap: FeatureTap, run: Callable[[], object]) -> int:
    """Return the number of columns that a tap reads while ``run`` calls the model once."""
    with evaluating(tap.model):
        run()
    return tap.take().shape[1]


def save_weights(model: nn.Module, folder: Path) -> None:
    """Write ``model.safetensors``: the state dict."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = plain_tensors(model.state_dict(), of=type(model).__name__)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
