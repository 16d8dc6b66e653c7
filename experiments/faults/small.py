"""Small data and models: pictures of stripes in two directions, a teacher, a student."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

__all__ = ["student", "teacher", "write_pictures", "write_texts"]

CLASSES = ("across", "down", "dots")


def write_pictures(folder: Path, *, train: int = 16, test: int = 8) -> None:
    """Write noisy pictures of three classes, 8 pixels wide, as a folder of ``folder:``."""
    draw = np.random.default_rng(0)
    y, x = np.mgrid[:8, :8]
    shapes = {"across": y % 4 < 2, "down": x % 4 < 2, "dots": (x + y) % 2 == 0}
    for split, count in (("train", train), ("test", test)):
        for name in CLASSES:
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(count):
                pixels = 90 * shapes[name][..., None] + draw.integers(0, 160, (8, 8, 3))
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{number:02}.png")


def write_texts(folder: Path, *, train: int = 48, test: int = 24) -> None:
    """Write a table of sentences of two classes, with ids."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    words = {"warm": ["sun", "sand", "heat", "noon"], "cold": ["snow", "ice", "frost", "night"]}
    for split, count in (("train", train), ("test", test)):
        lines = ["id,text,label"]
        for number in range(count):
            label = ("warm", "cold")[number % 2]
            text = " ".join(draw.choice(words[label] + ["and", "the"], 5))
            lines.append(f"{split}-{number},{text},{label}")
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


class Small(nn.Module):
    """Two convolutions, dropout and a linear head."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, width, 3), nn.ReLU()
        )
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(width, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits."""
        return self.head(self.dropout(self.body(image).mean((2, 3))))


def teacher(width: int = 12) -> nn.Module:
    """A frozen network with random weights; its features are means over the picture."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(
            nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        ).eval()


def student(num_classes: int, width: int = 8) -> Small:
    """A network with random weights."""
    return Small(width, num_classes)
