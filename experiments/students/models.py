"""Students and teachers of the tasks, as a user's own modules."""

import copy
import sys
from importlib import import_module

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel

from tutelage.demo.data import minilm


def mobilenet(num_classes: int, folder: str) -> nn.Module:
    """MobileNetV1-0.25 (0.47 M parameters) with ImageNet weights, from ``folder/mobilenet_v1_025.py``."""
    if folder not in sys.path:
        sys.path.append(folder)
    model: nn.Module = import_module("mobilenet_v1_025").mobilenet_v1_025(num_classes)
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


class FixedTable(nn.Module):
    """An embedding that is not trained; a buffer, so that nothing unfreezes it."""

    weight: Tensor

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        self.register_buffer("weight", table.weight.detach().clone())

    def forward(self, ids: Tensor) -> Tensor:
        """Look the ids up."""
        return functional.embedding(ids, self.weight)


class WordReader(nn.Module):
    """The mean over a text's words of a sentence encoder's fixed table, a trained map, and a linear head.

    Of two texts, u and v are their means under the map, and ``|u - v|`` and ``u * v`` enter the head.
    A small network of averaged words is a strong student of little cost (Iyyer et al. 2015).
    """

    def __init__(self, table: nn.Embedding, num_classes: int, *, width: int, pairs: bool) -> None:
        super().__init__()
        self.table = FixedTable(table)
        self.map = nn.Linear(table.embedding_dim, width)
        self.pairs = pairs
        self.head = nn.Linear(2 * width if pairs else width, num_classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Return the logits."""
        words = self.table(input_ids)
        if not self.pairs:
            return self.head(self.map(_mean(words, attention_mask)).relu())
        first = attention_mask * (1 - token_type_ids)
        u, v = (self.map(_mean(words, mask)) for mask in (first, attention_mask - first))
        return self.head(torch.cat([(u - v).abs(), u * v], dim=1))


def word_reader(num_classes: int, width: int = 128, pairs: bool = False) -> WordReader:
    """A student over the words of all-MiniLM-L6-v2, which it does not train."""
    table = _minilm().embeddings.word_embeddings
    return WordReader(table, num_classes, width=width, pairs=pairs)


class PairEncoder(nn.Module):
    """A teacher of pairs: each sentence encoded alone as u and v; features ``|u - v|`` and ``u * v``.

    So sentence encoders are used on pairs (Reimers and Gurevych 2019, arXiv 1908.10084).
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Return the features of pairs, whose sides the token types tell apart."""
        first = attention_mask * (1 - token_type_ids)
        second = attention_mask * token_type_ids
        u, v = (self._alone(input_ids, mask) for mask in (first, second))
        return torch.cat([(u - v).abs(), u * v], dim=1)

    def _alone(self, ids: Tensor, mask: Tensor) -> Tensor:
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        states = self.encoder(
            input_ids=ids, attention_mask=mask, position_ids=positions
        ).last_hidden_state
        return functional.normalize(_mean(states, mask), dim=1)


def pair_encoder() -> PairEncoder:
    """All of all-MiniLM-L6-v2 (22.7 M parameters) on each sentence of a pair."""
    return PairEncoder(_minilm())


def _minilm() -> nn.Module:
    model: nn.Module = copy.deepcopy(AutoModel.from_pretrained(minilm(), add_pooling_layer=False))
    return model


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens that the mask marks."""
    weights = mask[..., None].to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1)
