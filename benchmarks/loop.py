"""The training loop over a bare PyTorch loop of the same student on the same batches.

    OMP_NUM_THREADS=1 python benchmarks/loop.py [--steps 400] [--students cnn bert]
    python benchmarks/loop.py --device cuda --students vit_small_patch16_224 resnet50

The bare loop is: index, normalize, forward, loss, backward, step. Each step of ``fit`` is followed
by one bare step on the same rows, so whatever else the machine does slows both alike. A ratio is
the median over blocks of 20 steps; ``wall`` is by the clock, ``cpu`` counts the processor time of
the thread, which other processes disturb less. ``term``: AFT on 384 columns over no term, the
ratio of their two ratios.
On a GPU, blocks of 20 steps take turns, and the device is waited for after each. The student is one of
timm, on 128 images of 224 pixels a step, in bf16; the bare loop copies bytes from pinned memory.
Expected: a CNN of 3 ms a step at most 1.15, AFT over no term at most 1.25, a small BERT at most
1.05; on a GPU AFT over no term at most 1.02.
"""

import argparse
import functools
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
from tutelage.backbones.memory_format import is_convolutional
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
from tutelage.students.memory_format import in_memory_format
from tutelage.students.python import PythonStudent
from tutelage.students.timm import TimmStudent
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
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    for name in options.students:
        workload = STUDENTS.get(name) or functools.partial(pictures, name, device)
        steps = max(60, options.steps // 4) if name == "bert" else options.steps
        none = compare(workload, steps, device, aft=False)
        aft = compare(workload, steps, device, aft=True)
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


def pictures(name: str, device: torch.device) -> Workload:
    """A model of timm on random images of 224 x 224 pixels."""
    student = TimmStudent(name, output_names=NAMES, modality="image", weights="random")
    pixels = torch.randint(256, (2048, 3, 224, 224), dtype=torch.uint8)
    layout = torch.contiguous_format
    if device.type == "cuda" and is_convolutional(student.model):
        layout = torch.channels_last
    mean, std = (
        torch.tensor(each)[:, None, None] for each in (student.input.mean, student.input.std)
    )
    scale, shift = (1 / (255 * std)).to(device), (-mean / std).to(device)

    def bare(model: nn.Module, rows: Tensor) -> Tensor:
        some = pixels[rows]
        if device.type == "cuda":
            some = some.pin_memory().to(device, non_blocking=True)
        ready = torch.addcmul(shift, some.float(), scale).contiguous(memory_format=layout)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            outputs: Tensor = model(ready)
        return outputs.float()

    return Workload(student, pixels, bare, 128)


STUDENTS = {"cnn": images, "bert": texts}


class Interleaved(BatchSource):
    """Rows that time each block of steps of the loop, and then of bare steps on the same rows."""

    def __init__(
        self, *given: Any, bare: Callable[[Tensor], None], turn: int, **options: Any
    ) -> None:
        super().__init__(*given, **options)
        self.bare = bare
        self.turn = turn
        self.loop: list[tuple[float, float]] = []
        self.alone: list[tuple[float, float]] = []
        self.left: tuple[float, float] | None = None
        self.waiting: list[Sequence[RowView]] = []

    def __getitems__(self, views: Sequence[RowView]) -> Batch | Failure:
        if len(self.waiting) == self.turn:
            entered = clocks()
            if self.left is not None:
                self.loop.append(since(self.left, entered))
            for rows in self.waiting:
                self.bare(torch.tensor([view.row for view in rows]))
            self.waiting.clear()
            self.left = clocks()
            self.alone.append(since(entered, self.left))
        self.waiting.append(views)
        return super().__getitems__(views)


def compare(
    build: Callable[[], Workload], steps: int, device: torch.device, *, aft: bool
) -> dict[str, float]:
    """Train for some steps, each followed by a bare step; return the ratios of the loop to them."""
    torch.manual_seed(0)
    workload, other = build(), build()
    rows = workload.rows
    precision = "bf16" if device.type == "cuda" else "no"
    student = in_memory_format(workload.student, "auto", device=device, precision=precision)
    labels = torch.randint(CLASSES, (len(rows),))
    other.student.tap.close()
    alone = other.student.model.to(device).train()
    optimizer = torch.optim.Adam(alone.parameters(), lr=1e-4, fused=True)
    loss = nn.CrossEntropyLoss()

    def bare(some: Tensor) -> None:
        loss(workload.bare(alone, some), labels[some].to(device)).backward()
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
        turn=BLOCK if device.type == "cuda" else 1,
    )
    settings = {
        "steps": WARMUP + steps,
        "batch_size": workload.batch_size,
        "device": "auto" if device.type == "cuda" else "cpu",
    }
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
    warmup = WARMUP // batches.turn
    return ratios(batches.loop[warmup:], batches.alone[warmup:], batches.turn)


def ratios(
    loop: list[tuple[float, float]], alone: list[tuple[float, float]], turn: int
) -> dict[str, float]:
    """Medians over blocks of steps: the loop's time over the bare loop's, by both clocks."""
    size = BLOCK // turn
    blocks = range(0, len(loop) - size + 1, size)

    def median(clock: int) -> float:
        return statistics.median(
            sum(step[clock] for step in loop[at : at + size])
            / sum(step[clock] for step in alone[at : at + size])
            for at in blocks
        )

    by_clock = torch.cuda.is_available() and turn > 1
    bare = statistics.median(step[0 if by_clock else 1] for step in alone) / turn
    return {"wall": median(0), "cpu": median(1), "bare_ms": 1000 * bare}


def clocks() -> tuple[float, float]:
    """Return the time by the clock, and the processor time of this thread, the device being done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter(), time.thread_time()


def since(before: tuple[float, float], now: tuple[float, float]) -> tuple[float, float]:
    """Return the seconds between two times by each clock."""
    return now[0] - before[0], now[1] - before[1]


if __name__ == "__main__":
    main()
