"""Settings of the teachers and the student."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from tutelage.config.section import NoEffect, Positive, Section

__all__ = [
    "InputConfig",
    "LoraSettings",
    "StudentConfig",
    "TeacherConfig",
    "short_name",
]


Deviation = Annotated[float, Field(gt=0)]


class InputConfig(Section):
    """Input of a custom model: image size and statistics, tokenizer and length, or both.

    Attributes:
        image_size: Width and height of the images.
        mean: Mean of each color channel, subtracted from the image.
        std: Standard deviation of each color channel, by which the image is divided.
        interpolation: How images are resized.
        crop: Share of the resized image's width that the centered crop keeps.
        tokenizer: Folder or name of the tokenizer.
        max_length: Most tokens of a text; by default what the tokenizer allows.
    """

    image_size: Positive | None = None
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[Deviation, Deviation, Deviation] = (0.229, 0.224, 0.225)
    interpolation: Literal["nearest", "bilinear", "bicubic"] = "bicubic"
    crop: Annotated[float, Field(gt=0, le=1)] = 1.0
    tokenizer: str | None = None
    max_length: Positive | None = None

    @model_validator(mode="after")
    def _some_kind(self) -> Self:
        if self.image_size is None and self.tokenizer is None:
            raise ValueError(
                "give image_size (images), tokenizer (text), or both (images with texts)"
            )
        return self


def short_name(source: str) -> str:
    """Return the last part of a source string.

    Example:
        >>> short_name("hf:google/flan-t5-large")
        'flan-t5-large'
        >>> short_name("noise:2048")
        'noise-2048'
    """
    if source.startswith("noise:"):
        return source.replace(":", "-")
    return source.rstrip("/").replace(":", "/").rpartition("/")[2]


class TeacherConfig(Section):
    """A teacher: a frozen model, or precomputed features.

    Attributes:
        source: ``timm:NAME``, ``hf:NAME_OR_DIR``, ``openclip:ARCH/WEIGHTS``, ``onnx:FILE``,
            ``features:FILE``, ``noise:COLUMNS`` or ``python:module:factory``.
        name: Name in results; by default the last part of the source.
        params: Options of the source (for example ``weights = "random"``, ``pooling = "mean"``).
        input: Format of the input, for ``python:`` and ``onnx:``.
        modality: Whether it reads the images or the texts of rows that have both; detected
            where the source reads one kind only.
        batch_size: Rows per forward pass, or ``"auto"``: as free memory allows.
    """

    source: str
    name: Annotated[str, Field(min_length=1)] | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    input: InputConfig | None = None
    modality: Literal["image", "text"] | None = None
    batch_size: Annotated[Positive | Literal["auto"], NoEffect] = "auto"


class LoraSettings(Section):
    """LoRA: train low-rank updates of the student's layers instead of all weights.

    Attributes:
        rank: Rank of each update ``B A``.
        alpha: Updates are scaled by ``alpha / rank``.
        dropout: Dropout before each update.
        targets: Names, or ends of names, of the layers; by default all linear layers before
            the head that the model calls, or, where there are none, all such convolutions.
    """

    rank: Positive = 8
    alpha: Annotated[float, Field(gt=0)] = 16.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    targets: tuple[str, ...] = ()


class StudentConfig(Section):
    """The small model that is trained.

    Attributes:
        source: ``timm:NAME``, ``hf:NAME_OR_DIR`` or ``python:module:factory``; for rows that are an
            image and a text also ``openclip:ARCH/WEIGHTS``, or two models joined by ``+``.
        params: Options of the source (for example ``layers = 2``); for two models, tables ``image``
            and ``text``.
        input: Format of the input, for ``python:``.
        tap: Path of the layer whose input is the features; by default the layer that gives the outputs.
        head: How the new head begins: from a linear ``probe`` on the student's own features of the
            training rows, at ``random``, or ``auto``: from a probe, except for ``python:`` students,
            ``weights = "random"``, and rows that are an image and a text. Where your own module has
            pre-trained weights, choose ``probe``.
        frozen: Train the head alone.
        lora: Train the head, and low-rank updates of the layers before it; they are merged into
            the weights when the student is saved.
    """

    source: str
    params: dict[str, Any] = Field(default_factory=dict)
    input: InputConfig | None = None
    tap: str | None = None
    head: Literal["auto", "probe", "random"] = "auto"
    frozen: bool = False
    lora: LoraSettings | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if self.frozen and self.lora is not None:
            raise ValueError(
                "frozen trains the head alone, lora more than that; leave one of them out"
            )
        return self
