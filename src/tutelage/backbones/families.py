"""Features of each model family: one table for teachers and students, so that both agree.

The path names the layer whose input is the feature, in the classification model of transformers.
Everything before that layer comes from the checkpoint; the layer itself and what follows are the
head, which is randomly initialized.

Sources: each model's ``*ForSequenceClassification`` or ``*ForImageClassification`` in transformers;
[CLS] for BERT-likes and the last token for decoders as in Qiu et al. 2024, section 4.2.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["EMBEDDING_MODELS", "FAMILIES", "EmbeddingModel", "Family"]


@dataclass(frozen=True)
class Family:
    """Position of the features of a model family.

    Attributes:
        kind: Modality of the rows, ``"text"`` or ``"image"``.
        tap: Path of the layer whose input is the feature.
        meaning: Description of the feature.
        pool: ``"last"`` if that layer runs on every token: the last token that is not padding.
        layers: Name of the setting with the number of layers, to keep the first k.
        reads_end: Whether the feature is at the end of the text: a text that is too long is then
            cut at its beginning, and the end token may occur only at the end.
    """

    kind: Literal["text", "image"]
    tap: str
    meaning: str
    pool: Literal["last"] | None = None
    layers: str = "num_hidden_layers"
    reads_end: bool = False


@dataclass(frozen=True)
class EmbeddingModel:
    """One tower of a model that embeds images and texts in a common space.

    Attributes:
        model: Name of the transformers class of this tower.
        output: Name of the output that is the embedding.
        fixed_length: Whether texts are always padded to the full length, as in its training.
    """

    model: str
    output: str
    fixed_length: bool = False


def _last(layers: str = "num_hidden_layers") -> Family:
    return Family("text", "score", "last token of the last layer", "last", layers, reads_end=True)


_POOLER = Family("text", "classifier", "[CLS] after the trained pooler")
_CLS = Family("text", "classifier.dense", "[CLS] of the last layer")
_NEW_POOLER = Family("text", "pooler.dense", "[CLS] of the last layer")
_EOS = Family(
    "text",
    "classification_head.dense",
    "the decoder's state at the last token",
    layers="num_layers",
    reads_end=True,
)
_IMAGE = Family("image", "classifier", "input of the classifier: [CLS], or the mean over patches")
_STAGES = Family("image", "classifier", "mean over positions of the last stage", layers="")
_CONVOLUTIONS = Family("image", "classifier.1", "mean over positions of the last stage", layers="")

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
    "deberta": _NEW_POOLER,
    "deberta-v2": _NEW_POOLER,
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
