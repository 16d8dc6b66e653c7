"""Students of OpenCLIP, for rows of an image and a text."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tutelage.backbones.openclip import (
    load_openclip,
    openclip_inputs,
    openclip_mistakes,
    saved_config,
)
from tutelage.data import Modality
from tutelage.errors import ConfigError, StudentError, TutelageError
from tutelage.inputs import PairInput
from tutelage.students.base import save_weights
from tutelage.students.pair import PairStudent

__all__ = ["mistakes", "openclip_student"]


def mistakes(name: str, *, params: Mapping[str, Any]) -> list[str]:
    """Return what is known to be wrong with a student before it is loaded."""
    return openclip_mistakes(name, weights=params.get("weights", "pretrained"))


def openclip_student(
    name: str,
    *,
    output_names: tuple[str, ...],
    modality: Modality,
    tap: str | None = None,
    weights: str = "pretrained",
) -> PairStudent:
    """Build a student from both towers of an OpenCLIP model; its features are the embeddings.

    Args:
        name: ``ARCH/WEIGHTS`` as ``open_clip.list_pretrained()`` has them, or ``ARCH/FILE``.
        output_names: Names of the outputs: classes, labels or regression targets.
        modality: Images with texts.
        tap: Must be None: the head reads the embeddings.
        weights: ``"pretrained"``, or ``"random"`` for an ``ARCH`` alone.

    Raises:
        StudentError: If there is no such architecture or weights, or the rows are not both.
    """
    if tap is not None:
        raise ConfigError(
            "student.tap: the features of a model of images and texts are its embeddings"
        )
    try:
        towers = OpenClipTowers(name, weights=weights)
    except TutelageError as error:
        raise StudentError(str(error)) from error
    return PairStudent(towers, output_names=output_names)


class OpenClipTowers:
    """Both towers of an OpenCLIP model."""

    def __init__(self, name: str, *, weights: str) -> None:
        self._name = name
        model = load_openclip(name, weights=weights)
        self.module: nn.Module = model
        self._model: Any = model
        self.input = PairInput(*openclip_inputs(model, name.partition("/")[0]))

    def features(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the embeddings of images and of texts, not normalized."""
        ready = self.input.finish(inputs)
        return self._model.encode_image(ready["image"]), self._model.encode_text(ready["tokens"])

    def save(self, folder: Path) -> None:
        """Write a folder for ``open_clip.create_model("local-dir:FOLDER")``."""
        save_weights(self.module, folder)
        (folder / "model.safetensors").rename(folder / "open_clip_model.safetensors")
        config = saved_config(self._model, self._name)
        (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
