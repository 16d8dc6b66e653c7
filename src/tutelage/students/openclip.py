"""Students of OpenCLIP, for rows of an image and a text."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tutelage.backbones.openclip import (
    architecture_config,
    list_architectures,
    load_openclip,
    load_saved_openclip,
    openclip_inputs,
    openclip_mistakes,
    saved_config,
)
from tutelage.data import Modality
from tutelage.errors import ConfigError, StudentError, TutelageError
from tutelage.inputs import PairInput
from tutelage.students.base import save_weights
from tutelage.students.pair import PairStudent

__all__ = ["mistakes", "openclip_student", "saved_openclip_towers"]


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
        model = load_openclip(name, weights=weights)
    except TutelageError as error:
        raise StudentError(str(error)) from error
    towers = OpenClipTowers(model, architecture_config(name), tokenizer=name.partition("/")[0])
    return PairStudent(towers, output_names=output_names)


def saved_openclip_towers(folder: Path, architecture: str) -> "OpenClipTowers":
    """Load both towers from the folder of a saved student.

    Args:
        folder: Written by ``OpenClipTowers.save``.
        architecture: The architecture's name, by which OpenCLIP chooses the tokenizer.

    Raises:
        SourceError: If the folder cannot be loaded.
    """
    place = f"local-dir:{folder.absolute()}"
    known = architecture in list_architectures()
    return OpenClipTowers(
        load_saved_openclip(place),
        architecture_config(place),
        tokenizer=architecture if known else place,
    )


class OpenClipTowers:
    """Both towers of an OpenCLIP model.

    Args:
        model: The model of OpenCLIP.
        config: Its architecture's settings, which are saved with it.
        tokenizer: Name of the architecture whose tokenizer it has.
    """

    def __init__(self, model: Any, config: Mapping[str, Any], *, tokenizer: str) -> None:
        self.module: nn.Module = model
        self._model = model
        self._config = config
        self.input = PairInput(*openclip_inputs(model, tokenizer))

    def features(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the embeddings of images and of texts, not normalized."""
        ready = self.input.finish(inputs)
        return self._model.encode_image(ready["image"]), self._model.encode_text(ready["tokens"])

    def save(self, folder: Path) -> None:
        """Write a folder for ``open_clip.create_model("local-dir:FOLDER")``."""
        save_weights(self.module, folder)
        (folder / "model.safetensors").rename(folder / "open_clip_model.safetensors")
        config = saved_config(self._model, self._config)
        (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
