"""The head of a model is the layer that gives its outputs, wherever it is registered."""

import pytest
import torch
from torch import nn

from tutelage.errors import StudentError
from tutelage.inputs import ImageInput
from tutelage.students import open_student
from tutelage.students.head import find_head

READS = ImageInput.from_options(8)


class Body(nn.Module):
    """Eight columns from 8 x 8 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(192, 8)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.enter(pixels.flatten(1)).tanh()


class HeadFirst(nn.Module):
    """A classifier registered before a body that ends in a bottleneck."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier, self.body = nn.Linear(8, 3), Body()
        self.squeeze, self.excite = nn.Linear(8, 3), nn.Linear(3, 8)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        states = self.body(pixels)
        return self.classifier(states * self.excite(self.squeeze(states).relu()).sigmoid())


class Scaled(HeadFirst):
    """Outputs that no layer gives exactly."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().forward(pixels) / 0.07


class Unused(HeadFirst):
    """An auxiliary classifier that runs last, and that the outputs do not depend on."""

    def __init__(self) -> None:
        super().__init__()
        self.auxiliary = nn.Linear(8, 3)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        outputs = super().forward(pixels).log_softmax(-1)
        self.auxiliary(self.body(pixels))
        return outputs


class Cosine(nn.Module):
    """A classifier of cosines, without a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 8))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        normal = nn.functional.normalize
        return 30 * normal(states) @ normal(self.weight).T


class Own(nn.Module):
    """A classifier that is a class of one's own."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier, self.body = Cosine(), Body()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.body(pixels))


class Convolution(nn.Module):
    """A classifier of every position, averaged over them afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier, self.body = nn.Conv2d(8, 3, 1), nn.Conv2d(3, 8, 3)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.body(pixels)).mean((2, 3))


class Both(nn.Module):
    """Two classifiers, averaged as in distilled transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.head_dist, self.body = nn.Linear(8, 3), nn.Linear(8, 3), Body()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        states = self.body(pixels)
        return (self.head(states) + self.head_dist(states.cos())) / 2


class Bare(nn.Module):
    """A classifier that is no layer, behind a bottleneck as wide as the outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.body = nn.Parameter(torch.randn(8, 3)), HeadFirst()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        states = self.body.body(pixels)
        return (states * self.body.excite(self.body.squeeze(states))) @ self.weight


def head_of(model: nn.Module) -> str:
    return find_head(model, lambda batch: model(READS.finish(batch)["image"]), READS).path


@pytest.mark.parametrize("make", [HeadFirst, Scaled, Unused, Own, Convolution])
def test_the_layer_that_gives_the_outputs(make):
    torch.manual_seed(0)
    model = make().train()
    assert head_of(model) == "classifier"
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Both, r"several classifiers \(head, head_dist\).*student.tap = 'head'"),
        (Bare, r"do not come from one of its layers.*set student.tap.*body.squeeze, body.excite"),
    ],
)
def test_no_guess(make, message):
    torch.manual_seed(0)
    with pytest.raises(StudentError, match=message):
        head_of(make())


@pytest.mark.parametrize("name", ["deit_tiny_distilled_patch16_224", "levit_128s"])
def test_distilled_models_of_timm_name_the_setting(name):
    params = {"weights": "random", "image_size": 32} if "deit" in name else {"weights": "random"}
    wanted = {"output_names": ("a", "b"), "modality": "image", "params": params}
    with pytest.raises(StudentError, match=r"several classifiers .*student.tap = 'head") as said:
        open_student(f"timm:{name}", **wanted)
    path = str(said.value).rpartition("student.tap = '")[2].rstrip("'")
    assert open_student(f"timm:{name}", tap=path, **wanted).tap.path == path
