"""Input of text models: token ids, cut to a maximum length and padded in batches."""

import copy
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tutelage.errors import ConfigError
from tutelage.inputs.prompt import Prompt
from tutelage.inputs.shorten import characters, shortened
from tutelage.inputs.tokenizers import (
    load_tokenizer,
    padding_id,
    refuse_stranger,
    saved_tokenizer,
    tokenizer_digest,
)
from tutelage.inputs.tokens import Tokens

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerBase

__all__ = ["TextInput"]


@dataclass(frozen=True)
class TextInput:
    """Converts texts to token ids, cut to a maximum length and padded in batches.

    Padding is on the right and masked. A tokenizer without a padding token pads with its end token,
    because the model has no embedding for a new one.

    Attributes:
        tokenizer: Tokenizer of transformers.
        max_length: Maximum number of tokens, including special ones.
        accepts: Those of ``input_ids``, ``attention_mask`` and ``token_type_ids`` that the model takes.
        vocabulary: Number of rows of the model's embedding; None if unknown.
        literal: Whether strings such as ``</s>`` inside a text are ordinary text.
        fixed_length: Whether every batch is padded to ``max_length``.
    """

    tokenizer: "PreTrainedTokenizerBase"
    max_length: int = field(kw_only=True)
    accepts: frozenset[str] = field(
        default=frozenset({"input_ids", "attention_mask", "token_type_ids"}), kw_only=True
    )
    vocabulary: int | None = field(default=None, kw_only=True)
    literal: bool = field(default=False, kw_only=True)
    fixed_length: bool = field(default=False, kw_only=True)

    @classmethod
    def from_tokenizer(
        cls,
        tokenizer: "PreTrainedTokenizerBase | str",
        *,
        max_length: int | None = None,
        positions: int | None = None,
        vocabulary: int | None = None,
        accepts: Collection[str] = ("input_ids", "attention_mask", "token_type_ids"),
        keep_end: bool = False,
        literal: bool = False,
        fixed_length: bool = False,
    ) -> "TextInput":
        """Use a tokenizer, or load it from a folder or by name.

        Args:
            tokenizer: A tokenizer of transformers, its folder, or its name on the hub.
            max_length: Maximum number of tokens; by default that of tokenizer and model, else 512.
            positions: Number of positions of the model; None if it has no limit.
            vocabulary: Number of rows of the model's embedding.
            accepts: Names of the tensors that the model takes.
            keep_end: Whether a text that is too long is cut at its beginning.
            literal: Whether the names of special tokens inside a text are ordinary text.
            fixed_length: Whether every batch is padded to ``max_length``.

        Raises:
            ConfigError: If the tokenizer cannot be loaded, does not fit the model, or
                ``max_length`` is longer than the model or leaves no room for text.
        """
        if isinstance(tokenizer, str):
            tokenizer = load_tokenizer(tokenizer)
        if positions is not None and max_length is not None and max_length > positions:
            raise ConfigError(
                f"max_length = {max_length}, but the model tells only {positions} positions apart; "
                f"give at most {positions}"
            )
        own = tokenizer.model_max_length if tokenizer.model_max_length < 10**9 else None
        length = max_length
        if length is None:
            length = min((n for n in (own, positions) if n is not None), default=512)
        special = int(tokenizer.num_special_tokens_to_add(pair=True))
        if length <= special:
            raise ConfigError(
                f"max_length = {length} leaves no room for text beside {special} special tokens; "
                f"give at least {special + 1}"
            )
        if keep_end:
            tokenizer = copy.deepcopy(tokenizer)
            tokenizer.truncation_side = "left"
        return cls(
            tokenizer,
            max_length=length,
            accepts=frozenset(accepts),
            vocabulary=vocabulary,
            literal=literal,
            fixed_length=fixed_length,
        )

    def prepare(self, row: Sequence[str]) -> Tokens:
        """Tokenize a row.

        Two columns become the tokenizer's pair; of more, all after the first are joined by a space.
        A prompt that is too long keeps its literals; its longest fields are cut at the end.

        Raises:
            ConfigError: If the tokenizer gives a token that the model has no embedding for, or a
                template alone is longer than ``max_length``.
        """
        if isinstance(row, Prompt):
            encoded = self._encode(row.text)
            cut = len(encoded["input_ids"]) > self.max_length
            if cut:
                encoded = self._encode(self._shortened(row).text)
        else:
            first, *rest = row
            pair = (first, " ".join(rest)) if rest else (first,)
            encoded = self._encode(*pair, truncation=True, max_length=self.max_length)
            cut = self._lost(encoded, *pair)
        prepared = Tokens(
            (name, list(values))
            for name, values in encoded.items()
            if name in self.accepts or name == "input_ids"
        )
        if not prepared["input_ids"]:  # an empty text is one end token, so that there is a last one
            for name in prepared:
                prepared[name] = [1 if name == "attention_mask" else 0]
            prepared["input_ids"] = [padding_id(self.tokenizer, vocabulary=self.vocabulary)]
        refuse_stranger(prepared["input_ids"], vocabulary=self.vocabulary)
        prepared.cut_to = self.max_length if cut else None
        return prepared

    def cost(self, prepared: Mapping[str, Sequence[int]]) -> int:
        """Return the number of tokens."""
        return len(prepared["input_ids"])

    def collate(self, prepared: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, Tensor]:
        """Return one batch of int64 ``[batch, tokens]``, padded on the right."""
        longest = max(len(row["input_ids"]) for row in prepared)
        longest = self.max_length if self.fixed_length else longest
        fill = {
            "input_ids": padding_id(self.tokenizer, vocabulary=self.vocabulary),
            "token_type_ids": getattr(self.tokenizer, "pad_token_type_id", 0),
        }
        return {
            name: torch.tensor(
                [
                    [*row[name]] + [fill.get(name, 0)] * (longest - len(row[name]))
                    for row in prepared
                ]
            )
            for name in prepared[0]
        }

    def finish(
        self, batch: Mapping[str, Tensor], *, dtype: torch.dtype = torch.float32
    ) -> dict[str, Tensor]:
        """Return the batch unchanged; token ids have no precision."""
        return dict(batch)

    def save(self, folder: Path) -> None:
        """Write the tokenizer for ``from_pretrained``: it pads and cuts as here."""
        saved_tokenizer(
            self.tokenizer, vocabulary=self.vocabulary, max_length=self.max_length
        ).save_pretrained(folder)

    def identity(self) -> dict[str, str]:
        """Return the settings that decide the numbers."""
        settings = {
            "tokenizer": tokenizer_digest(self.tokenizer),
            "max_length": self.max_length,
            "accepts": sorted(self.accepts),
            "truncation": self.tokenizer.truncation_side,
            "literal": self.literal,
            "fixed_length": self.fixed_length,
        }
        return {"input": json.dumps(settings, sort_keys=True)}

    def _encode(self, *texts: str, **options: Any) -> "BatchEncoding":
        return self.tokenizer(*texts, split_special_tokens=self.literal, verbose=False, **options)

    def _lost(self, encoded: "BatchEncoding", *texts: str) -> bool:
        """Whether the text was cut; it is tokenized again only if nothing else shows that."""
        if encoded.encodings and encoded.encodings[0].overflowing:
            return True
        length = len(encoded["input_ids"])
        return length >= self.max_length and len(self._encode(*texts)["input_ids"]) > length

    def _shortened(self, prompt: Prompt) -> Prompt:
        def count(text: str) -> int:
            return len(self._encode(text, add_special_tokens=False)["input_ids"])

        def spans(text: str) -> list[tuple[int, int]]:
            places = self._encode(text, add_special_tokens=False, return_offsets_mapping=True)
            return [(begin, end) for begin, end in places["offset_mapping"]]

        return shortened(
            prompt,
            room=self.max_length - int(self.tokenizer.num_special_tokens_to_add(pair=False)),
            count=count,
            spans=spans if self.tokenizer.is_fast else characters,
        )
