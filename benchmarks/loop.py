"""The training loop over a bare PyTorch loop of the same student on the same batches.

    OMP_NUM_THREADS=1 python benchmarks/loop.py [--steps 400] [--students cnn bert]

The bare loop is: index, normalize, forward, loss, backward, step. Each step of ``fit`` is followed
by one bare step on the same rows, so whatever else the machine does slows both alike. A ratio is
the median over blocks of 20 steps; ``wall`` is by the clock, ``cpu`` counts the processor time of
the thread, which other processes disturb less. ``term``: AFT on 384 columns over no term, the
ratio of their two ratios.
Expected: a CNN of 3 ms a step at most 1.15, AFT over no term at most 1.25, a small BERT at most
1.05.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tutelage import AFTLoss, Objective
from tutelage.cache.table import as_table
from tutelage.config import ExperimentConfig
from tutelage.data import Split
from tutelage.data.base import Columns
from tutelage.data.given import GivenRows
from tutelage.inputs.workers import Failure
from tutelage.progress import Silent
from tutelage.regularizers.none import NoTransfer
from tutelage.results.run_folder import RunFolder
from tutelage.students import Student
from tutelage.students.huggingface import HuggingFaceStudent
from tutelage.students.python import PythonStudent
from tutelage.tasks import SingleLabel
from tutelage.tiny.transformers_models import save_model
from tutelage.training.accelerator import accelerator_for
from tutelage.training.batches import Batch, BatchSource
from tutelage.training.loop import TrainingRows, fit
from tutelage.training.prepared import PreparedRows
from tutelage.training.samplers import RowView

CLASSES, COLUMNS, BLOCK, WARMUP = 10, 384, 20, 40
NAMES = tuple(f"class {number}" for number in range(CLASSES))


def main() -> None:
    """Measure the students and print one JSON line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--students", nargs="*", default=list(STUDENTS))
    options = parser.parse_args()
    for name in options.students:
        workload = STUDENTS[name]
        steps = options.steps if name == "cnn" else max(60, options.steps // 4)
        none = compare(workload, steps, aft=False)
        aft = compare(workload, steps, aft=True)
        measured = {
            "student": name,
            "threads": torch.get_num_threads(),
            "bare_ms": round(none["bare_ms"], 2),
            **{
                f"{side}_{clock}": round(figures[clock], 3)
                for side, figures in (("none", none), ("aft", aft))
                for clock in ("wall", "cpu")
            },
            **{f"term_{clock}": round(aft[clock] / none[clock], 3) for clock in ("wall", "cpu")},
        }
        print(json.dumps(measured), flush=True)


class Workload(NamedTuple):
    """A student with rows in memory, and its bare form.

    Attributes:
        student: The student.
        rows: Decoded rows, as ``PreparedRows`` stores them.
        bare: Function from row numbers to the model's outputs, and the model it calls.
        batch_size: Rows of a step.
    """

    student: Student
    rows: Any
    bare: Callable[[nn.Module, Tensor], Tensor]
    batch_size: int


def cnn(num_classes: int) -> nn.Module:
    """A small CNN with batch normalization for images of 32 x 32 pixels."""
    layers: list[nn.Module] = []
    width = 3
    for wider in (16, 32, 64):
        layers += [nn.Conv2d(width, wider, 3, stride=2, padding=1), nn.BatchNorm2d(wider)]
        layers += [nn.ReLU()]
        width = wider
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes))


def images() -> Workload:
    """The CNN on random images."""
    student = PythonStudent(
        "loop:cnn", output_names=NAMES, modality="image", model_input={"image_size": 32}
    )
    pixels = torch.randint(256, (2048, 3, 32, 32), dtype=torch.uint8)
    scale = 1 / (255 * torch.tensor(student.input.std)[:, None, None])
    shift = -(torch.tensor(student.input.mean) / torch.tensor(student.input.std))[:, None, None]

    def bare(model: nn.Module, rows: Tensor) -> Tensor:
        outputs: Tensor = model(torch.addcmul(shift, pixels[rows].float(), scale))
        return outputs

    return Workload(student, pixels, bare, 32)


def texts() -> Workload:
    """A BERT of 4 layers and 256 columns on random texts of 48 tokens."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "bert"
        save_model(model, "bert")
        sizes = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4}
        student = HuggingFaceStudent(
            str(model),
            output_names=NAMES,
            modality="text",
            weights="random",
            config=sizes | {"intermediate_size": 1024},
        )
    ids = torch.randint(5, 20, (1024, 48))
    mask = torch.ones_like(ids)
    rows = [{"input_ids": row.tolist(), "attention_mask": [1] * len(row)} for row in ids]

    def bare(model: nn.Module, some: Tensor) -> Tensor:
        outputs: Tensor = model(input_ids=ids[some], attention_mask=mask[some]).logits
        return outputs

    return Workload(student, rows, bare, 32)


STUDENTS = {"cnn": images, "bert": texts}


class Interleaved(BatchSource):
    """Rows that take the time of each step of the loop, and of a bare step after it."""

    def __init__(self, *given: Any, bare: Callable[[Tensor], None], **options: Any) -> None:
        super().__init__(*given, **options)
        self.bare = bare
        self.loop: list[tuple[float, float]] = []
        self.alone: list[tuple[float, float]] = []
        self.left: tuple[float, float] | None = None

    def __getitems__(self, views: Sequence[RowView]) -> Batch | Failure:
        entered = clocks()
        if self.left is not None:
            self.loop.append(since(self.left, entered))
        self.bare(torch.tensor([view.row for view in views]))
        self.left = clocks()
        self.alone.append(since(entered, self.left))
        return super().__getitems__(views)


def compare(build: Callable[[], Workload], steps: int, *, aft: bool) -> dict[str, float]:
    """Train for some steps, each followed by a bare step; return the ratios of the loop to them."""
    torch.manual_seed(0)
    workload, other = build(), build()
    student, rows = workload.student, workload.rows
    labels = torch.randint(CLASSES, (len(rows),))
    other.student.tap.close()
    alone = other.student.model.train()
    optimizer = torch.optim.Adam(alone.parameters(), lr=1e-4, fused=True)
    loss = nn.CrossEntropyLoss()

    def bare(some: Tensor) -> None:
        loss(workload.bare(alone, some), labels[some]).backward()
        optimizer.step()
        optimizer.zero_grad()

    task = SingleLabel.numbered(CLASSES)
    widths = {"features": COLUMNS}
    term = AFTLoss(student.width, widths) if aft else NoTransfer(student.width, widths)
    batches = Interleaved(
        Split(
            "train", GivenRows(rows, "image", Columns()), [str(n) for n in range(len(rows))], labels
        ),
        PreparedRows(student.input, rows, decode="stored"),
        teachers=as_table(torch.randn(len(rows), COLUMNS).half()) if aft else None,
        bare=bare,
    )
    settings = {"steps": WARMUP + steps, "batch_size": workload.batch_size, "device": "cpu"}
    config = ExperimentConfig.model_validate(
        {
            "data": {"source": "folder:x"},
            "transfer": {"method": "stl"},
            "train": settings | {"workers": 0},
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        fit(
            student,
            Objective(task.loss(labels), term, beta=10.0 if aft else 0.0),
            TrainingRows(batches, task, "benchmark"),
            config=config,
            folder=RunFolder(Path(folder)),
            accelerator=accelerator_for(config),
            progress=Silent(),
        )
    return ratios(batches.loop[WARMUP:], batches.alone[WARMUP:])


def ratios(loop: list[tuple[float, float]], alone: list[tuple[float, float]]) -> dict[str, float]:
    """Medians over blocks of steps: the loop's time over the bare loop's, by both clocks."""
    blocks = range(0, len(loop) - BLOCK + 1, BLOCK)

    def median(clock: int) -> float:
        return statistics.median(
            sum(step[clock] for step in loop[at : at + BLOCK])
            / sum(step[clock] for step in alone[at : at + BLOCK])
            for at in blocks
        )

    bare = statistics.median(step[1] for step in alone)
    return {"wall": median(0), "cpu": median(1), "bare_ms": 1000 * bare}


def clocks() -> tuple[float, float]:
    """Return the time by the clock, and the processor time of this thread."""
    return time.perf_counter(), time.thread_time()


def since(before: tuple[float, float], now: tuple[float, float]) -> tuple[float, float]:
    """Return the seconds between two times by each clock."""
    return now[0] - before[0], now[1] - before[1]


if __name__ == "__main__":
    main()
