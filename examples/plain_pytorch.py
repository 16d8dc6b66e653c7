"""Adaptive Feature Transfer in your own training loop: AFTLoss, FeatureTap, Objective.

A two-layer MiniLM learns to tell fresh from rotten film reviews under the whole MiniLM, whose
features are computed once, before training. Needs the extra `demo`; about a minute on two cores.

    python examples/plain_pytorch.py
"""

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from tutelage import AFTLoss, FeatureTap, Objective
from tutelage.demo.data import minilm, snippets

STEPS, BATCH = 12, 32
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(0)

# The data: 256 sentences and their labels.
rows = snippets(256)["train"]
tokenizer = AutoTokenizer.from_pretrained(minilm())
tokens = tokenizer(
    [row["text"] for row in rows], padding=True, truncation=True, max_length=64, return_tensors="pt"
)
labels = torch.tensor([row["label"] == "fresh" for row in rows]).long()

# The teacher: its features once, without gradient. Any array with one row an example would do.
teacher = AutoModel.from_pretrained(minilm()).to(device).eval()
with torch.inference_mode():
    states = teacher(**tokens.to(device)).last_hidden_state
    mask = tokens["attention_mask"][..., None]
    teacher_features = F.normalize((states * mask).sum(1) / mask.sum(1)).half().cpu()

# The student: an ordinary model, unchanged; the tap reads what enters its classifier.
student = AutoModelForSequenceClassification.from_pretrained(
    minilm(), num_hidden_layers=2, num_labels=2
).to(device)
tap = FeatureTap(student, "classifier")
objective = Objective(nn.CrossEntropyLoss(), AFTLoss(tap.width, {"minilm": 384}), beta=3.0).to(
    device
)
optimizer = torch.optim.AdamW(objective.parameter_groups(student), lr=1e-4)

student.train()
for step in range(STEPS):
    batch = torch.randint(len(labels), (BATCH,))
    inputs = {name: value[batch].to(device) for name, value in tokens.items()}
    outputs = student(**inputs).logits
    terms = objective(
        outputs, labels[batch].to(device), tap.take(), teacher_features[batch].to(device)
    )
    optimizer.zero_grad()
    terms.total.backward()
    optimizer.step()
    print(f"step {step:2d}  task {terms.task.item():.3f}  transfer {terms.transfer.item():.3f}")

# A checkpoint holds student and weights; at deployment only the student is needed.
save_file(objective.state_dict(), "objective.safetensors")
objective.load_state_dict(load_file("objective.safetensors"))
student.save_pretrained("student")
rho = objective.regularizer.column_weights()["minilm"]
print(f"rho: {rho.min():.3f} to {rho.max():.3f} over {len(rho)} teacher columns, on {rho.device}")
