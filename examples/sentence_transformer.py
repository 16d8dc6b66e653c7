"""Adaptive Feature Transfer for a SentenceTransformer, whose output is the features: no tap is needed.

A two-layer MiniLM learns sentence embeddings (each sentence is its own positive, under dropout) under
the features of the whole MiniLM, which travel as the data set's `label`. Needs the extra `demo`.

    python examples/sentence_transformer.py
"""

import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from torch import Tensor, nn

from tutelage import AFTLoss
from tutelage.demo.data import minilm, snippets


class RankingAndTransfer(nn.Module):
    """A loss of sentence-transformers with one term more; the trainer logs both."""

    def __init__(
        self, model: SentenceTransformer, teachers: dict[str, int], *, beta: float
    ) -> None:
        super().__init__()
        self.model, self.beta = model, beta
        self.ranking = MultipleNegativesRankingLoss(model)
        width = len(model.encode(""))
        self.transfer = AFTLoss(width, teachers)

    def forward(
        self, sentence_features: list[dict[str, Tensor]], labels: Tensor
    ) -> dict[str, Tensor]:
        """Return the terms of a batch; the trainer adds them."""
        embeddings = [self.model(tokens)["sentence_embedding"] for tokens in sentence_features]
        ranking = self.ranking.compute_loss_from_embeddings(embeddings, None)
        return {
            "task": ranking,
            "transfer": self.beta * self.transfer(embeddings[0], labels.float()),
        }


torch.manual_seed(0)
texts = [str(row["text"]) for row in snippets(64)["train"]]
teacher = SentenceTransformer(str(minilm()), device="cpu")
data = Dataset.from_dict(
    {"anchor": texts, "positive": texts, "label": teacher.encode(texts, batch_size=64).tolist()}
)

student = SentenceTransformer(str(minilm()), device="cpu")
student[0].auto_model.encoder.layer = student[0].auto_model.encoder.layer[:2]
loss = RankingAndTransfer(student, {"minilm": 384}, beta=3.0)
SentenceTransformerTrainer(
    model=student,
    args=SentenceTransformerTrainingArguments(
        output_dir="embeddings",
        max_steps=4,
        per_device_train_batch_size=16,
        learning_rate=1e-4,
        learning_rate_mapping={"scores": 1e-2},  # the learned weights
        logging_steps=2,
        save_strategy="no",
        report_to="none",
    ),
    train_dataset=data,
    loss=loss,
).train()
rho = loss.transfer.column_weights()["minilm"].cpu()
print(f"rho: {rho.min():.3f} to {rho.max():.3f} over {len(rho)} teacher columns")
