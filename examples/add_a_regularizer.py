"""A custom regularizer, used by its path without touching the package.

`SimilarityPreserving` compares which examples of a batch are similar (Tung and Mori 2019,
arXiv 1907.09682). Run from this folder, the program finds it by its path:

    python add_a_regularizer.py
    tutelage train flowers.toml --method add_a_regularizer:SimilarityPreserving
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tutelage


class SimilarityPreserving(tutelage.Regularizer):
    """The mean squared difference of similarities between examples, each row of unit length."""

    def __init__(
        self, student_width: int, teacher_widths: dict[str, int], *, center: bool = True
    ) -> None:
        super().__init__(student_width, teacher_widths)
        self.center = center

    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        """Return the loss of a batch; features of several teachers come side by side."""
        if self.center:
            student, teacher = student - student.mean(dim=0), teacher - teacher.mean(dim=0)
        difference = F.normalize(student @ student.T) - F.normalize(teacher @ teacher.T)
        return difference.square().mean()


if __name__ == "__main__":
    torch.manual_seed(0)
    features, labels = torch.randn(64, 16), torch.randint(2, (64,))
    model = nn.Sequential(nn.Linear(16, 8), nn.Linear(8, 2))
    tap = tutelage.FeatureTap(model)
    transfer = SimilarityPreserving(8, {"dino": 16})
    objective = tutelage.Objective(nn.CrossEntropyLoss(), transfer, beta=100.0)
    optimizer = torch.optim.Adam([*model.parameters(), *objective.parameters()], lr=1e-2)
    history = []
    for _ in range(100):
        terms = objective(model(features), labels, tap.take(), {"dino": features})
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
        history.append(terms.transfer.item())
    print(f"transfer: {history[0]:.4f} to {history[-1]:.4f}")
