"""Students from a factory: which modules work, and what is said about the others."""

import pytest
import torch
from torch import nn

from tutelage.errors import StudentError


class Net(nn.Module):
    """A student of one hidden layer."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head, self.body = nn.Linear(8, num_classes), nn.Linear(192, 8)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(pixels.flatten(1)).relu())


class Softmax(Net):
    """A student that gives probabilities."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().forward(pixels).softmax(-1)


class Sigmoid(Net):
    """A student that gives a probability for each label."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().forward(pixels).sigmoid()


def test_the_features_enter_the_head(opened):
    student = opened(Net)
    assert (student.tap.path, student.width) == ("head", 8)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (Softmax, "gives probabilities.*return the logits.*'head'"),
        (Sigmoid, "gives probabilities.*return the logits.*'head'"),
        (lambda num_classes: nn.DataParallel(Net(num_classes)), "return the model itself"),
        (lambda num_classes: torch.compile(Net(num_classes)), "return the model itself"),
        (lambda num_classes: Net(num_classes).half(), "float16: return them in float32"),
        (lambda num_classes: Net(2), r"shape \(1, 2\) for one row and 3 classes"),
    ],
)
def test_what_would_go_wrong_is_refused(opened, factory, message):
    with pytest.raises(StudentError, match=message):
        opened(factory)
