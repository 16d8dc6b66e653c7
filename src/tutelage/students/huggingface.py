"""Text and image students of transformers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.backbones.missing import refuse_random
from tutelage.backbones.model_config import (
    family_of,
    folder_mistakes,
    known_type,
    load_model_config,
)
from tutelage.backbones.transformers import (
    Loading,
    image_input,
    load_classifier,
    quietly,
    text_input,
)
from tutelage.backbones.weights import count_parameters
from tutelage.data import Side
from tutelage.errors import ConfigError, StudentError, TutelageError, did_you_mean
from tutelage.inputs import ImageInput, TextInput, empty_batch, padding_id
from tutelage.tap import FeatureTap
from tutelage.tasks import TASKS, Kind

__all__ = ["HuggingFaceStudent", "mistakes"]


def mistakes(name: str, *, modality: Side, params: Mapping[str, Any]) -> list[str]:
    """Return what is known to be wrong with a student before it is loaded."""
    revision, given = params.get("revision"), params.get("model_type")
    if found := folder_mistakes(name, revision=revision, model_type=given):
        return found
    model_type = known_type(name, revision=revision) or given
    if model_type is None:
        return []
    try:
        family_of(model_type, name=name, kind=modality)
    except TutelageError as error:
        return [str(error)]
    return []


class HuggingFaceStudent:
    """A classification model of transformers with a new head.

    Args:
        name: A folder, or a name on the hub.
        output_names: Names of the outputs: classes, labels or regression targets.
        task: Kind of task.
        modality: Modality of the rows, images or texts.
        tap: Path of the layer to read; by default the one that ``FAMILIES`` states.
        layers: Number of first layers to keep.
        weights: ``"pretrained"``, or ``"random"`` for a randomly initialized architecture.
        config: Changed settings of a random architecture (``hidden_size`` and so on).
        max_length: Maximum number of tokens; by default that of tokenizer and model.
        dropout: Probability of all dropouts; by default those of the model.
        revision: Revision of the hub's repository.
        trust_remote_code: Run code that comes with the model.
        model_type: Type of a model whose ``config.json`` does not state it, such as ``"bert"``.

    Raises:
        StudentError: If there is no such model, or it does not take these rows.
        ConfigError: If an option does not fit the model.
    """

    def __init__(
        self,
        name: str,
        *,
        output_names: tuple[str, ...],
        task: Kind = "single-label",
        modality: Side,
        tap: str | None = None,
        layers: int | None = None,
        weights: str = "pretrained",
        config: Mapping[str, Any] | None = None,
        max_length: int | None = None,
        dropout: float | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
        model_type: str | None = None,
    ) -> None:
        hub: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
        try:
            settings = load_model_config(name, **hub, model_type=model_type)
            family = family_of(settings.model_type, name=name, kind=modality)
            _shape(settings, config or {}, random_start=weights == "random")
            if layers is not None:
                _keep_layers(settings, family.layers, layers)
            if dropout is not None:
                _set_dropout(settings, dropout)
            settings.num_labels = len(output_names)
            settings.problem_type = TASKS[task].problem_type
            settings.id2label = dict(enumerate(output_names))
            settings.label2id = {label: number for number, label in enumerate(output_names)}
            if modality == "text":
                self.input: ImageInput | TextInput = text_input(
                    name, settings, max_length=max_length, **hub, model_type=model_type
                )
                if family.pool == "last":
                    _refuse_unpadded(self.input, name)
            else:
                self.input = image_input(name, **hub)
            loaded = load_classifier(name, settings, kind=modality, loading=Loading(weights, **hub))
        except ConfigError:
            raise
        except TutelageError as error:
            raise StudentError(str(error)) from error
        self.model = loaded.model
        if settings.model_type in ("t5", "mt5", "umt5"):
            # This dropout lies between the last norm and the token that is the feature.
            self.model.get_submodule("transformer.decoder.dropout").p = 0.0  # type: ignore[assignment]
        self.tap = FeatureTap(self.model, tap or family.tap, pool=family.pool)
        self.width = self._try(loaded.missing)
        self.widths: Mapping[str, int] = {modality: self.width}
        self.parameters = count_parameters(self.model)

    def outputs(self, inputs: Mapping[str, Tensor]) -> Float[Tensor, "batch outputs"]:
        """Return the logits."""
        ready = self.input.finish(inputs)
        output = (
            self.model(pixel_values=ready["image"]) if "image" in ready else self.model(**ready)
        )
        logits: Tensor = output.logits
        return logits

    def save(self, folder: Path) -> None:
        """Write a folder for ``from_pretrained``, with the tokenizer or image processor."""
        with quietly():
            self.model.save_pretrained(folder)  # type: ignore[operator]
        if isinstance(self.input, TextInput):
            self.input.save(folder)
        elif (processor := getattr(self.input.pixels, "processor", None)) is not None:
            processor.save_pretrained(folder)

    @torch.no_grad()
    def _try(self, missing: frozenset[str]) -> int:
        """Measure the width on one row, and refuse random weights before the head."""
        row = empty_batch(self.input)
        self.model.eval()
        # Many checkpoints lack a pooler, and it is learned as quickly as the head.
        gaps = {name for name in missing if "pooler" not in name}
        refuse_random(self.tap, gaps, lambda: self.outputs(row))
        self.outputs(row)
        self.model.train()
        return self.tap.take().shape[1]


def _shape(settings: Any, changes: Mapping[str, Any], *, random_start: bool) -> None:
    if changes and not random_start:
        raise ConfigError(
            "student.params.config changes the architecture, which pre-trained weights do not fit; "
            "set student.params.weights = 'random' as well"
        )
    known = settings.to_dict()
    for key, value in changes.items():
        if key not in known:
            raise ConfigError(f"unknown student.params.config.{key}{did_you_mean(key, known)}")
        setattr(settings, key, value)


def _refuse_unpadded(texts: TextInput, name: str) -> None:
    """Refuse a decoder whose saved folder could not be used in batches."""
    padding = padding_id(texts.tokenizer, vocabulary=texts.vocabulary)
    if padding not in texts.tokenizer.all_special_ids:
        raise StudentError(
            f"the tokenizer of hf:{name} has neither a padding nor an end token that the model has an "
            "embedding for, so rows of different lengths cannot be one batch; give it one (tokenizer.pad_token "
            "= '<a special token>') and save it by save_pretrained"
        )


def _keep_layers(settings: Any, key: str, layers: int) -> None:
    there = getattr(settings, key, None) if key else None
    if not isinstance(there, int):
        raise ConfigError(
            f"student.params.layers: layers of {settings.model_type!r} models cannot be left out"
        )
    if not 1 <= layers <= there:
        raise ConfigError(
            f"student.params.layers = {layers}, but the model has {there}; give 1 to {there}"
        )
    setattr(settings, key, layers)
    if settings.model_type in ("t5", "mt5", "umt5"):
        settings.num_decoder_layers = layers
    if isinstance(types := getattr(settings, "layer_types", None), list):
        settings.layer_types = types[:layers]


def _set_dropout(settings: Any, dropout: float) -> None:
    if not 0 <= dropout < 1:
        raise ConfigError(f"student.params.dropout = {dropout} must be at least 0 and below 1")
    for key in settings.to_dict():
        if "dropout" in key or key.endswith("_pdrop"):
            setattr(settings, key, dropout)
