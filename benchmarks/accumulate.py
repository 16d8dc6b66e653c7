"""Accumulated and recomputed passes, and one batch with all rows: memory and time of a step.

    OMP_NUM_THREADS=1 python benchmarks/accumulate.py [--rows 256] [--passes 8] [--repeats 3]

Each way trains a ViT-tiny on random images of 224 pixels with AFT on 768 columns, by ``fit``, in a
process of its own; the ways take turns. Memory is the growth of the process's peak over what it
holds before training; seconds are processor time. Ratios are to the accumulated passes, whose
kernels see the rows of a pass alone.
Expected: recomputed passes at most 1.2 times the memory and 1.45 times the time (one forward more);
one batch ``passes`` times the memory of what the student computes.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from tutelage import AFTLoss, Objective
from tutelage.cache.table import as_table
from tutelage.config import ExperimentConfig
from tutelage.data import Split
from tutelage.data.base import Columns
from tutelage.data.given import GivenRows
from tutelage.progress import Silent
from tutelage.results.run_folder import RunFolder
from tutelage.students.timm import TimmStudent
from tutelage.tasks import SingleLabel
from tutelage.training.accelerator import accelerator_for
from tutelage.training.batches import BatchSource
from tutelage.training.loop import TrainingRows, fit
from tutelage.training.prepared import PreparedRows

CLASSES, COLUMNS, STEPS = 10, 768, 2
NAMES = tuple(f"class {number}" for number in range(CLASSES))
WAYS = ("accumulated", "recomputed", "one batch")


def main() -> None:
    """Measure the ways in turns and print one JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--passes", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help="measure one way in this process")
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options.way, options.rows, options.passes)))
        return
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    sizes = ["--rows", str(options.rows), "--passes", str(options.passes)]
    for _ in range(options.repeats):
        for way in WAYS:
            command = [sys.executable, __file__, *sizes, "--way", way]
            ended = subprocess.run(command, capture_output=True, text=True, check=True)
            found[way].append(json.loads(ended.stdout.splitlines()[-1]))
    figures = {
        way: {name: statistics.median(one[name] for one in some) for name in some[0]}
        for way, some in found.items()
    }
    base = figures["accumulated"]
    ratios = {
        f"{way}, {name}": round(figures[way][name] / base[name], 2)
        for way in WAYS[1:]
        for name in base
    }
    print(json.dumps({"rows": options.rows, "passes": options.passes, **figures, **ratios}))


def measure(way: str, rows: int, passes: int) -> dict[str, float]:
    """Train by one way; return seconds of a step and megabytes that training adds to the peak."""
    size = rows if way == "one batch" else rows // passes
    config = ExperimentConfig.model_validate(
        {
            "data": {"source": "folder:unused"},
            "transfer": {"method": "stl", "batch": "step" if way == "recomputed" else "global"},
            "train": {
                "steps": STEPS,
                "batch_size": size,
                "accumulate": rows // size,
                "workers": 0,
                "device": "cpu",
                "checkpoint_every": 0,
            },
        }
    )
    torch.manual_seed(0)
    name = "vit_tiny_patch16_224"
    student = TimmStudent(name, output_names=NAMES, modality="image", weights="random")
    pixels = torch.randint(256, (rows, 3, 224, 224), dtype=torch.uint8)
    labels = torch.arange(rows) % CLASSES
    given = GivenRows(pixels, "image", Columns())
    split = Split("train", given, [str(row) for row in range(rows)], labels)
    features = as_table(torch.randn(rows, COLUMNS))
    source = BatchSource(
        split, PreparedRows(student.input, pixels, decode="stored"), teachers=features
    )
    term = AFTLoss(student.width, {"features": COLUMNS})
    task = SingleLabel.numbered(CLASSES)
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        fit(
            student,
            Objective(nn.CrossEntropyLoss(), term, beta=10.0),
            TrainingRows(source, task, "digest"),
            config=config,
            folder=RunFolder(Path(folder)),
            accelerator=accelerator_for(config),
            progress=Silent(),
        )
        seconds = (time.process_time() - start) / STEPS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": round(seconds, 2), "MB": round((peak - before) / 1024)}


if __name__ == "__main__":
    main()
