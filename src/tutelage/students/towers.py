"""Two models as one, for rows that are an image and a text: a tower for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from tutelage.backbones.families import TOWERS
from tutelage.backbones.transformers import (
    Loading,
    image_input,
    load_config,
    load_tower,
    quietly,
    text_input,
)
from tutelage.data import Modality, Side
from tutelage.errors import ConfigError, StudentError, TutelageError
from tutelage.inputs import ImageInput, PairInput, TextInput
from tutelage.registry import build
from tutelage.students.backbone import backbone_of
from tutelage.students.base import Student
from tutelage.students.huggingface import HuggingFaceStudent
from tutelage.students.pair import PairStudent
from tutelage.students.python import PythonStudent
from tutelage.students.timm import save_timm
from tutelage.teachers.timm import load_timm

__all__ = ["SCHEMES", "TowerPair", "clip_student", "join_towers"]

SCHEMES = {
    "timm": "tutelage.students.towers:timm_tower",
    "hf": "tutelage.students.towers:headless_tower",
    "python": "tutelage.students.towers:own_tower",
}
SIDES: tuple[Side, Side] = ("image", "text")
_SOME_CLASSES = ("0", "1")
"""Of the heads that towers are built with, and that nothing reads."""


@dataclass(frozen=True)
class Tower:
    """A model of images, or of texts, and how its features come out of it.

    Attributes:
        model: Is trained in place.
        input: From rows to batches.
        features: From a batch that lies on the model's device to ``[batch, width]``.
        save: Writes the model as its own library loads it.
    """

    model: nn.Module
    input: Any
    features: Callable[[Mapping[str, Tensor]], Float[Tensor, "batch width"]]
    save: Callable[[Path], None]


class TowerPair:
    """A model of images and one of texts.

    Attributes:
        module: Both.
        input: From rows to batches for both.
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
        """Write the folders ``image`` and ``text``, each as its own library loads it."""
        for side, tower in self._towers.items():
            tower.save(folder / side)


def join_towers(
    image: str,
    text: str,
    *,
    params: Mapping[str, Mapping[str, Any]],
    model_input: Mapping[str, Any] | None,
) -> TowerPair:
    """Build a tower for images and one for texts.

    Args:
        image: ``timm:NAME``, ``hf:NAME_OR_DIR`` or ``python:module:factory``.
        text: ``hf:NAME_OR_DIR`` or ``python:module:factory``.
        params: Options of each, by modality.
        model_input: How the inputs of ``python:`` models look, of both together.

    Raises:
        StudentError: If there is no such model, or it takes rows of the other kind.
        ConfigError: If a string or an option cannot be used.
    """
    towers = {}
    for side, source in zip(SIDES, (image, text), strict=True):
        own = {n: v for n, v in (model_input or {}).items() if (n in _OF_TEXTS) == (side == "text")}
        given = {
            "modality": side,
            "model_input": own if source.startswith("python:") else None,
        }
        towers[side] = build(
            source,
            SCHEMES,
            given,
            params.get(side, {}),
            kind=f"{side} tower",
            where=f"student.params.{side}",
        )
    return TowerPair(towers["image"], towers["text"])


_OF_TEXTS = ("tokenizer", "max_length")


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
        found: Tensor = model(images.finish(inputs)["image"])
        return found

    def save(folder: Path) -> None:
        save_timm(model, folder, size=images.size, width=int(model.num_features))  # type: ignore[arg-type]

    return Tower(model, images, features, save)


def headless_tower(
    name: str,
    *,
    modality: Side,
    layers: int | None = None,
    weights: str = "pretrained",
    config: Mapping[str, Any] | None = None,
    max_length: int | None = None,
    dropout: float | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> Tower:
    """Build a model of transformers for images or texts; its features are those of its family.

    Options are those of ``HuggingFaceStudent``.
    """
    student = HuggingFaceStudent(
        name,
        classes=_SOME_CLASSES,
        modality=modality,
        layers=layers,
        weights=weights,
        config=config,
        max_length=max_length,
        dropout=dropout,
        revision=revision,
        trust_remote_code=trust_remote_code,
    )
    return _without_head(student)


def own_tower(
    name: str,
    *,
    modality: Side,
    model_input: Mapping[str, Any] | None,
    own_params: Mapping[str, Any] | None = None,
) -> Tower:
    """Build a module of one's own; its features are what enters its last linear layer."""
    return _without_head(
        PythonStudent(
            name,
            classes=_SOME_CLASSES,
            modality=modality,
            model_input=model_input,
            own_params=own_params,
        )
    )


def clip_student(
    name: str,
    *,
    classes: tuple[str, ...],
    modality: Modality,
    tap: str | None = None,
    weights: str = "pretrained",
    max_length: int | None = None,
    revision: str | None = None,
) -> PairStudent:
    """Build a student from both towers of a CLIP or SigLIP model; its features are the embeddings.

    Args:
        name: A folder, or a name on the hub.
        classes: Names of the classes.
        modality: Images with texts.
        tap: Must be left out: the head reads the embeddings.
        weights: ``"pretrained"`` or ``"random"``.
        max_length: Tokens at most; by default what tokenizer and model allow.
        revision: Of the hub's repository.

    Raises:
        StudentError: If there is no such model, or it is not one of images and texts.
    """
    if tap is not None:
        raise ConfigError(
            "student.tap: the features of a model of images and texts are its embeddings"
        )
    try:
        config = load_config(name, revision=revision)
        if config.model_type not in TOWERS:
            raise StudentError(
                f"hf:{name} is of type {config.model_type!r}, but the rows are an image and a text each; "
                f"choose a model of both ({', '.join(TOWERS)}), or two models, as "
                "'timm:NAME+hf:NAME'"
            )
        image, text = (
            _clip_tower(
                name, config, side, weights=weights, max_length=max_length, revision=revision
            )
            for side in SIDES
        )
    except ConfigError:
        raise
    except TutelageError as error:
        raise StudentError(str(error)) from error
    return PairStudent(TowerPair(image, text), classes=classes)


def _clip_tower(
    name: str,
    config: Any,
    side: Side,
    *,
    weights: str,
    max_length: int | None,
    revision: str | None,
) -> Tower:
    loaded, tower = load_tower(name, config, kind=side, loading=Loading(weights, revision=revision))
    if loaded.missing:
        raise StudentError(
            f"the checkpoint of hf:{name} has no weights for {min(loaded.missing)}, so its embeddings "
            "would be random; use another checkpoint, or weights = 'random'"
        )
    model: Any = loaded.model
    reads: ImageInput | TextInput
    if side == "image":
        reads = image_input(name, revision=revision)
    else:
        reads = text_input(
            name,
            model.config,
            max_length=max_length,
            reads_end=True,
            fixed_length=tower.fixed_length,
            revision=revision,
        )

    def features(inputs: Mapping[str, Tensor]) -> Tensor:
        ready = reads.finish(inputs)
        named = {"pixel_values" if n == "image" else n: value for n, value in ready.items()}
        found: Tensor = getattr(model(**named), tower.output)
        return found

    def save(folder: Path) -> None:
        with quietly():
            model.save_pretrained(folder)
        if isinstance(reads, TextInput):
            reads.tokenizer.save_pretrained(folder)
        else:
            reads.pixels.processor.save_pretrained(folder)  # type: ignore[attr-defined]

    return Tower(model, reads, features, save)


def _without_head(student: Student) -> Tower:
    """A student as a tower: what enters its head; the head itself is not trained."""

    def features(inputs: Mapping[str, Tensor]) -> Tensor:
        student.outputs(inputs)
        return student.tap.take()

    used = backbone_of(student)
    for name, parameter in student.model.named_parameters():
        parameter.requires_grad_(name in used)
    return Tower(student.model, student.input, features, student.save)
