"""The demo's student: a custom one-layer text classifier, randomly initialized."""

from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import BertConfig, BertModel

__all__ = ["Reader", "reader"]


class Reader(nn.Module):
    """A small encoder, the mean over its tokens, and a linear head.

    Args:
        encoder: Without a pooler.
        num_classes: Outputs.
    """

    def __init__(self, encoder: BertModel, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.hidden_size, num_classes)

    def forward(
        self, input_ids: Int[Tensor, "batch tokens"], attention_mask: Int[Tensor, "batch tokens"]
    ) -> Float[Tensor, "batch classes"]:
        """Return the logits."""
        states = self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state
        weights = attention_mask[..., None].to(states.dtype)
        logits: Tensor = self.head((states * weights).sum(1) / weights.sum(1))
        return logits


def reader(num_classes: int, width: int = 128, layers: int = 1, dropout: float = 0.0) -> Reader:
    """Build the student, as ``python:tutelage.demo.student:reader`` asks for it.

    Args:
        num_classes: Outputs.
        width: Columns, and so the features' width.
        layers: Of the encoder.
        dropout: In the layers.
    """
    config = BertConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=4 * width,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return Reader(BertModel(config, add_pooling_layer=False), num_classes)
