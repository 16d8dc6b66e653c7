"""The demo's student: a small reader of one's own, from a random start."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["Reader", "reader"]

VOCABULARY = 30522


class Reader(nn.Module):
    """Word pieces, an encoder, and the mean over tokens in front of a linear head.

    Args:
        num_classes: Outputs.
        width: Columns, and so the features' width.
        layers: Of the encoder.
        heads: Of attention.
        max_length: Tokens at most.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        width: int = 128,
        layers: int = 1,
        heads: int = 4,
        max_length: int = 64,
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, width)
        self.places = nn.Embedding(max_length, width)
        for embedding in (self.words, self.places):
            nn.init.normal_(embedding.weight, std=0.02)
        self.norm = nn.LayerNorm(width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.head = nn.Linear(width, num_classes)

    def forward(
        self, input_ids: Int[Tensor, "batch tokens"], attention_mask: Int[Tensor, "batch tokens"]
    ) -> Float[Tensor, "batch classes"]:
        """Return the logits."""
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        states = self.norm(self.words(input_ids) + self.places(places))
        states = self.encoder(states, src_key_padding_mask=attention_mask == 0)
        weights = attention_mask[..., None].to(states.dtype)
        logits: Tensor = self.head((states * weights).sum(1) / weights.sum(1))
        return logits


def reader(num_classes: int, width: int = 128, layers: int = 1, max_length: int = 64) -> Reader:
    """Build the student, as ``python:tutelage.demo.student:reader`` asks for it."""
    return Reader(num_classes, width=width, layers=layers, max_length=max_length)
