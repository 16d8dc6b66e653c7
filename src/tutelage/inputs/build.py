"""Build the input of a model that does not define its own, and the smallest batch of any input."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from tutelage.errors import ConfigError
from tutelage.inputs.base import ModelInput
from tutelage.inputs.image import ImageInput
from tutelage.inputs.pair import PairInput
from tutelage.inputs.text import TextInput

__all__ = ["custom_input", "empty_batch", "unlike_batches"]


def empty_batch(model_input: ModelInput) -> Mapping[str, Tensor]:
    """Return a batch of one black image, of one text of one letter, or of both."""
    if isinstance(model_input, PairInput):
        return {**empty_batch(model_input.image), **empty_batch(model_input.text)}
    if isinstance(model_input, ImageInput):
        return {"image": torch.zeros(1, 3, *model_input.size, dtype=torch.uint8)}
    return model_input.collate([model_input.prepare(("a",))])


def unlike_batches(model_input: ModelInput) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return two batches of one row each with nothing in common; no random number is drawn."""
    if isinstance(model_input, PairInput):
        images, texts = (unlike_batches(i) for i in (model_input.image, model_input.text))
        return {**images[0], **texts[0]}, {**images[1], **texts[1]}
    if isinstance(model_input, ImageInput):
        shape = (1, 3, *model_input.size)
        values = torch.arange(math.prod(shape)).view(shape)
        return {"image": (values * 37 % 251).byte()}, {"image": (values * 91 % 241).byte()}
    one, other = ((text,) for text in ("one row of words", "a second text, unlike the first!"))
    return tuple(dict(model_input.collate([model_input.prepare(row)])) for row in (one, other))  # type: ignore[return-value]


def custom_input(
    settings: Mapping[str, Any] | None, *, modality: str, where: str
) -> ImageInput | TextInput | PairInput:
    """Build the input of a user's model from its settings.

    Args:
        settings: ``image_size`` with ``mean``, ``std``, ``interpolation`` and ``crop``;
            ``tokenizer`` with ``max_length``; for images with texts all of these.
        modality: Modality of the rows: ``"image"``, ``"text"`` or ``"image+text"``.
        where: Dotted path of the settings, for messages.

    Raises:
        ConfigError: If there are none, or they are for rows of another modality.
    """
    for mistake in input_mistakes(settings, modality=modality, where=where):
        raise ConfigError(mistake)
    given = _given(settings)
    if modality == "text":
        return _text_input(given)
    options = {n: v for n, v in given.items() if n in ("mean", "std", "interpolation", "crop")}
    image = ImageInput.from_options(given["image_size"], **options)
    return image if modality == "image" else PairInput(image, _text_input(given))


def input_mistakes(settings: Mapping[str, Any] | None, *, modality: str, where: str) -> list[str]:
    """Return why ``custom_input`` would refuse these settings for rows of this modality.

    Example:
        >>> input_mistakes({"image_size": 32}, modality="text", where="student.input")[0][:57]
        'the rows are texts, but student.input is for rows of anot'
    """
    needed = " and ".join(_NEEDED[side] for side in modality.split("+"))
    given = _given(settings)
    if not given:
        return [f"{where} is missing: describe the model's input by {needed}"]
    has = {"image": "image_size" in given, "text": "tokenizer" in given}
    if {side for side, there in has.items() if there} != set(modality.split("+")):
        return [
            f"the rows are {modality}s, but {where} is for rows of another modality; give {needed}"
        ]
    return []


_NEEDED = {"image": "image_size (and mean, std)", "text": "tokenizer (and max_length)"}


def _given(settings: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (settings or {}).items() if value is not None}


def _text_input(given: Mapping[str, Any]) -> TextInput:
    return TextInput.from_tokenizer(given["tokenizer"], max_length=given.get("max_length"))
