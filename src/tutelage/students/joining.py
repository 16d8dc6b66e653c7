"""Two models joined for rows that are an image and a text, one tower for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from tutelage.backbones.timm import load_timm
from tutelage.data import Side
from tutelage.errors import StudentError, TutelageError
from tutelage.inputs import ImageInput, PairInput
from tutelage.registry import build
from tutelage.students.backbone import backbone_of
from tutelage.students.base import Student
from tutelage.students.timm import save_timm

__all__ = ["TOWERS", "JoinedTowers", "Tower", "join_towers", "tower_given"]

TOWERS = {
    "timm": "tutelage.students.joining:timm_tower",
    "hf": "tutelage.students.huggingface:HuggingFaceStudent",
    "python": "tutelage.students.python:PythonStudent",
}
"""A student of one modality serves as a tower without its head."""
SIDES: tuple[Side, Side] = ("image", "text")
_TEXT_SETTINGS = ("tokenizer", "max_length")


@dataclass(frozen=True)
class Tower:
    """A model of images or of texts with the function that computes its features.

    Attributes:
        model: The model; it is trained in place.
        input: Converts rows to batches.
        features: Computes the features ``[batch, width]`` of a batch on the model's device.
        save: Writes the model so that its library loads it.
    """

    model: nn.Module
    input: Any
    features: Callable[[Mapping[str, Tensor]], Float[Tensor, "batch width"]]
    save: Callable[[Path], None]


class JoinedTowers:
    """A model of images and one of texts.

    Attributes:
        module: Both.
        input: Converts rows to batches for both.
    """

    def __init__(self, image: Tower, text: Tower) -> None:
        self.module: nn.Module = nn.ModuleDict({"image": image.model, "text": text.model})
        self.input = PairInput(image.input, text.input)
        self._towers = {"image": image, "text": text}

    def features(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the features of images and of texts."""
        texts = {name: value for name, value in inputs.items() if name != "image"}
        image, text = self._towers["image"], self._towers["text"]
        return image.features({"image": inputs["image"]}), text.features(texts)

    def save(self, folder: Path) -> None:
        """Write the folders ``image`` and ``text``, each for its own library."""
        for side, tower in self._towers.items():
            tower.save(folder / side)


def join_towers(
    image: str,
    text: str,
    *,
    params: Mapping[str, Mapping[str, Any]],
    model_input: Mapping[str, Any] | None,
) -> JoinedTowers:
    """Build a tower for images and one for texts.

    Args:
        image: ``timm:NAME``, ``hf:NAME_OR_DIR`` or ``python:module:factory``.
        text: ``hf:NAME_OR_DIR`` or ``python:module:factory``.
        params: Options of each model, by modality.
        model_input: Inputs of the ``python:`` models, both in one table.

    Raises:
        StudentError: If there is no such model, or it takes rows of the other modality.
        ConfigError: If a string or an option cannot be used.
    """
    towers = {}
    for side, source in zip(SIDES, (image, text), strict=True):
        built: Tower | Student = build(
            source,
            TOWERS,
            tower_given(source, side=side, model_input=model_input),
            params.get(side, {}),
            kind=f"{side} tower",
            where="student",
            params_at=f"student.params.{side}",
        )
        towers[side] = built if isinstance(built, Tower) else _without_head(built)
    return JoinedTowers(towers["image"], towers["text"])


def tower_given(
    source: str, *, side: Side, model_input: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what the program fills in for one tower; its head of two outputs is never read."""
    settings = {
        name: value
        for name, value in (model_input or {}).items()
        if (name in _TEXT_SETTINGS) == (side == "text")
    }
    return {
        "output_names": ("0", "1"),
        "modality": side,
        "model_input": settings if source.startswith("python:") else None,
        "tap": None,
    }


def timm_tower(
    name: str, *, modality: Side, weights: str = "pretrained", image_size: int | None = None
) -> Tower:
    """Build a model of timm without classifier, for images."""
    if modality != "image":
        raise StudentError(f"timm:{name} takes images, but the second tower reads the texts")
    try:
        model = load_timm(name, weights=weights, image_size=image_size)
    except TutelageError as error:
        raise StudentError(str(error)) from error
    images = ImageInput.from_timm(model)

    def features(inputs: Mapping[str, Tensor]) -> Tensor:
        outputs: Tensor = model(images.finish(inputs)["image"])
        return outputs

    def save(folder: Path) -> None:
        save_timm(model, folder, size=images.size, width=int(model.num_features))  # type: ignore[arg-type]

    return Tower(model, images, features, save)


def _without_head(student: Student) -> Tower:
    """Return a student as a tower whose features enter its head; the head is not trained."""

    def features(inputs: Mapping[str, Tensor]) -> Tensor:
        student.outputs(inputs)
        return student.tap.take()

    backbone = backbone_of(student)
    for name, parameter in student.model.named_parameters():
        parameter.requires_grad_(name in backbone)
    return Tower(student.model, student.input, features, student.save)
