"""Low-rank updates of a student's layers, by peft."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from tutelage.errors import ConfigError, MissingExtraError, first_line
from tutelage.inputs import ModelInput
from tutelage.students.backbone import backbone_of
from tutelage.students.base import Student
from tutelage.tap import FeatureTap

try:
    from peft import LoraConfig, LoraModel
except ImportError as error:
    raise MissingExtraError("peft", extra="lora", purpose="student.lora") from error

__all__ = ["LoraStudent"]


class LoraStudent:
    """A student whose layers in front of the head learn low-rank updates ``W + (alpha / rank) B A``.

    The head is trained as a whole. What is saved is the model as its own library has it, the updates
    merged into its weights.

    Args:
        student: Is changed in place.
        rank: Of ``A [rank, in]`` and ``B [out, rank]``; B is zero at the start.
        alpha: See above.
        dropout: In front of each update.
        targets: Names, or ends of names, of the layers; by default all linear layers in front of
            the head, or, where there are none, all convolutions.

    Raises:
        ConfigError: If no layer has such a name.

    Source:
        Hu et al. 2021, arXiv 2106.09685, section 4.1.
    """

    def __init__(
        self,
        student: Student,
        *,
        rank: int,
        alpha: float,
        dropout: float = 0.0,
        targets: Sequence[str] = (),
    ) -> None:
        self._student = student
        self.model: nn.Module = student.model
        self.tap: FeatureTap = student.tap
        self.width = student.width
        self.parameters = student.parameters
        backbone = backbone_of(student)
        head = [
            p for n, p in self.model.named_parameters() if p.requires_grad and n not in backbone
        ]
        settings = LoraConfig(
            r=rank,
            lora_alpha=alpha,  # type: ignore[arg-type]  # a float does as well
            lora_dropout=dropout,
            target_modules=list(targets) or _layers(self.model, backbone),
        )
        try:
            with warnings.catch_warnings():  # it finds out itself how a layer keeps its weight
                warnings.filterwarnings("ignore", message="fan_in_fan_out")
                self._lora = LoraModel(self.model, settings, "default")
        except ValueError as error:
            raise ConfigError(f"student.lora: {first_line(error)}") from error
        for parameter in head:
            parameter.requires_grad_()

    @property
    def input(self) -> ModelInput:
        """From rows to batches."""
        return self._student.input

    @property
    def widths(self) -> Mapping[str, int]:
        """Numbers in its features by modality."""
        return self._student.widths

    def outputs(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch outputs"]:
        """Return the logits."""
        return self._student.outputs(inputs)

    def save(self, folder: Path) -> None:
        """Merge the updates into the weights, for good, and write the model as without them."""
        self._lora.merge_and_unload()
        self._student.save(folder)


def _layers(model: nn.Module, backbone: Collection[str]) -> list[str]:
    """The linear layers in front of the head, or the convolutions."""
    for kinds in ((nn.Linear, Conv1D), (nn.Conv2d,)):
        found = [
            name
            for name, module in model.named_modules()
            if isinstance(module, kinds)
            and f"{name}.weight" in backbone
            and getattr(module, "groups", 1) == 1
        ]
        if found:
            return found
    raise ConfigError(
        f"student.lora: {type(model).__name__} has no linear or convolutional layer in front of its head"
    )
