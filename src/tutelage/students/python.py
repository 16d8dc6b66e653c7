"""Students returned by a user's factory: any PyTorch module."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.backbones.weights import count_parameters
from tutelage.data import Modality
from tutelage.errors import StudentError
from tutelage.inputs import PairInput, TextInput, custom_input, empty_batch, input_mistakes
from tutelage.registry import call_user_factory, naming_user_code
from tutelage.students.base import evaluating, save_weights, tapped_width
from tutelage.students.head import Head, find_head
from tutelage.tap import FeatureTap
from tutelage.tasks import Kind

__all__ = ["PythonStudent", "mistakes"]


_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def mistakes(*, modality: Modality, model_input: Mapping[str, Any] | None) -> list[str]:
    """Return what is known to be wrong with a student before its factory is called."""
    return input_mistakes(model_input, modality=modality, where="student.input")


class PythonStudent:
    """A module from ``factory(num_classes=..., **params)``.

    The module is called with the batch of images, or with those of the tokenizer's tensors that its
    ``forward`` names, or with both, and returns the logits, or something with ``logits``. One for
    images with texts may end in ``torch.nn.Bilinear(image, text, classes)``: its features are then the
    product of both sides.

    Args:
        name: ``package.module:factory``; the module may be in the current folder.
        output_names: Names of the outputs: classes, labels or regression targets.
        task: Kind of task; the factory receives only the number of outputs.
        modality: Modality of the rows.
        model_input: Input of the module: ``image_size``, ``mean``, ``std``, or ``tokenizer``,
            ``max_length``, or all of them.
        tap: Path of the layer to read; by default the one that gives the outputs.
        factory_params: Params of the factory.

    Raises:
        ConfigError: If the factory cannot be imported, or does not take the params.
        StudentError: If it raises, returns no module, or one with another number of outputs.
    """

    def __init__(
        self,
        name: str,
        *,
        output_names: tuple[str, ...],
        task: Kind = "single-label",
        modality: Modality,
        model_input: Mapping[str, Any] | None,
        tap: str | None = None,
        factory_params: Mapping[str, Any] | None = None,
    ) -> None:
        given = {"num_classes": len(output_names)}
        module = call_user_factory(
            name, given, factory_params or {}, where="student.params", kind=StudentError
        )
        if not isinstance(module, nn.Module):
            raise StudentError(f"{name} gave a {type(module).__name__}, not a torch.nn.Module")
        if isinstance(module, _WRAPPERS) or hasattr(module, "_orig_mod"):
            raise StudentError(
                f"{name} gave a {type(module).__name__}, whose weights would be saved under other names; "
                "return the model itself, not compiled or wrapped"
            )
        self.name = name
        self.model = module
        self.input = custom_input(model_input, modality=modality, where="student.input")
        self._parameters = inspect.signature(self.model.forward).parameters
        self._try(len(output_names))
        if tap is None:
            head = find_head(self.model, self.outputs, self.input)
            _refuse_probabilities(name, head)
            tap = head.path
        self.tap = FeatureTap(self.model, tap)
        self.width = tapped_width(self.tap, lambda: self.outputs(empty_batch(self.input)))
        self.widths: Mapping[str, int] = {modality: self.width}
        self.parameters = count_parameters(self.model)
        if modality == "image+text" and self.tap.factors is not None:
            self.widths = dict(zip(("image", "text"), self.tap.factors, strict=True))

    def outputs(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch outputs"]:
        """Return the logits."""
        ready = self.input.finish(inputs)
        with naming_user_code(self.name, kind=StudentError):
            images = [ready["image"]] if "image" in ready else []
            texts = {k: v for k, v in ready.items() if k != "image" and self._takes(k)}
            returned = self.model(*images, **texts)
        logits = returned if isinstance(returned, Tensor) else getattr(returned, "logits", None)
        if not isinstance(logits, Tensor):
            raise StudentError(
                f"{self.name} gives a {type(returned).__name__}; its forward must return the logits as "
                "a tensor, or something with logits"
            )
        return logits

    def save(self, folder: Path) -> None:
        """Write ``model.safetensors``, the state dict of the module, and the tokenizer if it has one."""
        save_weights(self.model, folder)
        texts = self.input.text if isinstance(self.input, PairInput) else self.input
        if isinstance(texts, TextInput):
            texts.save(folder)

    def _takes(self, name: str) -> bool:
        kinds = {parameter.kind for parameter in self._parameters.values()}
        return name in self._parameters or inspect.Parameter.VAR_KEYWORD in kinds

    @torch.no_grad()
    def _try(self, outputs: int) -> None:
        """Call the module once, and check its outputs."""
        try:
            with evaluating(self.model):
                logits = self.outputs(empty_batch(self.input))
        except StudentError as error:
            types = {str(p.dtype).removeprefix("torch.") for p in self.model.parameters()}
            advice = (
                ""
                if types == {"float32"}
                else (
                    f"; its weights are {', '.join(sorted(types))}: return them in float32 (.float())"
                )
            )
            raise StudentError(
                f"{error}; it was called with what student.input describes{advice}"
            ) from error
        if logits.shape != (1, outputs):
            raise StudentError(
                f"{self.name} gives outputs of shape {tuple(logits.shape)} for one row and {outputs} classes; "
                f"expected (1, {outputs}): use num_classes for the last layer"
            )


def _refuse_probabilities(name: str, head: Head) -> None:
    """Refuse a model that ends in a softmax or sigmoid, which the losses apply themselves."""
    for function in (torch.softmax, lambda logits, _: torch.sigmoid(logits)):
        if len(head.outputs) > 1 and torch.allclose(function(head.values[0], -1), head.outputs):
            raise StudentError(
                f"{name} gives probabilities; the loss applies softmax or sigmoid itself, so that the student "
                f"would hardly learn: return the logits, which are the outputs of {head.path!r}"
            )
