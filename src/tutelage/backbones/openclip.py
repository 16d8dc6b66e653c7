"""Loading of OpenCLIP models, and the inputs of their image and text towers."""

import json
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from tutelage.errors import MissingExtraError, SourceError, did_you_mean, whole_message
from tutelage.inputs import ImageInput, ModelInput, Prompt, Tokens
from tutelage.inputs.shorten import characters, shortened

try:
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from torchvision import transforms
except ImportError as error:
    raise MissingExtraError("open-clip-torch", extra="openclip", purpose="openclip:") from error

__all__ = [
    "architecture_config",
    "list_architectures",
    "load_openclip",
    "load_saved_openclip",
    "openclip_inputs",
    "openclip_mistakes",
    "saved_config",
]


def load_openclip(name: str, *, weights: str = "pretrained") -> Any:
    """Build a model of OpenCLIP, both towers.

    Args:
        name: ``ARCH/WEIGHTS``, or ``ARCH/FILE``.
        weights: ``"pretrained"``, or ``"random"`` for an ``ARCH`` alone.

    Raises:
        SourceError: If there is no such architecture or weights, or they are not at hand.
    """
    architecture, _, tag = name.partition("/")
    if mistakes := openclip_mistakes(name, weights=weights):
        raise SourceError("\n".join(mistakes))
    return _load(architecture, tag)


def load_saved_openclip(place: str) -> Any:
    """Load a model from ``local-dir:FOLDER``, both towers.

    Raises:
        SourceError: If the folder holds no such model.
    """
    return _created(place)


def list_architectures() -> list[str]:
    """Return the names of all architectures that OpenCLIP knows."""
    names: list[str] = open_clip.list_models()
    return names


def openclip_inputs(model: Any, architecture: str) -> tuple[ImageInput, ModelInput]:
    """Return how images and texts become the input of a model."""
    return _image_input(model), _TextInput(open_clip.get_tokenizer(architecture), architecture)


def architecture_config(name: str) -> dict[str, Any]:
    """Return the settings of ``ARCH/WEIGHTS`` as OpenCLIP lists them, with the weights' activation.

    Of ``local-dir:FOLDER`` they are those of the folder, complete.

    Many weights (all of OpenAI's) were trained with QuickGELU under the name of an architecture that
    has GELU; OpenCLIP only warns of it.
    """
    if name.startswith("local-dir:"):
        saved: dict[str, Any] = open_clip.get_model_config(name)
        return saved
    architecture, _, tag = name.partition("/")
    config: dict[str, Any] = open_clip.get_model_config(architecture)
    if open_clip.get_pretrained_cfg(architecture, tag).get("quick_gelu"):
        config["quick_gelu"] = True
    return config


def saved_config(model: Any, architecture: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of ``open_clip_config.json``: architecture and preprocessing."""
    return {
        "model_cfg": architecture,
        "preprocess_cfg": open_clip.model.get_model_preprocess_cfg(model),
    }


@dataclass(frozen=True)
class _TextInput:
    """Texts as OpenCLIP's own tokenizers give them: always of full length."""

    tokenizer: Any
    architecture: str

    def prepare(self, row: Sequence[str], /) -> Tokens:
        text = " ".join(row)
        tokens = self.tokenizer([text])[0]
        cut = bool(tokens[-1] != 0) and self._count(text) > self._room
        if cut and isinstance(row, Prompt):
            text = shortened(row, room=self._room, count=self._count, spans=characters).text
            tokens = self.tokenizer([text])[0]
        prepared = Tokens(tokens=tokens)
        prepared.cut_to = self.tokenizer.context_length if cut else None
        return prepared

    def cost(self, prepared: Tokens, /) -> int:
        return len(prepared["tokens"])

    def collate(self, prepared: Sequence[Tokens], /) -> dict[str, Tensor]:
        return {"tokens": torch.stack([row["tokens"] for row in prepared])}

    def finish(self, batch: Mapping[str, Tensor], *, dtype: torch.dtype) -> Mapping[str, Tensor]:
        return batch

    def identity(self) -> dict[str, str]:
        settings = architecture_config(self.architecture)["text_cfg"]
        return {"input": json.dumps(settings, sort_keys=True)}

    @property
    def _room(self) -> int:
        """Tokens beside special ones; OpenCLIP's own tokenizer adds two, others say how many."""
        inner = getattr(self.tokenizer, "tokenizer", None)
        special = 2 if inner is None else inner.num_special_tokens_to_add(pair=False)
        return int(self.tokenizer.context_length - special)

    def _count(self, text: str) -> int:
        inner = getattr(self.tokenizer, "tokenizer", None)
        if inner is None:
            return len(self.tokenizer.encode(text))
        return len(inner(self.tokenizer.clean_fn(text), add_special_tokens=False)["input_ids"])


def _image_input(model: Any) -> ImageInput:
    settings = PreprocessCfg(**open_clip.model.get_model_preprocess_cfg(model))
    # Its last two steps scale to 0..1 and normalize, which here happens on the device.
    *pixels, _, _ = image_transform_v2(settings, is_train=False).transforms
    _, height, width = settings.input_size
    return ImageInput(
        transforms.Compose([*pixels, transforms.PILToTensor()]),
        size=(height, width),
        mean=tuple(settings.mean),
        std=tuple(settings.std),
        interpolation=settings.interpolation,
        preparation={
            "library": "openclip",
            "interpolation": settings.interpolation,
            "resize_mode": settings.resize_mode,
            "fill_color": settings.fill_color,
        },
    )


def openclip_mistakes(name: str, *, weights: object = "pretrained") -> list[str]:
    """Return the mistakes in ``ARCH/WEIGHTS``, as far as OpenCLIP's own lists tell."""
    architecture, _, tag = name.partition("/")
    known = open_clip.list_models()
    if architecture not in known:
        return [
            f"OpenCLIP has no architecture {architecture!r}{did_you_mean(architecture, known)}; "
            "open_clip.list_models() lists all"
        ]
    if weights not in ("pretrained", "random"):
        return [f"weights of openclip: are 'pretrained' or 'random', not {weights!r}"]
    if weights == "random" and tag:
        return [
            f"openclip:{architecture}/{tag} names weights, but weights = 'random' is set; "
            f"write openclip:{architecture}, or leave weights out"
        ]
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if weights == "pretrained" and tag not in tags and not Path(tag).expanduser().is_file():
        return [
            f"OpenCLIP has no weights {tag!r} for {architecture}{did_you_mean(tag, tags)}; write "
            f"openclip:{architecture}/WEIGHTS with one of: {', '.join(tags) or 'none'}; or a file"
        ]
    return []


def _load(architecture: str, tag: str) -> Any:
    path = Path(tag).expanduser()
    return _created(
        architecture,
        pretrained=str(path) if tag and path.is_file() else tag or None,
        force_quick_gelu=bool(architecture_config(f"{architecture}/{tag}").get("quick_gelu")),
    )


def _created(name: str, *, pretrained: str | None = None, **options: Any) -> Any:
    try:
        return open_clip.create_model(
            name, pretrained=pretrained, pretrained_text=False, weights_only=True, **options
        )
    except (OSError, RuntimeError, ValueError, SafetensorError, pickle.UnpicklingError) as error:
        named = f"{name}/{pretrained}" if pretrained else name
        raise SourceError(
            f"cannot load openclip:{named}: {whole_message(error)}; weights are downloaded once and "
            "then found in the cache; a file must hold the state dict of this architecture"
        ) from error
