"""Students made of both towers of a CLIP or SigLIP model of transformers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from tutelage.backbones.families import EMBEDDING_MODELS
from tutelage.backbones.model_config import folder_mistakes, known_type, load_model_config
from tutelage.backbones.transformers import (
    Loading,
    image_input,
    load_embedding_model,
    quietly,
    text_input,
)
from tutelage.data import Modality, Side
from tutelage.errors import ConfigError, StudentError, TutelageError
from tutelage.inputs import ImageInput, TextInput
from tutelage.students.joining import SIDES, JoinedTowers, Tower
from tutelage.students.pair import PairStudent

__all__ = ["clip_student", "mistakes", "saved_clip_towers"]


def mistakes(name: str, *, params: Mapping[str, Any]) -> list[str]:
    """Return what is known to be wrong with a student before it is loaded."""
    revision = params.get("revision")
    model_type = known_type(name, revision=revision)
    if model_type is None:
        return folder_mistakes(name, revision=revision)
    return [] if model_type in EMBEDDING_MODELS else [_of_one_modality(name, model_type)]


def _of_one_modality(name: str, model_type: str) -> str:
    return (
        f"hf:{name} is of type {model_type!r}, but the rows are an image and a text each; "
        f"choose a model of both ({', '.join(EMBEDDING_MODELS)}), or two models, as "
        "'timm:NAME+hf:NAME'"
    )


def clip_student(
    name: str,
    *,
    output_names: tuple[str, ...],
    modality: Modality,
    tap: str | None = None,
    weights: str = "pretrained",
    max_length: int | None = None,
    revision: str | None = None,
) -> PairStudent:
    """Build a student from both towers of a CLIP or SigLIP model; its features are the embeddings.

    Args:
        name: A folder, or a name on the hub.
        output_names: Names of the outputs: classes, labels or regression targets.
        modality: Images with texts.
        tap: Must be None: the head reads the embeddings.
        weights: ``"pretrained"`` or ``"random"``.
        max_length: Maximum number of tokens; by default that of tokenizer and model.
        revision: Revision of the hub's repository.

    Raises:
        StudentError: If there is no such model, or it is not one of images and texts.
    """
    if tap is not None:
        raise ConfigError(
            "student.tap: the features of a model of images and texts are its embeddings"
        )
    try:
        config = load_model_config(name, revision=revision)
        if config.model_type not in EMBEDDING_MODELS:
            raise StudentError(_of_one_modality(name, config.model_type))
        image, text = (
            _clip_tower(
                name, config, side, weights=weights, max_length=max_length, revision=revision
            )
            for side in ("image", "text")
        )
    except ConfigError:
        raise
    except TutelageError as error:
        raise StudentError(str(error)) from error
    return PairStudent(JoinedTowers(image, text), output_names=output_names)


def saved_clip_towers(folder: Path, *, max_length: int | None = None) -> JoinedTowers:
    """Load both towers from the folder of a saved student.

    Args:
        folder: Holds the folders ``image`` and ``text``.
        max_length: Maximum number of tokens in training.

    Raises:
        SourceError: If a tower cannot be loaded.
    """
    towers = (
        _clip_tower(
            str(folder.absolute() / side),
            load_model_config(str(folder.absolute() / side)),
            side,
            weights="pretrained",
            max_length=max_length,
            revision=None,
        )
        for side in SIDES
    )
    return JoinedTowers(*towers)


def _clip_tower(
    name: str,
    config: Any,
    side: Side,
    *,
    weights: str,
    max_length: int | None,
    revision: str | None,
) -> Tower:
    loaded, tower = load_embedding_model(
        name, config, kind=side, loading=Loading(weights, revision=revision)
    )
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
        embedding: Tensor = getattr(model(**named), tower.output)
        return embedding

    def save(folder: Path) -> None:
        with quietly():
            model.save_pretrained(folder)
        if isinstance(reads, TextInput):
            reads.save(folder)
        else:
            reads.pixels.processor.save_pretrained(folder)  # type: ignore[attr-defined]

    return Tower(model, reads, features, save)
