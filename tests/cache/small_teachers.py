"""Small real teachers and rows; run as a program, this file extracts (and may be killed)."""

import argparse
import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from PIL import Image
from torch import nn

from tutelage.cache import FeatureStore
from tutelage.data.base import UNLABELLED, Split
from tutelage.extraction import ExtractionSettings, extract_split
from tutelage.progress import Silent

WORDS = tuple("abcdefghijklmno")


class Watch(Silent):
    """Calls a function with the rows done, and keeps the notes."""

    def __init__(self, call: Callable[[int], None] = lambda rows: None) -> None:
        self.call = call
        self.labels: list[str] = []
        self.notes: list[str] = []

    @contextmanager
    def track(
        self, label: str, total: int, *, unit: str, done: int = 0
    ) -> Iterator[Callable[[int], None]]:
        self.labels.append(label)
        yield self.call

    def note(self, message: str) -> None:
        self.notes.append(message)


class TextRows:
    modality = "text"

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> tuple[str, ...]:
        return (self.texts[index],)

    def content(self, index: int) -> bytes:
        return self.texts[index].encode()

    def select(self, indices: Sequence[int]) -> "TextRows":
        return TextRows([self.texts[i] for i in indices])


class ImageRows:
    modality = "image"

    def __init__(self, files: Sequence[bytes]) -> None:
        self.files = list(files)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Image.Image:
        return Image.open(io.BytesIO(self.files[index])).convert("RGB")

    def content(self, index: int) -> bytes:
        return self.files[index]

    def select(self, indices: Sequence[int]) -> "ImageRows":
        return ImageRows([self.files[i] for i in indices])


def split_of(rows, *, name: str = "train") -> Split:
    return Split(
        name=name,
        rows=rows,
        ids=[f"{rows.modality}/{i}" for i in range(len(rows))],
        labels=torch.full((len(rows),), UNLABELLED),
    )


def texts(count: int, *, name: str = "train") -> Split:
    draw = torch.Generator().manual_seed(count)
    made = []
    for _ in range(count):
        length = int(torch.randint(1, 40, (), generator=draw))
        words = torch.randint(0, len(WORDS), (length,), generator=draw).tolist()
        made.append(" ".join(WORDS[w] for w in words))
    return split_of(TextRows(made), name=name)


def images(count: int, *, name: str = "train") -> Split:
    draw = torch.Generator().manual_seed(count)
    files = []
    for _ in range(count):
        pixels = torch.randint(0, 256, (12, 12, 3), generator=draw, dtype=torch.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels.numpy()).save(buffer, "PNG")
        files.append(buffer.getvalue())
    return split_of(ImageRows(files), name=name)


class TextTeacher:
    """A two-layer bag of words, with padding masked out."""

    modality = "text"
    parameters = None

    def __init__(self, width: int = 24, *, weights: str = "1", pause: float = 0.0) -> None:
        draw = torch.Generator().manual_seed(7)
        self.width, self.weights, self.pause = width, weights, pause
        self.table = torch.randn(len(WORDS) + 1, width, generator=draw)
        self.mix = torch.randn(width, width, generator=draw)
        self.batches: list[tuple[int, int, int]] = []

    def identity(self):
        return {"source": "test:text", "weights": self.weights, "width": str(self.width)}

    def prepare(self, row):
        return [WORDS.index(word) + 1 for word in row[0].split()]

    def cost(self, prepared):
        return len(prepared)

    def collate(self, prepared):
        longest = max(map(len, prepared))
        rows = [one + [0] * (longest - len(one)) for one in prepared]
        ids = torch.tensor(rows)
        return {"input_ids": ids, "attention_mask": (ids > 0).long()}

    def to(self, device, dtype):
        self.table, self.mix = self.table.to(device, dtype), self.mix.to(device, dtype)

    def encode(self, batch):
        time.sleep(self.pause)
        mask = batch["attention_mask"]
        self.batches.append((*mask.shape, int(mask.sum())))
        words = self.table[batch["input_ids"]] * mask[..., None]
        return torch.tanh(words.sum(1) / mask.sum(1, keepdim=True)) @ self.mix


class ImageTeacher:
    """Two convolutions and a mean."""

    modality = "image"
    parameters = None

    def __init__(self, width: int = 16, *, pause: float = 0.0) -> None:
        self.width, self.pause = width, pause
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, width, 3)).eval()

    def identity(self):
        return {"source": "test:image", "weights": "1"}

    def prepare(self, row):
        return torch.frombuffer(bytearray(row.tobytes()), dtype=torch.uint8).view(12, 12, 3)

    def cost(self, prepared):
        return 1

    def collate(self, prepared):
        return {"image": torch.stack(list(prepared))}

    def to(self, device, dtype):
        self.model.to(device, dtype)

    def encode(self, batch):
        time.sleep(self.pause)
        pixels = batch["image"].permute(0, 3, 1, 2).float() / 255
        return self.model(pixels.to(self.model[0].weight.dtype)).mean((2, 3))


class Table:
    """Features that were computed elsewhere."""

    parameters = None

    def __init__(self, rows: torch.Tensor) -> None:
        self.rows, self.width = rows, rows.shape[1]
        self.asked: list[int] = []

    def identity(self):
        return {"source": "features:x.npy", "content": "0"}

    def read(self, split, rows):
        assert split.name == "train"
        self.asked.append(len(rows))
        return self.rows[[int(split.ids[row].split("/")[1]) for row in rows]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--kind", choices=["text", "image"], default="text")
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--shard-bytes", type=int, default=2**30)
    options = parser.parse_args()
    torch.set_num_threads(1)
    store = FeatureStore(options.root, shard_bytes=options.shard_bytes)
    if options.kind == "text":
        source, split = TextTeacher(options.width, pause=options.pause), texts(options.rows)
    else:
        source, split = ImageTeacher(options.width, pause=options.pause), images(options.rows)

    def tell(rows: int) -> None:
        sys.stdout.write(f"{rows}\n")
        sys.stdout.flush()

    settings = ExtractionSettings(workers=options.workers, device="cpu")
    extract_split(source, split, store=store, settings=settings, progress=Watch(tell))


if __name__ == "__main__":
    main()
