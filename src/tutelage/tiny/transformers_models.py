"""Small random models of transformers' families, saved with a tokenizer or image processor."""

import shutil
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from tutelage.backbones.families import EMBEDDING_MODELS, FAMILIES
from tutelage.backbones.model_config import known_type
from tutelage.backbones.transformers import quietly
from tutelage.errors import ConfigError
from tutelage.files.locks import hold_file
from tutelage.tiny.rows import SIDE, vocabulary

__all__ = ["Saver", "is_saved", "save_model", "type_of"]

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
POSITIONS = 160
"""Most tokens of a text: the words of two generated sentences, or the bytes of a real one."""
LONGEST_WORD = 10_000
_TEXT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": POSITIONS,
}
_VISION = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": SIDE,
    "patch_size": 8,
}
SIZES: dict[str, dict[str, Any]] = {
    "albert": _TEXT | {"embedding_size": 16},
    "bert": _TEXT,
    "camembert": _TEXT,
    "deberta-v2": _TEXT,
    "distilbert": {
        "dim": 32,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dim": 64,
        "max_position_embeddings": POSITIONS,
    },
    "electra": _TEXT | {"embedding_size": 16},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS},
    "llama": _TEXT,
    "mistral": _TEXT | {"num_key_value_heads": 2},
    "modernbert": _TEXT | {"cls_token_id": 0, "sep_token_id": 2},
    "mpnet": _TEXT,
    "opt": _TEXT | {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "roberta": _TEXT,
    "t5": {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2},
    "deit": _VISION,
    "dinov2": _VISION,
    "vit": _VISION,
    "clip": {"projection_dim": 24},
}
"""Sizes of the configs, by transformers' ``model_type``."""

WITHOUT_PADDING = ("gpt2", "llama")
"""Types whose tokenizers have no padding token."""

NAMED = {"minilm": "bert", "smollm": "llama", "vicuna": "llama"}
"""Types of models whose names do not state them."""


def type_of(name: str, *, stated: str | None = None) -> str:
    """Return the ``model_type`` of a model: its config's if that is at hand, else by its name.

    Args:
        name: Folder of the model, or its name on the hub.
        stated: The option ``model_type``.

    Raises:
        ConfigError: If the type cannot be told, or has no small form here.

    Example:
        >>> type_of("google/flan-t5-large"), type_of("meta-llama/Llama-2-7b-chat-hf")
        ('t5', 'llama')
    """
    short = name.lower().rpartition("/")[2]
    types = {kind: kind for kind in (*FAMILIES, *EMBEDDING_MODELS)} | NAMED
    likely = max((word for word in types if word in short), key=len, default=None)
    kind = stated or known_type(name) or (None if likely is None else types[likely])
    if kind not in SIZES:
        of = f"of type {kind!r}" if kind else "of a type that its name does not state"
        raise ConfigError(
            f"hf:{name} is {of}, for which there is no stand-in; at the tiny scale there are: "
            f"{', '.join(sorted(SIZES))} (params.model_type states a type)"
        )
    return kind


@runtime_checkable
class Saver(Protocol):
    """What writes small random models: ``save_model``, or another one in its place."""

    def __call__(self, folder: Path, kind: str, *, seed: int) -> Path:
        """Write a model to a folder, or elsewhere, and return where it is."""


def save_model(folder: Path, kind: str, *, seed: int = 0) -> Path:
    """Write a small random model as its library saves it, the same one each time; return its folder.

    Args:
        folder: Folder to write; one that is there is kept.
        kind: A type of ``SIZES``.
        seed: Seed of the weights.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with hold_file(Path(f"{folder}.lock"), doing="writes this stand-in", briefly=True):
        if is_saved(folder):
            return folder
        begun = folder.with_name(f"{folder.name}.begun")
        shutil.rmtree(begun, ignore_errors=True)
        _write(begun, kind, seed=seed)
        begun.rename(folder)
    return folder


def is_saved(folder: Path) -> bool:
    """Whether a folder holds a model that ``save_model`` wrote."""
    return (folder / "config.json").is_file()


def _write(folder: Path, kind: str, *, seed: int) -> None:
    from transformers import AutoConfig, AutoModel, CLIPImageProcessor, ViTImageProcessor

    takes = "both" if kind == "clip" else FAMILIES[kind].kind
    tokens = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    words: dict[str, int | None] = {"vocab_size": len(_tokens()), **tokens}
    if kind in WITHOUT_PADDING:
        words["pad_token_id"] = None
    if kind == "clip":
        sides = {"text_config": _TEXT | words, "vision_config": _VISION}
        config = AutoConfig.for_model(kind, **SIZES[kind], **sides)
    elif takes == "image":
        config = AutoConfig.for_model(kind, **SIZES[kind])
    else:
        start = {"decoder_start_token_id": 1} if kind == "t5" else {}
        config = AutoConfig.for_model(kind, **words, **start, **SIZES[kind])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModel.from_config(config).eval()
        with torch.no_grad():  # fresh weights are so small that different rows look alike
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    with quietly():
        model.save_pretrained(folder)
    if takes == "both":
        sizes = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}
        CLIPImageProcessor(**sizes).save_pretrained(folder)
    elif takes == "image":
        ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    if takes != "image":
        _tokenizer(padded=kind not in WITHOUT_PADDING).save_pretrained(folder)


def _tokens() -> list[str]:
    """Special tokens, words of generated sentences, and the bytes of others in and after first place."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    return [*SPECIAL, *vocabulary(), *letters, *(f"##{letter}" for letter in letters)]


def _tokenizer(*, padded: bool) -> Any:
    """A tokenizer that knows the words of generated sentences; any other word is read as its bytes."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = {word: number for number, word in enumerate(_tokens())}
    pieces = models.WordPiece(words, unk_token="<unk>", max_input_chars_per_word=LONGEST_WORD)
    tokenizer = Tokenizer(pieces)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Whitespace(),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    after = " </s>" if padded else ""
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"<s> $A{after}",
        pair=f"<s> $A{after} $B{after}",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    roles = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    if padded:
        roles["pad_token"] = "<pad>"
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS, **roles)
