"""What a feature is, by family: one table for teachers and students, so that both mean the same.

The path names the layer whose input is the feature, in the model that transformers builds for
classification. Everything in front of that layer comes from the checkpoint; the layer itself, and
what follows, is the head and starts at random.

Sources: each model's ``*ForSequenceClassification`` or ``*ForImageClassification`` in transformers;
[CLS] for BERT-likes and the last token for decoders as in Qiu et al. 2024, section 4.2.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["EMBEDDING_MODELS", "FAMILIES", "EmbeddingModel", "Family"]


@dataclass(frozen=True)
class Family:
    """Where a family's features are.

    Attributes:
        kind: ``"text"`` or ``"image"``: which class for classification is built.
        tap: Path of the layer whose input they are.
        pool: ``"last"`` where that layer runs on every token: the last that is not padding.
        layers: Name of the setting that counts the layers, for keeping the first k.
        reads_end: Whether features stand at the end of the text: a text that is too long then
            loses its beginning, and the end token may occur at the end only.
        meaning: In words.
    """

    kind: Literal["text", "image"]
    tap: str
    meaning: str
    pool: Literal["last"] | None = None
    layers: str = "num_hidden_layers"
    reads_end: bool = False


@dataclass(frozen=True)
class EmbeddingModel:
    """One side of a model that embeds images and texts in one space; for teachers only.

    Attributes:
        model: Class of transformers that holds this side alone.
        output: Which of its outputs is the embedding.
        fixed_length: Whether texts are always padded to the full length, as in its training.
    """

    model: str
    output: str
    fixed_length: bool = False


def _last(layers: str = "num_hidden_layers") -> Family:
    return Family("text", "score", "last token of the last layer", "last", layers, reads_end=True)


_POOLER = Family("text", "classifier", "[CLS] after the trained pooler")
_CLS = Family("text", "classifier.dense", "[CLS] of the last layer")
_OWN_POOLER = Family("text", "pooler.dense", "[CLS] of the last layer")
_EOS = Family(
    "text",
    "classification_head.dense",
    "the decoder's state at the last token",
    layers="num_layers",
    reads_end=True,
)
_IMAGE = Family("image", "classifier", "what the classifier reads: [CLS], or the mean over patches")
_STAGES = Family("image", "classifier", "mean over places of the last stage", layers="")
_CONVOLUTIONS = Family("image", "classifier.1", "mean over places of the last stage", layers="")

FAMILIES: dict[str, Family] = {
    "albert": _POOLER,
    "bert": _POOLER,
    "ernie": _POOLER,
    "big_bird": _CLS,
    "camembert": _CLS,
    "data2vec-text": _CLS,
    "electra": _CLS,
    "longformer": _CLS,
    "mpnet": _CLS,
    "roberta": _CLS,
    "xlm-roberta": _CLS,
    "deberta": _OWN_POOLER,
    "deberta-v2": _OWN_POOLER,
    "distilbert": Family("text", "pre_classifier", "[CLS] of the last layer", layers="n_layers"),
    "modernbert": Family("text", "head.dense", "[CLS] of the last layer, or the mean over tokens"),
    "bloom": _last("n_layer"),
    "falcon": _last(),
    "gemma": _last(),
    "gemma2": _last(),
    "gpt2": _last("n_layer"),
    "gpt_neo": _last("num_layers"),
    "gpt_neox": _last(),
    "gptj": _last("n_layer"),
    "llama": _last(),
    "mistral": _last(),
    "opt": _last(),
    "phi": _last(),
    "phi3": _last(),
    "qwen2": _last(),
    "qwen3": _last(),
    "mt5": _EOS,
    "t5": _EOS,
    "umt5": _EOS,
    "beit": _IMAGE,
    "deit": _IMAGE,
    "dinov2": _IMAGE,
    "dinov2_with_registers": _IMAGE,
    "vit": _IMAGE,
    "convnext": _STAGES,
    "convnextv2": _STAGES,
    "mobilenet_v1": _STAGES,
    "mobilenet_v2": _STAGES,
    "mobilevit": _STAGES,
    "swin": _STAGES,
    "swinv2": _STAGES,
    "regnet": _CONVOLUTIONS,
    "resnet": _CONVOLUTIONS,
}
"""By transformers' ``model_type``."""

EMBEDDING_MODELS: dict[str, dict[str, EmbeddingModel]] = {
    "clip": {
        "image": EmbeddingModel("CLIPVisionModelWithProjection", "image_embeds"),
        "text": EmbeddingModel("CLIPTextModelWithProjection", "text_embeds"),
    },
    "siglip": {
        "image": EmbeddingModel("SiglipVisionModel", "pooler_output"),
        "text": EmbeddingModel("SiglipTextModel", "pooler_output", fixed_length=True),
    },
}
"""By transformers' ``model_type``; the feature is the embedding in the common space."""
