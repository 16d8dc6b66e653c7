"""Teachers, a student and a method of a few layers, and plain calls of the teachers."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from tutelage import Regularizer
from tutelage.data import Split


def _seeded(*layers: int, seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(*layers), nn.Tanh())


def wide() -> nn.Module:
    return _seeded(3 * 32 * 32, 9, seed=1)


def narrow() -> nn.Module:
    return _seeded(3 * 32 * 32, 4, seed=2)


def dead() -> nn.Module:
    return nn.Sequential(wide(), _Scaled(0.0))


def loud() -> nn.Module:
    return nn.Sequential(wide(), _Scaled(100.0))


def noise() -> nn.Module:
    return nn.Sequential(_seeded(3 * 32 * 32, 9, seed=3), _Hashed())


class LookedUp:
    """A teacher that knows features of rows by their ids."""

    width = 2
    modality = "image"
    parameters = None

    def identity(self) -> dict[str, str]:
        return {"scheme": "looked up"}

    def read(self, split: Split, rows: range) -> torch.Tensor:
        return torch.ones(len(rows), 2)


class _Hashed(nn.Module):
    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.sin(1e6 * features)


class _Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.factor * features


def student(num_classes: int, hidden: int = 8) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 32 * 32, hidden), nn.ReLU(), nn.Linear(hidden, num_classes)
    )


def normalized_student(num_classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.BatchNorm1d(3 * 32 * 32),
        nn.Linear(3 * 32 * 32, 8),
        nn.Dropout(),
        nn.Linear(8, num_classes),
    )


class Sharpened(nn.Module):
    """A student whose outputs are not those of its last layer."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layers = student(num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 2 * self.layers(images)


def sharpened(num_classes: int) -> nn.Module:
    return Sharpened(num_classes)


class Energy(Regularizer):
    """A custom method with a setting."""

    def __init__(self, student_width, teacher_widths, *, scale: float = 1.0):
        super().__init__(student_width, teacher_widths)
        if scale <= 0:
            raise ValueError("scale must be positive")
        self.scale = scale

    def compare(self, student, teacher):
        return self.scale * (student.square().mean() - teacher.square().mean()).abs()


def pixels(digits: Path, split: str, ids: Sequence[str]) -> torch.Tensor:
    """The images of rows, read plainly: their ids are paths in the split's folder."""
    files = [next(f for f in digits.rglob("*.jpg") if str(f).endswith(name)) for name in ids]
    assert all(split in file.parts for file in files)
    arrays = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255


@torch.no_grad()
def features(teacher: nn.Module, images: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = teacher.eval()(images)
    return found


class Slow(nn.Module):
    """A student that takes 20 ms a pass."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.layers = student(num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        time.sleep(0.02)
        return self.layers(images)


def slow_student(num_classes: int) -> nn.Module:
    return Slow(num_classes)
