"""Adaptive Feature Transfer in a loop on accelerate: one device or several, any precision.

Student and objective are one module, so that `prepare` moves, wraps and synchronizes all that is
learned, and the gradients of both are accumulated and clipped alike.

    accelerate launch examples/accelerate_loop.py
"""

import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from tutelage import AFTLoss, FeatureTap, Objective


class Learner(nn.Module):
    """A student, its tap and its objective."""

    def __init__(self, student: nn.Module, teachers: dict[str, int]) -> None:
        super().__init__()
        self.student, self.tap = student, FeatureTap(student)
        self.objective = Objective(
            nn.CrossEntropyLoss(), AFTLoss(self.tap.width, teachers), beta=3.0
        )

    def forward(self, inputs: Tensor, labels: Tensor, teacher: Tensor) -> Tensor:
        """Return the loss of a batch."""
        return self.objective(self.student(inputs), labels, self.tap.take(), teacher).total


def main() -> None:
    """Train on handwritten digits; the teacher is a random projection of their squares."""
    accelerator = Accelerator(gradient_accumulation_steps=2)
    torch.manual_seed(0)
    digits = load_digits()
    inputs, labels = torch.from_numpy(digits.data).float() / 16, torch.from_numpy(digits.target)
    rows = TensorDataset(inputs, labels, inputs.square() @ torch.randn(64, 32))
    learner = Learner(
        nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)), {"squares": 32}
    )
    optimizer = torch.optim.AdamW(learner.objective.parameter_groups(learner.student), lr=1e-3)
    model, optimizer, loader = accelerator.prepare(
        learner, optimizer, DataLoader(rows, batch_size=64, shuffle=True, drop_last=True)
    )
    for batch in loader:
        with accelerator.accumulate(model):
            accelerator.backward(model(*batch))
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    learner = accelerator.unwrap_model(model)
    if accelerator.is_main_process:
        torch.save(learner.student.state_dict(), "student.pt")
    rho = learner.objective.regularizer.column_weights()["squares"].cpu()
    accelerator.print(
        f"rho: {rho.min():.3f} to {rho.max():.3f} over {len(rho)} teacher columns, "
        f"in {accelerator.num_processes} processes"
    )


if __name__ == "__main__":
    main()
