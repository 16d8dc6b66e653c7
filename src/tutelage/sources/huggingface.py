"""Text and image teachers of transformers."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.datasets.base import Modality
from tutelage.errors import SourceError, StudentError
from tutelage.inputs import ImageInput, TextInput, load_tokenizer
from tutelage.sources.transformers import (
    family_of,
    load_classifier,
    load_config,
    load_encoder,
    position_limit,
)
from tutelage.sources.weights import count_parameters, weights_digest
from tutelage.tap import FeatureTap, last_token

__all__ = ["HuggingFaceSource", "image_input", "text_input"]

Pooling = Literal["mean", "cls", "last", "pooler"]
TWO_TOWERS = ("clip", "siglip", "siglip2", "chinese_clip", "altclip")


class HuggingFaceSource:
    """A model of transformers; its features are what its head would read, or a pooling of its states.

    Without ``pooling``, a folder of sentence-transformers is pooled as it says itself, a tower of CLIP
    or SigLIP gives its projected embedding, and other models give what the table ``FAMILIES`` says.

    Args:
        name: A folder, or a name on the hub.
        modality: What the rows are.
        pooling: ``"mean"`` over tokens, ``"cls"``, ``"last"`` token that is not padding, or ``"pooler"``
            (the model's own pooler).
        max_length: Tokens at most; by default what tokenizer and model allow.
        weights: ``"pretrained"``, or ``"random"`` (for tests).
        revision: Of the hub's repository.
        trust_remote_code: Run code that comes with the model.

    Raises:
        SourceError: If there is no such model, it does not take these rows, or its features would
            pass through random weights.
    """

    def __init__(
        self,
        name: str,
        *,
        modality: Modality,
        pooling: Pooling | None = None,
        max_length: int | None = None,
        weights: str = "pretrained",
        revision: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        if pooling not in (None, "mean", "cls", "last", "pooler"):
            raise SourceError(f"pooling must be mean, cls, last or pooler, not {pooling!r}")
        config = load_config(name, revision=revision, trust_remote_code=trust_remote_code)
        towers = config.model_type in TWO_TOWERS
        self.name = name
        self.modality: Modality = modality
        self._pooling = pooling or (None if towers else _own_pooling(name))
        self._tap: FeatureTap | None = None
        self._tower = modality if towers else None
        options = {"revision": revision, "trust_remote_code": trust_remote_code, "weights": weights}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(
                0
            )  # random weights, where asked for, are those of one and the same teacher
            if self._pooling is not None or towers:
                loaded = load_encoder(name, config, **options)
            else:
                family = family_of(config, name=name, kind=modality)
                loaded = load_classifier(name, config, kind=modality, **options)
                self._tap = FeatureTap(loaded.model, family.tap, pool=family.pool)
        self._model = loaded.model.eval()
        self._input: ImageInput | TextInput = (
            text_input(
                name,
                config,
                max_length=max_length,
                revision=revision,
                trust_remote_code=trust_remote_code,
            )
            if modality == "text"
            else image_input(name, revision=revision)
        )
        self._dtype = torch.float32
        self.width = self._try(loaded.missing)
        self.parameters = count_parameters(self._model)
        self._identity = {
            "source": f"hf:{name}",
            "type": config.model_type,
            "weights": weights_digest(self._model),
            "features": self._pooling or (f"{modality} embedding" if towers else family.meaning),
            **self._input.identity(),
        }

    def identity(self) -> Mapping[str, str]:
        """Return what decides the features."""
        return self._identity

    def prepare(self, row: Any) -> Any:
        """Return an image's pixels, or a text's tokens."""
        return self._input.prepare(row)

    def cost(self, prepared: Any) -> int:
        """Return the tokens of a text; every image costs the same."""
        return self._input.cost(prepared)

    def collate(self, prepared: Sequence[Any]) -> Mapping[str, Tensor]:
        """Return a batch."""
        return self._input.collate(prepared)

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move the weights."""
        self._model.to(device, dtype)
        self._dtype = dtype

    def encode(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch width"]:
        """Return the features."""
        ready = self._input.finish(batch, dtype=self._dtype)
        if "image" in ready:
            ready = {"pixel_values": ready["image"]}
        if self._tower is not None:
            side = (
                self._model.get_text_features
                if self._tower == "text"
                else self._model.get_image_features
            )
            made = side(**ready)
            return made if isinstance(made, Tensor) else made.pooler_output
        made = self._model(**ready)
        if self._tap is not None:
            return self._tap.take()
        return _pool(made, ready.get("attention_mask"), self._pooling)

    @torch.inference_mode()
    def _try(self, missing: frozenset[str]) -> int:
        """Encode one row: find the width, and that no random weights lie on the way."""
        if isinstance(self._input, ImageInput):
            batch = {"image": torch.zeros(1, 3, *self._input.size, dtype=torch.uint8)}
        else:
            batch = dict(self._input.collate([self._input.prepare(("a text",))]))
        features = self.encode(batch)
        if features.ndim != 2:
            raise SourceError(
                f"hf:{self.name} gives features of shape {tuple(features.shape)}; choose another pooling"
            )
        if self._tap is not None:
            try:
                self._tap.refuse_random(missing, lambda: self._model(**self._named(batch)))
            except StudentError as error:
                raise SourceError(f"hf:{self.name}: {error} (pooling = 'mean' or 'cls')") from error
        elif used := {
            key for key in missing if self._pooling == "pooler" or not key.startswith("pooler.")
        }:
            raise SourceError(
                f"the checkpoint of hf:{self.name} has no weights for {sorted(used)[0]} and {len(used) - 1} others, "
                "so its features would be random; use another checkpoint or pooling"
            )
        return int(features.shape[1])

    def _named(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        ready = self._input.finish(batch, dtype=self._dtype)
        return {"pixel_values": ready["image"]} if "image" in ready else ready


def text_input(
    name: str,
    config: Any,
    *,
    max_length: int | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
) -> TextInput:
    """Return how texts become the input of a model of transformers."""
    tokenizer = load_tokenizer(name, revision=revision, trust_remote_code=trust_remote_code)
    text = getattr(config, "text_config", None) or config
    accepts = {"input_ids", "attention_mask"}
    if getattr(text, "type_vocab_size", 0):
        accepts.add("token_type_ids")
    return TextInput.from_tokenizer(
        tokenizer,
        max_length=max_length,
        positions=position_limit(text),
        vocabulary=getattr(text, "vocab_size", None),
        accepts=accepts & set(tokenizer.model_input_names) | {"input_ids", "attention_mask"},
    )


def image_input(name: str, *, revision: str | None = None) -> ImageInput:
    """Return how images become the input of a model of transformers."""
    from transformers import AutoImageProcessor

    place = str(Path(name).expanduser()) if Path(name).expanduser().is_dir() else name
    try:
        processor = AutoImageProcessor.from_pretrained(place, revision=revision or "main")
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise SourceError(
            f"hf:{name} has no image processor: {str(error).partition(chr(10))[0]}; it needs preprocessor_config.json"
        ) from error
    return ImageInput.from_processor(processor)


def _own_pooling(name: str) -> Pooling | None:
    """The pooling that a folder of sentence-transformers states."""
    file = Path(name).expanduser() / "1_Pooling" / "config.json"
    if not file.is_file():
        return None
    settings = json.loads(file.read_text(encoding="utf-8"))
    known: dict[str, Pooling] = {
        "pooling_mode_mean_tokens": "mean",
        "pooling_mode_cls_token": "cls",
        "pooling_mode_lasttoken": "last",
    }
    chosen = [pooling for key, pooling in known.items() if settings.get(key)]
    if len(chosen) != 1:
        raise SourceError(f"{file} combines poolings, which is not supported; set params.pooling")
    return chosen[0]


def _pool(output: Any, mask: Tensor | None, pooling: Pooling | None) -> Tensor:
    if pooling == "pooler":
        if getattr(output, "pooler_output", None) is None:
            raise SourceError("this model has no pooler; use pooling = 'mean', 'cls' or 'last'")
        return output.pooler_output
    states: Tensor = output.last_hidden_state
    if pooling == "cls":
        return states[:, 0]
    if pooling == "last":
        return last_token(states, mask)
    if states.ndim != 3:
        return states.flatten(2).mean(2)
    if mask is None:
        return states.mean(1)
    weights = mask[..., None].to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)
