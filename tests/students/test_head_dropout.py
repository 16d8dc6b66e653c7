"""Students of timm whose forward drops by a function: their features are those in front of it."""

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from tutelage.inputs import empty_batch
from tutelage.students import open_student


@pytest.mark.parametrize(
    ("name", "by_function"),
    [
        ("test_resnet", True),
        ("test_efficientnet", True),
        ("test_vit", False),
        ("hgnetv2_b0", False),
    ],
)
def test_features_are_those_in_front_of_the_dropout(name, by_function):
    params = {"weights": "random", "drop_rate": 0.5}
    student = open_student(f"timm:{name}", output_names=("a", "b"), modality="image", params=params)
    batch = empty_batch(student.input)
    batch["image"].random_(256, generator=torch.Generator().manual_seed(0))
    model = student.model
    assert (getattr(model, "drop_rate", None) == 0.0) is by_function
    with torch.no_grad():
        model.eval()
        outputs = student.outputs(batch)
        expected = student.tap.take()
        for module in model.modules():
            module.training = not isinstance(module, _BatchNorm)
        draws = [student.outputs(batch) for _ in range(2)]
        torch.testing.assert_close(student.tap.take(), expected)
    assert not torch.allclose(*draws), "the classifier's input is dropped in training"
    head = model.get_submodule(student.tap.path)
    torch.testing.assert_close(outputs, head.eval()(expected))
