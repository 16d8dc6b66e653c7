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


class SentenceReader(nn.Module):
    """The first layers of a sentence encoder over its own fixed table of words, and a linear head."""

    def __init__(self, encoder: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.hidden_size, num_classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(_means(self.encoder, input_ids, attention_mask, token_type_ids))


def sentence_reader(num_classes: int, layers: int = 1) -> SentenceReader:
    """The first ``layers`` of all-MiniLM-L6-v2's 6, pre-trained; its table of words stays fixed."""
    encoder = _minilm()
    encoder.encoder.layer = encoder.encoder.layer[:layers]
    encoder.embeddings.word_embeddings = FixedTable(encoder.embeddings.word_embeddings)
    return SentenceReader(encoder, num_classes)


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
        weights = mask[..., None].to(states.dtype)
        means = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
        return functional.normalize(means, dim=1)


def pair_encoder() -> PairEncoder:
    """All of all-MiniLM-L6-v2 (22.7 M parameters) on each sentence of a pair."""
    return PairEncoder(_minilm())


def _minilm() -> nn.Module:
    model: nn.Module = copy.deepcopy(AutoModel.from_pretrained(minilm(), add_pooling_layer=False))
    return model


def _means(encoder: nn.Module, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
    states = encoder(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
    weights = mask[..., None].to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)
