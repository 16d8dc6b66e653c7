"""Finished runs of small students, trained once for all tests of what is done with them."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "teachers"))
sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from chromium import browser  # noqa: F401 - a fixture

from tutelage import run
from tutelage.config import load_config
from tutelage.deploy.export import export


@pytest.fixture(scope="session")
def digit_run(digits, tmp_path_factory) -> Path:
    """A small network of timm, taught by another, that tells digits apart."""
    folder = tmp_path_factory.mktemp("digit-run")
    student = {"source": "timm:test_resnet", "params": {"weights": "random", "image_size": 32}}
    teacher = {"source": "timm:test_vit", "params": {"weights": "random", "image_size": 32}}
    settings = {
        "data": {"source": f"folder:{digits}"},
        "teachers": [teacher],
        "student": student,
        "train": {"steps": 25, "batch_size": 20, "lr": 3e-3, "workers": 0, "device": "cpu"},
        "cache": {"dir": str(folder / "cache"), "workers": 0},
        "output": {"dir": str(folder / "run")},
    }
    run(load_config([settings]))
    return folder / "run"


@pytest.fixture(scope="session")
def picture_export(digit_run, tmp_path_factory) -> Path:
    """The digits' student as ONNX that resizes and normalizes by itself."""
    return export(
        digit_run, out=tmp_path_factory.mktemp("export") / "picture", form="picture", rows=3
    ).folder


TRAIN = {"steps": 12, "batch_size": 16, "lr": 3e-3, "workers": 0, "device": "cpu"}


@pytest.fixture(scope="session")
def review_run(reviews, small_bert, tmp_path_factory) -> Path:
    """A small BERT that reads snippets within a template."""
    folder = tmp_path_factory.mktemp("review-run")
    settings = {
        "data": {"source": f"table:{reviews}", "template": "Snippet: {text}\nIt is"},
        "student": {"source": f"hf:{small_bert}", "params": {"max_length": 40}},
        "transfer": {"method": "stl"},
        "train": TRAIN,
        "output": {"dir": str(folder / "run")},
    }
    run(load_config([settings]))
    return folder / "run"


@pytest.fixture(scope="session")
def text_export(review_run, tmp_path_factory) -> Path:
    """The snippets' student as ONNX, with its tokenizer."""
    out = tmp_path_factory.mktemp("export") / "texts"
    return export(review_run, out=out, rows=3).folder


class Small(nn.Module):
    """A student of pictures and their captions, or of captions alone."""

    def __init__(self, num_classes: int, pictures: bool = False) -> None:
        super().__init__()
        self.pixels = nn.Linear(3 * 8 * 8, 6) if pictures else None
        self.words = nn.EmbeddingBag(31_000, 6)
        self.head = nn.Linear(6, num_classes)

    def forward(self, *images: torch.Tensor, input_ids: torch.Tensor) -> torch.Tensor:
        features = self.words(input_ids)
        if self.pixels is not None:
            features = features + self.pixels(images[0].flatten(1))
        return self.head(features.tanh())


sys.modules.setdefault("deploy_students", sys.modules[__name__])


@pytest.fixture(scope="session")
def captions(tmp_path_factory) -> Path:
    """Tables of pictures with two texts, a class, two labels and a number."""
    folder = tmp_path_factory.mktemp("captions")
    draw = np.random.default_rng(0)
    for split, count in (("train", 40), ("test", 13)):
        lines = []
        for number in range(count):
            name = f"{split}-{number}.png"
            Image.fromarray(draw.integers(0, 256, (9, 11, 3), np.uint8)).save(folder / name)
            warm, loud = draw.random(2) < 0.5
            row = {"file": name, "title": f"row {number}", "body": "warm" if warm else "cold"}
            row |= {"kind": ["no", "yes"][int(warm)], "warm": int(warm), "loud": int(loud)}
            lines.append(
                json.dumps(row | {"height": 100 + 30 * float(warm), "id": f"{split}{number}"})
            )
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def caption_run(
    captions: Path, small_bert: Path, folder: Path, data: dict, *, pictures: bool
) -> Path:
    reads = {"tokenizer": str(small_bert), "max_length": 16} | (
        {"image_size": 8} if pictures else {}
    )
    source = {"source": "python:deploy_students:Small", "params": {"pictures": pictures}}
    settings = {
        "data": {"source": f"table:{captions}", "text": ["title", "body"], **data},
        "student": source | {"input": reads},
        "transfer": {"method": "stl"},
        "train": TRAIN,
        "output": {"dir": str(folder)},
    }
    run(load_config([settings]))
    return folder


@pytest.fixture(scope="session")
def pair_run(captions, small_bert, tmp_path_factory) -> Path:
    """A student of a picture and two texts each."""
    data = {"image": "file", "label": "kind"}
    folder = tmp_path_factory.mktemp("pair-run") / "run"
    return caption_run(captions, small_bert, folder, data, pictures=True)


@pytest.fixture(scope="session")
def labels_run(captions, small_bert, tmp_path_factory) -> Path:
    """A student of two texts that gives several labels."""
    data = {"task": "multi-label", "label": ["warm", "loud"]}
    folder = tmp_path_factory.mktemp("labels-run") / "run"
    return caption_run(captions, small_bert, folder, data, pictures=False)


@pytest.fixture(scope="session")
def numbers_run(captions, small_bert, tmp_path_factory) -> Path:
    """A student of two texts that gives a number."""
    data = {"task": "regression", "label": "height"}
    folder = tmp_path_factory.mktemp("numbers-run") / "run"
    return caption_run(captions, small_bert, folder, data, pictures=False)
