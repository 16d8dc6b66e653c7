"""A student is run on rows of the data, and saved once, before anything expensive."""

import random

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from tutelage import run
from tutelage.config import load_config
from tutelage.errors import OutputError, StudentError
from tutelage.students import try_rows, try_saving

ROWS = [Image.new("RGB", (9, 9), color) for color in ("red", "white")]


class Net(nn.Module):
    """A student with batch statistics and dropout."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.BatchNorm1d(8), nn.Dropout())
        self.head = nn.Linear(8, num_classes)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(pixels))


class Auxiliary(Net):
    """A student that returns something else in training."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        outputs = super().forward(pixels)
        return (outputs, outputs) if self.training else outputs


class Detached(Net):
    """A student that cannot learn."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().forward(pixels).detach()


class Overflowing(Net):
    """A student whose outputs are no numbers where a pixel is bright."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(pixels) * (pixels.amax((1, 2, 3)).exp() ** 90)[:, None])


class Extra(Net):
    """A student that keeps a number in its state dict."""

    def get_extra_state(self) -> object:
        return {"epoch": 1}

    def set_extra_state(self, state: object) -> None: ...


class Sparse(Net):
    """A student with a sparse table."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.register_buffer("table", torch.eye(3).to_sparse())


class Complex(Net):
    """A student with a buffer of complex numbers in double precision."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.register_buffer("waves", torch.ones(3, dtype=torch.complex128))


class Tied(Net):
    """A student whose state dict holds one tensor twice, one transposed, and a tensor as extra state."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.twin = nn.Linear(192, 8)
        self.twin.weight = self.body[1].weight
        self.register_buffer("turned", torch.arange(6.0).view(2, 3).T)

    def get_extra_state(self) -> torch.Tensor:
        return torch.tensor([7])

    def set_extra_state(self, state: torch.Tensor) -> None:
        assert state.tolist() == [7]


def test_a_trial_leaves_the_student_as_it_was(opened, tmp_path):
    student = opened(Net)
    before = {name: value.clone() for name, value in student.model.state_dict().items()}
    try_rows(student, ROWS, outputs=3, source="python:factories:make")
    try_saving(student, tmp_path, source="python:factories:make")
    after = student.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert student.model.training
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (Auxiliary, r"gives a tuple; its forward must return the logits"),
        (Detached, r"have no gradient, so that it would not learn"),
        (Overflowing, r"not finite for the first rows"),
    ],
)
def test_what_the_first_step_would_meet(opened, factory, message):
    with pytest.raises(StudentError, match=message):
        try_rows(opened(factory), ROWS, outputs=3, source="python:factories:make")


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (Extra, r"'_extra_state' \(a dict\)"),
        (Sparse, r"'table' \(a tensor that is sparse"),
        (Complex, r"'waves' \(a tensor of torch.complex128\)"),
    ],
)
def test_what_cannot_be_saved_is_refused(opened, factory, message, tmp_path):
    with pytest.raises(StudentError, match=rf"cannot be saved: .*{message}"):
        try_saving(opened(factory), tmp_path, source="python:factories:make")
    assert list(tmp_path.iterdir()) == []


def test_what_shares_memory_is_saved(opened, tmp_path):
    student = opened(Tied)
    try_saving(student, tmp_path, source="python:factories:make")
    student.save(tmp_path)
    again = Tied(3)
    again.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(again.twin.weight, student.model.body[1].weight)


def test_a_library_that_cannot_save(opened, tmp_path):
    student = opened(Net)
    student.save = lambda folder: [folder.mkdir(), (folder / "half").touch(), 1 / 0]
    with pytest.raises(StudentError, match="would be lost after training: ZeroDivisionError"):
        try_saving(student, tmp_path, source="python:factories:make")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write to output.dir"):
        try_saving(opened(Net), tmp_path / "file", source="python:factories:make")


def test_a_run_is_refused_before_its_teachers(digits, tmp_path, monkeypatch):
    (tmp_path / "unsaved.py").write_text(
        "from torch import nn\n"
        "class make(nn.Sequential):\n"
        "    def __init__(self, num_classes):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(192, 4), nn.Linear(4, num_classes))\n"
        "    def get_extra_state(self):\n"
        "        return 3\n"
    )
    (tmp_path / "untouched.py").write_text("def teacher():\n    raise AssertionError('it ran')\n")
    monkeypatch.chdir(tmp_path)
    settings = {
        "data": {"source": f"folder:{digits}"},
        "teachers": [{"source": "python:untouched:teacher", "input": {"image_size": 8}}],
        "student": {"source": "python:unsaved:make", "input": {"image_size": 8}},
        "train": {"steps": 2, "workers": 0, "device": "cpu"},
        "cache": {"dir": str(tmp_path / "cache")},
        "output": {"dir": str(tmp_path / "run")},
    }
    before = random.getstate()
    with pytest.raises(StudentError, match=r"'_extra_state' \(a int\)"):
        run(load_config([settings]))
    random.setstate(before)
    assert not (tmp_path / "run/student.trial").exists()
