"""Rows per second of ``predict`` over the bare model's loop, and its memory over 100,000 rows.

Both sides run in one process in turns. The bare loop gets batches that are already prepared; ``predict``
reads, decodes or tokenizes its rows, computes probabilities and writes a csv file. The students are
random and trained for one step, since weights change no time.

    python benchmarks/predict.py [--turns 5] [--rows 100000]
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tutelage import run
from tutelage.config import load_config
from tutelage.data.unseen import UnseenRows, read_unseen
from tutelage.demo.data import minilm, snippets
from tutelage.deploy.predict import columns_of
from tutelage.deploy.predict_source import predict_source
from tutelage.deploy.prediction_files import Layout
from tutelage.deploy.saved import SavedRun
from tutelage.deploy.stream import Computing
from tutelage.progress import Silent

BATCH = 32
BERT = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12}


def trained(folder: Path, data: str, student: dict[str, Any]) -> SavedRun:
    """Train a student for one step, and open its run."""
    settings = {
        "data": {"source": data},
        "student": student,
        "transfer": {"method": "stl"},
        "train": {"steps": 1, "batch_size": BATCH, "device": "cpu", "workers": 1},
        "output": {"dir": str(folder)},
    }
    run(load_config([settings]))
    return SavedRun.open(folder)


def pictures(folder: Path, *, size: int, count: int = 64) -> str:
    """Write JPEG files of two classes; return their data string."""
    draw = np.random.default_rng(0)
    for number in range(count):
        place = folder / "train" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 256, (size // 8, size // 8, 3), np.uint8)
        Image.fromarray(pixels).resize((size, size)).save(place / f"{number}.jpg")
    return f"folder:{folder}"


def texts(folder: Path) -> str:
    """Write tables of short reviews; return their data string."""
    folder.mkdir()
    for split, rows in snippets(96, test=32).items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"table:{folder}"


def read(saved: SavedRun, data: str, *, split: str | None = None) -> UnseenRows:
    """Read rows for a run."""
    settings = saved.config.data
    return read_unseen(data, settings, modality=saved.modality, like=columns_of(saved), split=split)


def throughput(saved: SavedRun, data: str, *, turns: int) -> None:
    """Print the rate of predict over that of the bare model's loop, in turns."""
    rows = read(saved, data, split="train").splits[0]
    reads, model = saved.student.input, saved.student.model
    batches = [
        reads.collate(
            [reads.prepare(rows.rows[i]) for i in range(first, min(first + BATCH, len(rows)))]
        )
        for first in range(0, len(rows), BATCH)
    ]

    def bare() -> None:
        with torch.inference_mode():
            for batch in batches:
                ready = reads.finish(batch, dtype=torch.float32)
                model(ready["image"]) if "image" in ready else model(**ready)

    computing, out = Computing.of(saved), saved.folder / "predictions.csv"

    def ours() -> None:
        layout = Layout(saved.task, every=True)
        predict_source(
            saved, [rows], path=out, layout=layout, computing=computing, progress=Silent()
        )

    for side in (bare, ours):  # warm up
        side()
    ratios = []
    for _ in range(turns):
        seconds = []
        for side in (bare, ours):
            began = time.perf_counter()
            side()
            seconds.append(time.perf_counter() - began)
        ratios.append(seconds[0] / seconds[1])
    source = saved.result.student.source.partition("/")[0]
    print(
        f"{source} ({saved.modality}s, {len(rows)} rows, {computing.workers} workers, "
        f"{torch.get_num_threads()} threads): rows a second of predict over the bare loop, "
        f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f} over {turns} turns)"
    )


def anonymous() -> tuple[float, float]:
    """RssAnon of this process, and Pss_Anon of it and its workers, in MB.

    A worker begins as a copy whose pages are shared, which Pss counts once.
    """
    own = Path("/proc/self/status").read_text().partition("RssAnon:")[2].split()[0]
    shares = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if os.getpid() in (int(process.name), parent):
                rollup = (process / "smaps_rollup").read_text()
                shares += int(rollup.partition("Pss_Anon:")[2].split()[0])
        except (OSError, IndexError):  # it ended meanwhile
            continue
    return int(own) / 1000, shares / 1000


class Watching(Silent):
    """Notes the anonymous memory every 5,000 rows."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, tuple[float, float]]] = []

    @contextmanager
    def track(self, label: str, total: int, *, unit: str, done: int = 0) -> Iterator[Any]:
        """Look at the memory while the work goes on."""

        def update(count: int) -> None:
            if not self.seen or count - self.seen[-1][0] >= 5000:
                self.seen.append((count, anonymous()))

        yield update


def memory(saved: SavedRun, folder: Path, *, rows: int) -> None:
    """Print the anonymous memory while many pictures are predicted."""
    many = folder / "many"
    many.mkdir()
    source = next(folder.rglob("0.jpg"))
    for number in range(rows):
        if number % 1000 == 0:  # a file has at most 65,000 links
            source = Path(os.fspath(many / f"{number:06}.jpg"))
            source.write_bytes(next(folder.rglob("0.jpg")).read_bytes())
        else:
            os.link(source, many / f"{number:06}.jpg")
    watching = Watching()
    unseen = read(saved, str(many)).splits
    before = anonymous()
    done = predict_source(
        saved,
        unseen,
        path=folder / "many.csv",
        layout=Layout(saved.task),
        computing=Computing.of(saved, batch_size=128),
        progress=watching,
    )
    (at, first), later = watching.seen[1], watching.seen[2:]
    pixels = rows * 3 * saved.student.input.size[0] ** 2 / 1e6  # type: ignore[attr-defined]
    print(f"{done.rows:,} pictures, whose pixels would be {pixels:.0f} MB:")
    names = ("RssAnon of the process", "Pss_Anon with its workers")
    for which, name in enumerate(names):
        most = max(value[which] for _, value in later)
        print(
            f"  {name}: {before[which]:.0f} MB before, {first[which]:.0f} MB at {at:,} rows, at most "
            f"{most:.0f} MB afterwards"
        )


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    random = {"weights": "random"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = pictures(folder / "pictures", size=224, count=640)
        student = {"source": "timm:resnet18", "params": random}
        throughput(trained(folder / "cnn", data, student), data, turns=options.turns)
        data = texts(folder / "texts")
        student = {"source": f"hf:{minilm()}", "params": {"config": BERT, **random}}
        throughput(trained(folder / "bert", data, student), data, turns=options.turns)
        data = pictures(folder / "small", size=32)
        student = {"source": "timm:test_resnet", "params": {"image_size": 32, **random}}
        memory(trained(folder / "tiny", data, student), folder / "small", rows=options.rows)


if __name__ == "__main__":
    main()
