"""Image students of timm."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.backbones.timm import load_timm, timm_mistakes
from tutelage.backbones.weights import count_parameters
from tutelage.data import Side
from tutelage.errors import StudentError, TutelageError
from tutelage.inputs import ImageInput, empty_batch
from tutelage.students.base import evaluating, save_weights, tapped_width
from tutelage.students.head import find_head
from tutelage.students.head_dropout import drop_behind
from tutelage.tap import FeatureTap
from tutelage.tasks import Kind

__all__ = ["TimmStudent", "mistakes", "save_timm"]


def mistakes(name: str, *, modality: Side, params: Mapping[str, Any]) -> list[str]:
    """Return what is known to be wrong with a student before it is loaded."""
    wrong = [] if modality == "image" else [_texts(name, modality)]
    return wrong + timm_mistakes(name, weights=params.get("weights", "pretrained"))


def _texts(name: str, modality: Side) -> str:
    return f"timm:{name} takes images, but the rows are {modality}s; choose an hf: student"


class TimmStudent:
    """A model of timm with a new classifier.

    Args:
        name: As ``timm.create_model`` takes it.
        output_names: Names of the outputs: classes, labels or regression targets.
        task: Kind of task.
        modality: Modality of the rows; must be images.
        tap: Path of the layer to read; by default the one that gives the outputs.
        weights: ``"pretrained"``, ``"random"``, or a checkpoint's path (safetensors or pth).
        image_size: Side of the images, for models that can change it.
        drop_rate: Dropout in front of the classifier.
        drop_path_rate: Share of residual branches dropped in training.

    Raises:
        StudentError: If timm has no such model or weights, or the rows are not images.
    """

    def __init__(
        self,
        name: str,
        *,
        output_names: tuple[str, ...],
        task: Kind = "single-label",
        modality: Side,
        tap: str | None = None,
        weights: str = "pretrained",
        image_size: int | None = None,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
    ) -> None:
        if modality != "image":
            raise StudentError(_texts(name, modality))
        options = {"drop_rate": drop_rate, "drop_path_rate": drop_path_rate}
        try:
            self.model = load_timm(
                name,
                weights=weights,
                num_classes=len(output_names),
                image_size=image_size,
                **options,
            )
        except TutelageError as error:
            raise StudentError(str(error)) from error
        self.input = ImageInput.from_timm(self.model)
        _try(self.model, self.input)
        if tap is None:
            tap = find_head(self.model, self.outputs, self.input).path
        self.tap = FeatureTap(self.model, tap)
        drop_behind(self.tap, lambda: self.outputs(empty_batch(self.input)))
        self.width = tapped_width(self.tap, lambda: self.outputs(empty_batch(self.input)))
        self.widths: Mapping[str, int] = {modality: self.width}
        self.parameters = count_parameters(self.model)
        self._output_names = output_names
        self._task: Kind = task

    def outputs(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch outputs"]:
        """Return the logits."""
        logits: Tensor = self.model(self.input.finish(inputs)["image"])
        return logits

    def save(self, folder: Path) -> None:
        """Write ``model.safetensors`` and ``config.json``.

        They are loaded by ``timm.create_model(architecture, num_classes=classes,
        checkpoint_path="model.safetensors")``, or by ``timm.create_model("local-dir:FOLDER")``.
        """
        save_timm(
            self.model,
            folder,
            size=self.input.size,
            width=self.width,
            output_names=self._output_names,
            task=self._task,
        )


def save_timm(
    model: nn.Module,
    folder: Path,
    *,
    size: tuple[int, int],
    width: int,
    output_names: tuple[str, ...] = (),
    task: Kind = "single-label",
) -> None:
    """Write ``model.safetensors`` and ``config.json`` in the layout that timm loads.

    Args:
        model: The timm model.
        folder: Folder to write; it is created.
        size: Height and width of the images.
        width: Number of columns of the features.
        output_names: Names of the outputs: classes, labels or regression targets.
        task: Kind of task.
    """
    save_weights(model, folder)
    cfg: dict[str, Any] = dict(model.pretrained_cfg)  # type: ignore[arg-type]
    kept = (
        "input_size",
        "fixed_input_size",
        "interpolation",
        "crop_pct",
        "crop_mode",
        "mean",
        "std",
    )
    config = {
        "architecture": cfg["architecture"],
        "num_classes": len(output_names),
        "num_features": width,
        "label_names": list(output_names),
        "task": task,
        "pretrained_cfg": {name: cfg[name] for name in kept if name in cfg}
        | {
            "input_size": (3, *size),
            "num_classes": len(output_names),
            "first_conv": cfg.get("first_conv"),
            "classifier": cfg.get("classifier"),
        },
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


@torch.no_grad()
def _try(model: nn.Module, reads: ImageInput) -> None:
    try:
        with evaluating(model):
            model(torch.zeros(1, 3, *reads.size))
    except (AssertionError, RuntimeError) as error:
        height, width = reads.size
        raise StudentError(
            f"the model cannot take images of {height} x {width} pixels: {error}"
        ) from error
