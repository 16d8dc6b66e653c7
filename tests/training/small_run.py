"""A run of a small student on made-up images, and the same training as a plain PyTorch loop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from tutelage import Regularizer
from tutelage.cache.table import as_table
from tutelage.config import ExperimentConfig
from tutelage.data import Split
from tutelage.students.python import PythonStudent
from tutelage.training.batches import BatchSource
from tutelage.training.prepared import PreparedRows

ROWS, HIDDEN, CLASSES, TEACHER = 20, 5, 3, 4
LR, TRANSFER_LR, BETA = 0.1, 0.03, 2.0


@dataclass(frozen=True)
class Pixels:
    """Images in memory, as a split holds them."""

    images: torch.Tensor
    modality = "image"

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return self.images[index]

    def content(self, index: int) -> bytes:
        return self.images[index].numpy().tobytes()

    def select(self, indices: Sequence[int]) -> "Pixels":
        return Pixels(self.images[list(indices)])


class Distance(Regularizer):
    """Mean squared distance between the teachers' features and a linear map of the student's."""

    def __init__(self, student_width, teacher_widths):
        super().__init__(student_width, teacher_widths)
        columns = sum(self.teachers.by_name.values())
        self.map = nn.Parameter(torch.full((student_width, columns), 0.1))

    def compare(self, student, teacher):
        return (student @ self.map - teacher).square().mean()


def two_layers(num_classes: int) -> nn.Module:
    """A model of images of 4 x 4 pixels, with a batch normalization between its two layers."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(48, HIDDEN),
        nn.BatchNorm1d(HIDDEN),
        nn.Tanh(),
        nn.Linear(HIDDEN, num_classes),
    )


def small_student() -> PythonStudent:
    return PythonStudent(
        "small_run:two_layers",
        output_names=tuple("abc"),
        modality="image",
        model_input={"image_size": 4, "mean": [0, 0, 0], "std": [1, 1, 1]},
    )


def pixels_and_labels(rows: int = ROWS) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (rows, 3, 4, 4), generator=draw, dtype=torch.uint8)
    return images, torch.arange(rows) % CLASSES


def teacher_features(rows: int = ROWS) -> torch.Tensor:
    return torch.randn(rows, TEACHER, generator=torch.Generator().manual_seed(2))


def batches(
    labels: torch.Tensor | None = None, *, teachers: bool = False, name: str = "train"
) -> BatchSource:
    images, known = pixels_and_labels()
    labels = known if labels is None else labels
    split = Split(name, Pixels(images), [str(row) for row in range(ROWS)], labels)
    stored = PreparedRows(small_student().input, images, decode="stored")
    return BatchSource(split, stored, teachers=as_table(teacher_features()) if teachers else None)


def config(**train: object) -> ExperimentConfig:
    settings = {"steps": 7, "batch_size": 6, "lr": LR, "optimizer": "sgd", "workers": 0}
    return ExperimentConfig.model_validate(
        {
            "seed": 3,
            "data": {"source": "folder:x"},
            "transfer": {"method": "stl", "lr": TRANSFER_LR},
            "train": settings | {"device": "cpu", "checkpoint_every": 0} | train,
        }
    )


@dataclass
class PlainRun:
    """What the plain loop leaves: the model, the regularizer's map, and the terms of each pass."""

    model: nn.Module
    map: torch.Tensor
    passes: list[tuple[float, float, float]]


def plain_run(
    steps: int,
    batch_size: int,
    *,
    beta: float = 0.0,
    accumulate: int = 1,
    clip_norm: float | None = None,
    constant: bool = False,
) -> PlainRun:
    """Stochastic gradient descent with momentum 0.9, written out; the library is not used."""
    model = two_layers(CLASSES).train()
    mapping = torch.full((HIDDEN, TEACHER), 0.1, requires_grad=True)
    images, labels = pixels_and_labels()
    teacher, inputs = teacher_features(), images.float() / 255
    trained = [(p, LR) for p in model.parameters()] + ([(mapping, TRANSFER_LR)] if beta else [])
    speed = [torch.zeros_like(parameter) for parameter, _ in trained]
    epoch_batches = ROWS // batch_size
    passes = []
    for step in range(steps):
        gradients = [torch.zeros_like(parameter) for parameter, _ in trained]
        for part in range(accumulate):
            epoch, position = divmod(step * accumulate + part, epoch_batches)
            order = np.random.default_rng((3, epoch)).permutation(ROWS)
            rows = order[position * batch_size : (position + 1) * batch_size].tolist()
            features = model[:4](inputs[rows])
            outputs = model[4](features)
            task = -F.log_softmax(outputs, dim=1)[range(len(rows)), labels[rows]].mean()
            transfer = ((features @ mapping - teacher[rows]) ** 2).mean() if beta else task * 0
            total = task + beta * transfer
            new = torch.autograd.grad(total / accumulate, [p for p, _ in trained])
            gradients = [a + b for a, b in zip(gradients, new, strict=True)]
            right = (outputs.argmax(dim=1) == labels[rows]).float().mean()
            passes.append((task.item(), transfer.item(), right.item()))
        students = gradients[: len(list(model.parameters()))]
        norm = math.sqrt(sum(float((g**2).sum()) for g in students))
        if clip_norm is not None and norm > clip_norm:
            for gradient in students:
                gradient *= clip_norm / norm
        share = 1.0 if constant else 0.5 * (1 + math.cos(math.pi * step / steps))
        with torch.no_grad():
            for index, (parameter, lr) in enumerate(trained):
                speed[index] = 0.9 * speed[index] + gradients[index]
                parameter -= lr * share * speed[index]
    return PlainRun(model, mapping.detach(), passes)
