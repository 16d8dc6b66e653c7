"""Tokenizers of transformers: loading, padding tokens and digests."""

import copy
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.errors import ConfigError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "load_tokenizer",
    "own_code",
    "padding_id",
    "refuse_stranger",
    "saved_tokenizer",
    "tokenizer_digest",
]


_OF_NO_TOKEN = frozenset(
    {"backend", "chat_template", "is_local", "local_files_only", "model_max_length", "name_or_path"}
    | {"added_tokens_decoder", "auto_map", "padding_side", "processor_class", "tokenizer_class"}
)
"""Options that change no token, or that are in the digest or beside it anyway."""


def load_tokenizer(
    name: str,
    *,
    revision: str | None = None,
    trust_remote_code: bool = False,
    config: Any = None,
) -> "PreTrainedTokenizerBase":
    """Load a tokenizer from a folder, or by its name on the hub.

    Args:
        name: The folder or name.
        revision: Revision of the hub's repository.
        trust_remote_code: Run code that comes with the tokenizer.
        config: Config of its model; by default the one beside it, if the tokenizer's files need it.

    Raises:
        ConfigError: If there is none, or it cannot be read.
    """
    from transformers import AutoTokenizer

    if "/" not in name.strip("./") and Path(name).is_dir():
        name = str(Path(name))
    try:
        loaded: Any = AutoTokenizer.from_pretrained(
            name,
            revision=revision or "main",
            trust_remote_code=trust_remote_code,
            **({} if config is None else {"config": config}),
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        if (refused := own_code(name, error)) is not None:
            raise ConfigError(refused) from error
        what = "the folder" if Path(name).is_dir() else "the hub or its local cache, under the name"
        raise ConfigError(
            f"found no tokenizer in {what} {name!r}: {first_line(error)}; give a folder that "
            "tokenizer.save_pretrained(...) has written, or a name of the hub"
        ) from error
    return loaded


def own_code(name: str, error: BaseException) -> str | None:
    """Return the message for a model that brings code, if this is why transformers refuses it."""
    if "trust_remote_code" not in str(error):
        return None
    return (
        f"{name} brings code of its own, which is not run unless asked; read it, and if you trust "
        "it, set params.trust_remote_code = true of this teacher or student"
    )


def padding_id(tokenizer: "PreTrainedTokenizerBase", *, vocabulary: int | None) -> int:
    """Return a token to pad with, for which the model has an embedding.

    A tokenizer that has no padding token, or one that the model was never widened for, pads with
    its end token; padding is masked, so this changes no result.
    """
    for number in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if number is not None and (vocabulary is None or number < vocabulary):
            return int(number)
    return 0


def saved_tokenizer(
    tokenizer: "PreTrainedTokenizerBase", *, vocabulary: int | None, max_length: int
) -> "PreTrainedTokenizerBase":
    """Return a tokenizer for a saved model, which pads and cuts as in training.

    Models with absolute positions give other outputs for rows that are padded on the left
    (huggingface/transformers#24265).
    """
    saved = copy.deepcopy(tokenizer)
    number = padding_id(saved, vocabulary=vocabulary)
    if saved.pad_token_id != number:
        saved.pad_token = saved.convert_ids_to_tokens(number)
    saved.padding_side = "right"
    if saved.model_max_length > 10**9:  # unset
        saved.model_max_length = max_length
    return saved


def refuse_stranger(tokens: Sequence[int], *, vocabulary: int | None) -> None:
    """Raise a ``ConfigError`` if a token has no row in the model's embedding."""
    if vocabulary is not None and max(tokens) >= vocabulary:
        raise ConfigError(
            f"the tokenizer gives token {max(tokens)}, but the model has embeddings for "
            f"{vocabulary} tokens; use the tokenizer that belongs to the model"
        )


def tokenizer_digest(tokenizer: "PreTrainedTokenizerBase") -> str:
    """Return a digest of everything that decides token ids, equal in every process."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        content = json.loads(backend.to_str())
        for state in ("truncation", "padding"):  # the last call's, not the tokenizer's
            content.pop(state, None)
    else:
        content = {
            "class": type(tokenizer).__name__,
            "vocabulary": tokenizer.get_vocab(),
            "merges": list(getattr(tokenizer, "bpe_ranks", ())),
            "options": _options(tokenizer),
        }
    content["special"] = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    text = json.dumps(content, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _options(tokenizer: "PreTrainedTokenizerBase") -> dict[str, Any]:
    """Return how a tokenizer in Python was built, such as ``do_lower_case``, without files and names."""
    return {
        name: value
        for name, value in tokenizer.init_kwargs.items()
        if not (name in _OF_NO_TOKEN or name.endswith(("_file", "_token", "_tokens")))
        and _is_plain(value)
    }


def _is_plain(value: object) -> bool:
    """Whether a value is written alike in every process, as an object with an address is not."""
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
