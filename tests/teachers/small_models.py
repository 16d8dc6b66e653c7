"""Small models of transformers with tokenizers of their own, saved as a user would have them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # their ids are those that RoBERTa has
TEXT = "a fine film dull plot the acting was not bad , . and but"
WORDS = (*SPECIAL, *TEXT.split())
TEXTS = [
    ("a fine film",),
    ("dull",),
    ("the acting was not bad , but the plot was dull",),
    ("a film , and a fine plot",),
]
TEXT_SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 30,
}
T5_SIZES = {
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 32,
    "num_layers": 2,
    "num_heads": 2,
    "decoder_start_token_id": 1,
}


@dataclass(frozen=True)
class Small:
    """A family's smallest model.

    Attributes:
        kind: transformers' ``model_type``.
        sizes: Of its config.
        begins: Whether texts begin with ``<s>``.
        ends: Whether texts end with ``</s>``.
        pads: Whether the tokenizer has a padding token.
    """

    kind: str
    sizes: dict[str, Any] = field(default_factory=lambda: dict(TEXT_SIZES))
    begins: bool = True
    ends: bool = True
    pads: bool = True

    def config(self) -> Any:
        tokens = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
        if not self.pads:
            tokens["pad_token_id"] = None
        return AutoConfig.for_model(self.kind, vocab_size=len(WORDS), **tokens, **self.sizes)

    def save(self, folder: Path, model_class: Any = AutoModel, *, seed: int = 0) -> Any:
        torch.manual_seed(seed)
        config = self.config()
        make = getattr(model_class, "from_config", model_class)
        model = make(config).eval()
        # Fresh weights are so small that different texts look alike; these do not.
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        model.save_pretrained(folder)
        self.tokenizer().save_pretrained(folder)
        return model

    def tokenizer(self) -> PreTrainedTokenizerFast:
        return word_tokenizer(begins=self.begins, ends=self.ends, pads=self.pads)


def word_tokenizer(
    *, begins: bool = True, ends: bool = True, pads: bool = True
) -> PreTrainedTokenizerFast:
    """A tokenizer that knows few words."""
    tokenizer = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    before, after = "<s> " if begins else "", " </s>" if ends else ""
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{before}$A{after}",
        pair=f"{before}$A{after} $B{after}",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    roles = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    if pads:
        roles["pad_token"] = "<pad>"
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **roles)


FAMILIES = {
    "bert": Small("bert"),
    "albert": Small("albert", TEXT_SIZES | {"embedding_size": 8}),
    "roberta": Small("roberta"),
    "mpnet": Small("mpnet"),
    "electra": Small("electra", TEXT_SIZES | {"embedding_size": 8}),
    "deberta-v2": Small("deberta-v2"),
    "modernbert": Small("modernbert", TEXT_SIZES | {"cls_token_id": 0, "sep_token_id": 2}),
    "distilbert": Small(
        "distilbert",
        {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 30},
    ),
    "gpt2": Small(
        "gpt2",
        {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 30},
        begins=False,
        ends=False,
        pads=False,
    ),
    "llama": Small("llama", ends=False, pads=False),
    "mistral": Small("mistral", TEXT_SIZES | {"num_key_value_heads": 1}, begins=False, ends=False),
    "opt": Small("opt", TEXT_SIZES | {"ffn_dim": 32, "word_embed_proj_dim": 16}, ends=False),
    "t5": Small("t5", T5_SIZES, begins=False),
    "mt5": Small("mt5", T5_SIZES, begins=False),
}


def save_vision(folder: Path, kind: str, *, seed: int = 0, **sizes: Any) -> Any:
    """A small image model with its processor."""
    torch.manual_seed(seed)
    model = AutoModel.from_config(AutoConfig.for_model(kind, **sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return model


SMALL_VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 8,
}


def small_clip(folder: Path) -> transformers.CLIPModel:
    side = {k: v for k, v in SMALL_VIT.items() if k not in ("image_size", "patch_size")}
    torch.manual_seed(0)
    model = transformers.CLIPModel(
        transformers.CLIPConfig(
            text_config={
                **side,
                "vocab_size": len(WORDS),
                "max_position_embeddings": 12,
                "bos_token_id": 0,
                "pad_token_id": 1,
                "eos_token_id": 2,
            },
            vision_config=SMALL_VIT,
            projection_dim=10,
        )
    ).eval()
    model.save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)
    return model


def states(model, tokenizer, text: str) -> tuple[Tensor, dict[str, Tensor]]:
    """The last layer's states of one text, not padded."""
    inputs = tokenizer(text, return_tensors="pt")
    names = ("input_ids", "attention_mask")
    inputs = {name: inputs[name] for name in names}
    with torch.inference_mode():
        return model(**inputs).last_hidden_state, inputs


def by_hand(kind: str, model, tokenizer, text: str) -> Tensor:
    """A family's feature of one text, from a model without a head."""
    if kind in ("t5", "mt5"):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        shifted = torch.cat([torch.ones(1, 1, dtype=torch.long), ids[:, :-1]], dim=1)
        with torch.inference_mode():
            return model(input_ids=ids, decoder_input_ids=shifted).last_hidden_state[:, -1]
    hidden, inputs = states(model, tokenizer, text)
    if kind in ("bert", "albert"):
        with torch.inference_mode():
            return model(**inputs).pooler_output
    return hidden[:, -1] if kind in ("gpt2", "llama", "mistral", "opt") else hidden[:, 0]
