"""A student in channels_last computes what the plain one computes, or is refused before training."""

import pytest
import torch
from torch import nn

from tutelage.errors import StudentError
from tutelage.students import in_memory_format
from tutelage.students.memory_format import ChannelsLastStudent
from tutelage.students.python import PythonStudent
from tutelage.students.timm import TimmStudent

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
NAMES = ("cat", "dog")


@pytest.fixture
def resnet() -> TimmStudent:
    torch.manual_seed(0)
    options = {"weights": "random", "image_size": 32}
    return TimmStudent("test_resnet", output_names=NAMES, modality="image", **options)


class Viewing(nn.Module):
    """A model that takes the strides of its images for granted."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.head = nn.Linear(4 * 4 * 4, num_classes)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.first(image)).view(-1, 4 * 4 * 4))


@pytest.fixture
def viewing(monkeypatch) -> PythonStudent:
    monkeypatch.setitem(__import__("sys").modules, "viewing", type("M", (), {"Viewing": Viewing}))
    return PythonStudent(
        "viewing:Viewing", output_names=NAMES, modality="image", model_input={"image_size": 8}
    )


def test_outputs_features_and_gradients_are_those_of_the_plain_student(resnet):
    last = in_memory_format(resnet, "channels_last", device=CPU, precision="no")
    assert isinstance(last, ChannelsLastStudent)
    assert (last.input, last.width, last.widths) == (resnet.input, resnet.width, resnet.widths)
    formats = []
    convolutions = [one for one in resnet.model.modules() if isinstance(one, nn.Conv2d)]
    for one in convolutions:
        one.register_forward_hook(
            lambda _, given, made: formats.append(
                (made.is_contiguous(), made.is_contiguous(memory_format=torch.channels_last))
                if made.shape[-1] > 1  # else it is both
                else None
            )
        )
    batch = {"image": torch.randint(256, (6, 3, 32, 32), dtype=torch.uint8)}
    computed = []
    for student in (resnet, last):
        student.model.train().zero_grad()
        outputs = student.outputs(batch)
        outputs.square().sum().backward()
        gradients = [p.grad.clone() for p in student.model.parameters()]
        computed.append([outputs.detach(), student.tap.take().detach(), *gradients])
    count = len(convolutions)
    assert set(formats[:count]) == {(True, False), None}
    assert set(formats[count:]) == {(False, True), None}
    for plain, other in zip(*computed, strict=True):
        torch.testing.assert_close(other, plain, rtol=1e-3, atol=1e-4)
    assert all(p.is_contiguous() for p in resnet.model.parameters()), "weights stay as they were"


@pytest.mark.parametrize(
    ("device", "precision", "expected"),
    [(CUDA, "bf16", True), (CUDA, "no", False), (CPU, "bf16", False)],
)
def test_automatically_in_half_precision_on_cuda(resnet, device, precision, expected):
    student = in_memory_format(resnet, "auto", device=device, precision=precision)
    assert isinstance(student, ChannelsLastStudent) is expected
    assert in_memory_format(resnet, "contiguous", device=device, precision=precision) is resnet


def test_a_model_that_needs_contiguous_images_keeps_them(viewing):
    assert in_memory_format(viewing, "auto", device=CUDA, precision="bf16") is viewing
    with pytest.raises(
        StudentError, match=r"cannot be called with images in channels_last \(.*view"
    ):
        in_memory_format(viewing, "channels_last", device=CPU, precision="no")


def test_the_plain_student_is_saved(resnet, tmp_path):
    last = in_memory_format(resnet, "channels_last", device=CPU, precision="no")
    last.save(tmp_path / "last")
    resnet.save(tmp_path / "plain")
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "last" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
