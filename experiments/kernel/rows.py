"""Rows and cached teachers' features of the two tasks, all from training files; see README.md.

    python rows.py clothing10/train        # writes clothes.npz and news.npz into the current folder

A split is drawn by its number: held-out rows, labelled rows, and rows without a label.
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tutelage.data import Split
from tutelage.demo.data import minilm, newsgroups

NEWS = 11_200
PIXELS = 64


def clothes(split: int, labelled: int = 300, held: int = 1000) -> dict[str, list[dict[str, Any]]]:
    """Photographs of ten kinds of clothes, brought to 64 x 64 pixels."""
    table = _table("clothes")
    rows = [
        {"id": id, "image": Image.fromarray(picture), "label": label}
        for id, picture, label in zip(table["ids"], table["pictures"], table["labels"], strict=True)
    ]
    return _parted(rows, split, labelled, held)


def news(split: int, labelled: int = 2000, held: int = 2000) -> dict[str, list[dict[str, Any]]]:
    """Messages of 20 Newsgroups, their first 600 characters, of the package's training file."""
    return _parted(_messages(), split, labelled, held)


class Cached:
    """A teacher whose features of a task's rows ``rows.py`` wrote."""

    def __init__(self, task: str) -> None:
        table = _table(task)
        self.task, self.features = task, table["features"]
        self.width = self.features.shape[1]
        self.places = {id: place for place, id in enumerate(table["ids"])}

    def identity(self) -> dict[str, str]:
        """Return what its numbers are a function of."""
        return {"scheme": "kernel experiment", "task": self.task}

    def read(self, split: Split, rows: range) -> Tensor:
        """Return the features of some rows."""
        places = [self.places[split.ids[row]] for row in rows]
        return torch.from_numpy(self.features[places]).float()


@cache
def _table(task: str) -> dict[str, Any]:
    with np.load(f"{task}.npz") as file:
        return {name: file[name].tolist() if name == "ids" else file[name] for name in file}


@cache
def _messages() -> list[dict[str, Any]]:
    return newsgroups(NEWS, test=10, characters=600)["train"]


def _parted(
    rows: list[dict[str, Any]], split: int, labelled: int, held: int
) -> dict[str, list[dict[str, Any]]]:
    order = np.random.default_rng(split).permutation(len(rows)).tolist()
    train = [rows[number] for number in order[held:]]
    without = [{**row, "label": None} for row in train[labelled:]]
    return {"train": train[:labelled] + without, "test": [rows[number] for number in order[:held]]}


@torch.inference_mode()
def _write_clothes(folder: Path) -> None:
    """EfficientNet-Lite0 at 160 pixels, pooled; ``pictures.py`` lies in ../methods."""
    from pictures import lite

    paths = sorted(path for path in folder.rglob("*") if path.suffix == ".jpg")
    photos = [Image.open(path).convert("RGB") for path in paths]
    teacher, features = lite().eval(), []
    for photo in photos:
        scale = 160 / min(photo.size)
        size = [round(side * scale) for side in photo.size]
        left, top = ((side - 160) // 2 for side in size)
        photo = photo.resize(size, Image.BICUBIC).crop((left, top, left + 160, top + 160))
        pixels = torch.from_numpy(np.asarray(photo)).permute(2, 0, 1)[None] / 255
        features.append(teacher((pixels - 0.498) / 0.502)[0])
    np.savez(
        "clothes.npz",
        ids=[path.relative_to(folder).as_posix() for path in paths],
        labels=[path.parent.name for path in paths],
        pictures=[np.asarray(photo.resize((PIXELS, PIXELS), Image.BICUBIC)) for photo in photos],
        features=torch.stack(features).half().numpy(),
    )


@torch.inference_mode()
def _write_news() -> None:
    """all-MiniLM-L6-v2, the mean over at most 48 tokens."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(minilm()))
    teacher = AutoModel.from_pretrained(str(minilm())).eval()
    rows, features = _messages(), []
    for first in range(0, len(rows), 64):
        texts = [row["text"] for row in rows[first : first + 64]]
        tokens = tokenizer(texts, truncation=True, max_length=48, padding=True, return_tensors="pt")
        mask = tokens["attention_mask"][..., None].float()
        states = teacher(**tokens).last_hidden_state
        features.append((states * mask).sum(1) / mask.sum(1))
    np.savez(
        "news.npz",
        ids=[row["id"] for row in rows],
        labels=[row["label"] for row in rows],
        features=torch.cat(features).numpy(),
    )


if __name__ == "__main__":
    _write_clothes(Path(sys.argv[1]))
    _write_news()
