"""What a feature is, by family: one table for teachers and students, so that both mean the same.

The path names the layer whose input is the feature, in the model that transformers builds for
classification. Everything in front of that layer comes from the checkpoint; the layer itself, and
what follows, is the head and starts at random.

Sources: each model's ``*ForSequenceClassification`` or ``*ForImageClassification`` in transformers;
[CLS] for BERT-likes and the last token for decoders as in Qiu et al. 2024, section 4.2.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["FAMILIES", "Family"]


@dataclass(frozen=True)
class Family:
    """Where a family's features are.

    Attributes:
        kind: ``"text"`` or ``"image"``: which class for classification is built.
        tap: Path of the layer whose input they are.
        pool: ``"last"`` where that layer runs on every token: the last that is not padding.
        layers: Name of the setting that counts the layers, for keeping the first k.
        meaning: In words.
    """

    kind: Literal["text", "image"]
    tap: str
    meaning: str
    pool: Literal["last"] | None = None
    layers: str = "num_hidden_layers"


_POOLER = Family("text", "classifier", "[CLS] after the trained pooler")
_CLS = Family("text", "classifier.dense", "[CLS] of the last layer")
_LAST = Family("text", "score", "last token of the last layer", pool="last")
_EOS = Family("text", "classification_head.dense", "the decoder's last token", layers="num_layers")
_IMAGE = Family("image", "classifier", "what the classifier reads: [CLS], or the mean over patches")

FAMILIES: dict[str, Family] = {
    "bert": _POOLER,
    "albert": _POOLER,
    "big_bird": _CLS,
    "camembert": _CLS,
    "data2vec-text": _CLS,
    "distilbert": Family("text", "pre_classifier", "[CLS] of the last layer", layers="n_layers"),
    "electra": _CLS,
    "ernie": _POOLER,
    "mpnet": _CLS,
    "roberta": _CLS,
    "xlm-roberta": _CLS,
    "gemma": _LAST,
    "gemma2": _LAST,
    "gpt2": Family("text", "score", "last token of the last layer", pool="last", layers="n_layer"),
    "gpt_neo": Family("text", "score", "last token of the last layer", pool="last", layers="num_layers"),
    "gpt_neox": _LAST,
    "llama": _LAST,
    "mistral": _LAST,
    "opt": _LAST,
    "phi": _LAST,
    "phi3": _LAST,
    "qwen2": _LAST,
    "qwen3": _LAST,
    "t5": _EOS,
    "mt5": _EOS,
    "beit": _IMAGE,
    "convnext": _IMAGE,
    "convnextv2": _IMAGE,
    "dinov2": _IMAGE,
    "dinov2_with_registers": _IMAGE,
    "deit": _IMAGE,
    "resnet": Family("image", "classifier.1", "mean over places", layers=""),
    "swin": Family("image", "classifier", "mean over patches", layers=""),
    "swinv2": Family("image", "classifier", "mean over patches", layers=""),
    "vit": _IMAGE,
    "vit_mae": _IMAGE,
}
"""From transformers' ``model_type``. Towers of CLIP and SigLIP are teachers only: their projected embedding."""
