"""LoRA: low-rank updates of a student's layers, by peft."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from tutelage.errors import ConfigError, MissingExtraError, first_line
from tutelage.inputs import ModelInput
from tutelage.students.backbone import backbone_of, called_layers
from tutelage.students.base import Student
from tutelage.tap import FeatureTap

try:
    from peft import LoraConfig, LoraModel
except ImportError as error:
    raise MissingExtraError("peft", extra="lora", purpose="student.lora") from error

__all__ = ["LoraStudent"]


class LoraStudent:
    """A student whose layers before the head learn low-rank updates ``W + (alpha / rank) B A``.

    The head is trained fully. The saved model is that of the library, with the updates merged into
    its weights.

    Args:
        student: The student; it is changed in place.
        rank: Rank of ``A [rank, in]`` and ``B [out, rank]``; B starts at zero.
        alpha: Scale of the updates, as in the formula.
        dropout: Dropout probability before each update.
        targets: Names, or ends of names, of the layers; by default all linear layers before the
            head that the model calls, or all such convolutions if there are none.

    Attributes:
        left_out: Names of layers that have no update by default, since the model uses their weights
            without calling them, as ``nn.MultiheadAttention`` does.

    Raises:
        ConfigError: If no layer has such a name, one shares its weight with another layer, the model
            uses its weight without calling it, or no parameter reaches the features.

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
        if not backbone:
            raise ConfigError(
                f"student.lora: no trainable parameter of {type(self.model).__name__} reaches what enters "
                f"its head, {self.tap.path!r}; its forward must not detach that, its layers must require "
                "gradients (student.lora freezes their weights itself), and student.tap must not name "
                "a layer at the input"
            )
        head = [
            p for n, p in self.model.named_parameters() if p.requires_grad and n not in backbone
        ]
        called = called_layers(student)
        kinds, usual = ((), []) if targets else _layers(self.model, called, backbone)
        self.left_out = tuple(
            name for name in _of_kinds(self.model, kinds, backbone) if name not in called
        )
        settings = LoraConfig(
            r=rank,
            lora_alpha=alpha,  # type: ignore[arg-type]  # a float does as well
            lora_dropout=dropout,
            target_modules=list(targets) or usual,
        )
        try:
            with warnings.catch_warnings():  # peft detects the layout of a layer's weight
                warnings.filterwarnings("ignore", message="fan_in_fan_out")
                self._lora = LoraModel(self.model, settings, "default")
        except ValueError as error:
            raise ConfigError(f"student.lora: {first_line(error)}") from error
        _refuse_shared(self.model)
        if idle := sorted({*self._lora.targeted_module_names} - called):
            raise ConfigError(
                f"student.lora.targets: {type(self.model).__name__} uses the weight of {idle[0]} without "
                "calling the layer, so that an update would have no effect; leave its name "
                f"out{f', as those of {len(idle) - 1} others' if idle[1:] else ''}"
            )
        for parameter in head:
            parameter.requires_grad_()

    @property
    def input(self) -> ModelInput:
        """Converts rows to batches."""
        return self._student.input

    @property
    def widths(self) -> Mapping[str, int]:
        """Width of the features by modality."""
        return self._student.widths

    def outputs(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch outputs"]:
        """Return the logits."""
        return self._student.outputs(inputs)

    def save(self, folder: Path) -> None:
        """Merge the updates into the weights permanently, and write the model."""
        self._lora.merge_and_unload()
        self._student.save(folder)


def _refuse_shared(model: nn.Module) -> None:
    """Refuse an update of a weight that another layer uses, which merging would change there, too."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(parameter.data_ptr(), []).append(name)
    shared = [
        sorted({name.replace(".base_layer", "").rpartition(".")[0] for name in group})
        for group in names.values()
        if len(group) > 1 and any(".base_layer." in name for name in group)
    ]
    if shared:
        raise ConfigError(
            f"student.lora: the layers {' and '.join(shared[0])} share a weight, and an update of one "
            "alone cannot be saved; name layers with weights of their own in student.lora.targets, or "
            "leave student.lora out"
        )


def _layers(
    model: nn.Module, called: Collection[str], backbone: Collection[str]
) -> tuple[tuple[type[nn.Module], ...], list[str]]:
    """Return the linear layers that are called in front of the head, or the convolutions; and their kinds."""
    for kinds in ((nn.Linear, Conv1D), (nn.Conv2d,)):
        layers = [name for name in _of_kinds(model, kinds, backbone) if name in called]
        if layers:
            return kinds, layers
    raise ConfigError(
        f"student.lora: {type(model).__name__} has no linear or convolutional layer in front of its head"
    )


def _of_kinds(
    model: nn.Module, kinds: tuple[type[nn.Module], ...], backbone: Collection[str]
) -> list[str]:
    """Return the layers of these kinds whose weights are among the backbone's."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, kinds)
        and f"{name}.weight" in backbone
        and getattr(module, "groups", 1) == 1
    ]
