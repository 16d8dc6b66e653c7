"""A student of standardized targets becomes the same model in the targets' units."""

from pathlib import Path

import pytest
import torch
from torch import nn

from tutelage.errors import StudentError
from tutelage.inputs import ImageInput
from tutelage.students import fold_target_scaling, output_layer
from tutelage.students.base import save_weights
from tutelage.tap import FeatureTap
from tutelage.tasks import TargetScaling


class Small:
    """A student of 48 pixels."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.width, self.widths = 2, {"image": 2}
        self.parameters = sum(weights.numel() for weights in model.parameters())
        self.input = ImageInput.from_options(4)
        self.tap = FeatureTap(model)

    def outputs(self, inputs):
        return self.model(self.input.finish(inputs)["image"])

    def save(self, folder: Path) -> None:
        save_weights(self.model, folder)


def network(*head: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 2), nn.Tanh(), *head)


def test_outputs_come_in_units():
    student = Small(network(nn.Linear(2, 2), nn.Dropout(0.5)))
    scale = TargetScaling(mean=(1000.0, -0.1), std=(50.0, 0.01))
    images = {"image": torch.randint(256, (6, 3, 4, 4), dtype=torch.uint8)}
    student.model.eval()
    before = student.outputs(images)
    student.model.train()
    assert output_layer(student) is student.model[3]
    fold_target_scaling(student, scale)
    assert student.model.training
    student.model.eval()
    assert torch.allclose(student.outputs(images), scale.to_units(before), rtol=1e-5)


@pytest.mark.parametrize("head", [[nn.Linear(2, 2), nn.Softplus()], [nn.Linear(2, 2, bias=False)]])
def test_a_head_that_cannot_is_refused(head):
    with pytest.raises(StudentError, match=r"straight from a linear layer with a bias"):
        output_layer(Small(network(*head)))


def test_a_head_that_serves_twice_is_refused():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.enter, self.layer = nn.Linear(48, 2), nn.Linear(2, 2)

        def forward(self, x):
            return self.layer(self.layer(self.enter(x.flatten(1))))

    with pytest.raises(StudentError, match="is used elsewhere"):
        fold_target_scaling(Small(Twice()), TargetScaling((5.0, 5.0), (3.0, 3.0)))
