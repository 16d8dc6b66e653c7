"""Text and image teachers of transformers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.backbones.families import EMBEDDING_MODELS, FAMILIES
from tutelage.backbones.missing import refuse_random
from tutelage.backbones.model_config import (
    family_of,
    folder_mistakes,
    known_type,
    load_model_config,
)
from tutelage.backbones.pooling import POOLINGS, Pooling, pool, sentence_model
from tutelage.backbones.transformers import (
    Loaded,
    Loading,
    image_input,
    load_classifier,
    load_embedding_model,
    load_encoder,
    text_input,
)
from tutelage.data.base import Side
from tutelage.errors import SourceError, StudentError
from tutelage.tap import FeatureTap
from tutelage.teachers.module import ModuleEncoder, modality_mistakes

__all__ = ["HuggingFaceSource", "mistakes"]


def mistakes(name: str, *, modality: Side, params: Mapping[str, Any]) -> list[str]:
    """Return what is known to be wrong with a teacher before it is loaded."""
    revision, given = params.get("revision"), params.get("model_type")
    if found := folder_mistakes(name, revision=revision, model_type=given):
        return found
    family = FAMILIES.get(known_type(name, revision=revision) or given or "")
    if family is None:
        return []
    return modality_mistakes(
        f"hf:{name}", family.kind, rows=modality, instead=f"choose a model of {modality}s"
    )


_DTYPES = ("float32", "bfloat16", "float16")
FeatureFunction = Callable[[Mapping[str, Tensor]], Float[Tensor, "batch width"]]


class HuggingFaceSource(ModuleEncoder):
    """A model of transformers; its feature is the input of its head, or a pooling of its states.

    Without ``pooling``, a sentence-transformers model is pooled as its files state, CLIP and SigLIP
    give the embedding of their image or text tower, and other models the feature listed in
    ``FAMILIES``. Of a sentence-transformers model, dense layers and normalization behind the pooling,
    and prompts, are left out; ``data.template`` puts a prompt in front.

    Args:
        name: A folder, or a name on the hub.
        modality: Modality of the rows.
        pooling: ``"mean"`` over tokens, ``"cls"``, ``"last"`` token that is not padding, or
            ``"pooler"`` (that of the model). Of an encoder-decoder, the encoder is pooled.
        max_length: Maximum number of tokens; by default that of tokenizer and model.
        weights: ``"pretrained"``, or ``"random"`` (only to compare with).
        seed: Seed of random weights.
        dtype: Data type of the weights: by default float32, moved to half precision on devices that
            compute it fast; ``"bfloat16"`` or ``"float16"`` for a model whose float32
            weights do not fit.
        device_map: ``"auto"`` distributes the layers over the available devices, by accelerate.
        revision: Revision of the hub's repository.
        trust_remote_code: Run code that comes with the model.
        model_type: Type of a model whose ``config.json`` does not state it, such as ``"bert"``.

    Raises:
        SourceError: If there is no such model, it does not take these rows, or its features would
            pass through weights that the checkpoint does not have.
    """

    def __init__(
        self,
        name: str,
        *,
        modality: Side,
        pooling: Pooling | None = None,
        max_length: int | None = None,
        weights: str = "pretrained",
        seed: int = 0,
        dtype: str | None = None,
        device_map: str | None = None,
        revision: str | None = None,
        trust_remote_code: bool = False,
        model_type: str | None = None,
    ) -> None:
        if pooling is not None and pooling not in POOLINGS:
            raise SourceError(f"pooling must be one of {', '.join(POOLINGS)}, not {pooling!r}")
        if modality == "text" and (sentence := sentence_model(name, revision=revision)):
            pooling = pooling or sentence.pooling
            max_length = sentence.max_length if max_length is None else max_length
            name = str(Path(name) / sentence.subfolder) if sentence.subfolder else name
        hub: dict[str, Any] = {"revision": revision, "trust_remote_code": trust_remote_code}
        config = load_model_config(name, **hub, model_type=model_type)
        if dtype is not None and dtype not in _DTYPES:
            raise SourceError(
                f"dtype of hf:{name} must be one of {', '.join(_DTYPES)}, not {dtype!r}"
            )
        loading = Loading(weights, **hub, dtype=dtype or "float32", device_map=device_map)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            built = _build(name, config, modality, pooling=pooling, loading=loading)
        model = built.loaded.model
        super().__init__(
            model,
            image_input(name, **hub)
            if modality == "image"
            else text_input(
                name,
                model.config,
                max_length=max_length,
                reads_end=built.reads_end,
                fixed_length=built.fixed_length,
                **hub,
                model_type=model_type,
            ),
            features=built.features,
            placed=device_map is not None,
            dtype=None if dtype is None else getattr(torch, dtype),
            identity={
                "scheme": "hf",
                "model": type(model).__name__,
                "config": _settings(model.config),
                "features": built.meaning,
            },
        )
        if built.tap is not None:
            try:
                refuse_random(built.tap, built.loaded.missing, self.run_empty)
            except StudentError as error:
                raise SourceError(f"hf:{name}: {error} (pooling = 'mean' or 'cls')") from error


@dataclass(frozen=True)
class _Built:
    """A model with the function that computes its features."""

    loaded: Loaded
    features: FeatureFunction
    meaning: str
    tap: FeatureTap | None = None
    reads_end: bool | None = None
    fixed_length: bool = False


def _build(
    name: str, config: Any, kind: Side, *, pooling: Pooling | None, loading: Loading
) -> _Built:
    if pooling is not None:
        loaded = load_encoder(name, config, loading=loading)
        _refuse_missing(loaded, name, besides=() if pooling == "pooler" else ("pooler.", "head."))
        return _Built(loaded, _pooled(loaded, pooling), pooling, reads_end=pooling == "last")
    if config.model_type in EMBEDDING_MODELS:
        loaded, tower = load_embedding_model(name, config, kind=kind, loading=loading)
        _refuse_missing(loaded, name)
        return _Built(
            loaded,
            lambda ready: getattr(loaded.model(**_named(ready)), tower.output),
            tower.output,
            reads_end=True,
            fixed_length=tower.fixed_length,
        )
    family = family_of(config.model_type, name=name, kind=kind)
    loaded = load_classifier(name, config, kind=kind, loading=loading)
    tap = FeatureTap(loaded.model, family.tap, pool=family.pool)
    return _Built(loaded, _tapped(loaded, tap), f"enters {family.tap}", tap=tap)


def _pooled(loaded: Loaded, pooling: Pooling) -> FeatureFunction:
    return lambda ready: pool(
        loaded.model(**_named(ready)), ready.get("attention_mask"), how=pooling
    )


def _tapped(loaded: Loaded, tap: FeatureTap) -> FeatureFunction:
    def features(ready: Mapping[str, Tensor]) -> Tensor:
        loaded.model(**_named(ready))
        return tap.take()

    return features


def _named(ready: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the batch by the argument names of transformers."""
    return {"pixel_values" if name == "image" else name: value for name, value in ready.items()}


def _refuse_missing(loaded: Loaded, name: str, *, besides: tuple[str, ...] = ()) -> None:
    missing = sorted(key for key in loaded.missing if not key.startswith(besides))
    if missing:
        others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise SourceError(
            f"the checkpoint of hf:{name} has no weights for {missing[0]}{others}, so features "
            "would be random; use another checkpoint, or another pooling (mean, cls, last)"
        )


def _settings(config: Any) -> str:
    """Return the settings of a config that may change a number, as JSON."""
    settings = config.to_diff_dict()
    for name in ("_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"):
        settings.pop(name, None)
    for name in (
        "id2label",
        "label2id",
        "num_labels",
        "problem_type",
    ):  # of the head, which is unused
        settings.pop(name, None)
    return json.dumps(settings, sort_keys=True, default=str)
