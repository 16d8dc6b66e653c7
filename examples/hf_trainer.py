"""Adaptive Feature Transfer under the Trainer of transformers.

The teacher's features travel as one more column of the data set, which Trainer would remove without
`remove_unused_columns=False`; the objective joins the model, so that its weights are moved, optimized,
synchronized and saved with it. On several GPUs, start it by `torchrun` or `accelerate launch`: alone,
Trainer uses DataParallel, whose copies of the model no tap can read. Needs the extra `demo`.

    python examples/hf_trainer.py
"""

import torch
from datasets import Dataset
from torch import nn
from torch.nn import functional as F
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from tutelage import AFTLoss, FeatureTap, Objective
from tutelage.demo.data import minilm, snippets

torch.manual_seed(0)
tokenizer = AutoTokenizer.from_pretrained(minilm())
teacher = AutoModel.from_pretrained(minilm()).eval()


def encode(rows: dict[str, list[str]]) -> dict[str, list[object]]:
    """Tokens for the student, and the teacher's features beside them."""
    tokens = tokenizer(rows["text"], truncation=True, max_length=64)
    padded = tokenizer.pad(tokens, return_tensors="pt")
    with torch.inference_mode():
        states = teacher(**padded).last_hidden_state
    mask = padded["attention_mask"][..., None]
    features = F.normalize((states * mask).sum(1) / mask.sum(1))
    return dict(tokens) | {
        "teacher": features.tolist(),
        "labels": [int(x == "fresh") for x in rows["label"]],
    }


class TransferTrainer(Trainer):
    """A Trainer whose loss has one term more."""

    def compute_loss(self, model, inputs, return_outputs=False, **_):
        """The objective in place of the model's own loss."""
        teacher_features, labels = inputs.pop("teacher"), inputs.pop("labels")
        outputs = model(**inputs)
        terms = student.objective(outputs.logits, labels, tap.take(), teacher_features)
        return (terms.total, outputs) if return_outputs else terms.total

    def create_optimizer(self, *_):
        """The learned weights have a separate learning rate and no weight decay."""
        groups = student.objective.parameter_groups(student)
        self.optimizer = torch.optim.AdamW(groups, lr=self.args.learning_rate)
        return self.optimizer


data = Dataset.from_list(snippets(256)["train"])
data = data.map(encode, batched=True, batch_size=64, remove_columns=data.column_names)
student = AutoModelForSequenceClassification.from_pretrained(
    minilm(), num_hidden_layers=2, num_labels=2
)
tap = FeatureTap(student, "classifier")
student.objective = Objective(nn.CrossEntropyLoss(), AFTLoss(tap.width, {"minilm": 384}), beta=3.0)

trainer = TransferTrainer(
    model=student,
    args=TrainingArguments(
        output_dir="trainer",
        max_steps=6,
        per_device_train_batch_size=32,
        gradient_accumulation_steps=2,
        learning_rate=1e-4,
        logging_steps=2,
        save_steps=3,
        remove_unused_columns=False,
        report_to="none",
    ),
    train_dataset=data,
    data_collator=DataCollatorWithPadding(tokenizer),
)
# The loss is a mean over the batch; without this, Trainer adds the means up that it accumulates.
trainer.model_accepts_loss_kwargs = False
trainer.train()
rho = student.objective.regularizer.column_weights()["minilm"]
print(f"rho: {rho.min():.3f} to {rho.max():.3f} over {len(rho)} teacher columns, on {rho.device}")
