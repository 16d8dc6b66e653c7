"""Adaptive Feature Transfer with gradient checkpointing and with torch.compile.

- Checkpointing: `use_reentrant=False`, which is also what `model.gradient_checkpointing_enable()` of
  transformers does. The reentrant kind runs the model without gradients first; a tap refuses that.
- torch.compile: create the tap before the compiled model first runs. Nothing breaks the graph, so
  `fullgraph=True` works too.

    python examples/checkpointing_and_compile.py
"""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tutelage import AFTLoss, FeatureTap, Objective


class Student(nn.Module):
    """Blocks whose activations are computed again in the backward pass, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(16, 16), nn.GELU()) for _ in range(3)])
        self.classifier = nn.Linear(16, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return one output a class."""
        for block in self.blocks:
            inputs = checkpoint(block, inputs, use_reentrant=False)
        return self.classifier(inputs)


torch.manual_seed(0)
student = Student()
tap = FeatureTap(student)
print(tap)
objective = Objective(nn.CrossEntropyLoss(), AFTLoss(tap.width, {"teacher": 24}), beta=3.0)
optimizer = torch.optim.AdamW(objective.parameter_groups(student), lr=1e-3)
backend = "inductor" if torch.cuda.is_available() else "aot_eager"  # without a compiler for C++
compiled = torch.compile(student, fullgraph=True, backend=backend)
for step in range(10):
    inputs = torch.randn(32, 16)
    labels, teacher = inputs[:, :4].argmax(dim=1), inputs @ torch.ones(16, 24).tril()
    terms = objective(compiled(inputs), labels, tap.take(), teacher)
    optimizer.zero_grad()
    terms.total.backward()
    optimizer.step()
    print(f"step {step}  task {terms.task.item():.3f}  transfer {terms.transfer.item():.3f}")
rho = objective.regularizer.column_weights()["teacher"]
print(f"rho: {rho.min():.3f} to {rho.max():.3f} over {len(rho)} teacher columns")
