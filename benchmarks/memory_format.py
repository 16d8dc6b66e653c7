"""A training step of a CNN in channels_last over one with contiguous tensors.

    OMP_NUM_THREADS=1 python benchmarks/memory_format.py [--repeats 8] [--precision no]

``inputs``: images in channels_last, weights as they are, which is what ``train.memory_format =
"channels_last"`` does; ``all``: weights, too. All sides take turns on the same batch; a ratio is the
median over turns. ``difference``: that of the outputs, relative to the largest.
Expected: ``inputs`` within 0.03 of ``all``; on a GPU under bf16 below 1.
"""

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable

import timm
import torch
from torch import Tensor, nn

STUDENTS = ("resnet18", "mobilenetv2_100", "convnext_atto")


def main() -> None:
    """Measure each student and print one JSON line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--students", nargs="*", default=STUDENTS)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    images = torch.randn(options.batch, 3, options.size, options.size, device=device)
    for name in options.students:
        measured = {"student": name, "device": str(device), "precision": options.precision}
        measured |= {"batch": options.batch, "size": options.size}
        print(json.dumps(measured | ratios(name, images, options)), flush=True)


def ratios(name: str, images: Tensor, options: argparse.Namespace) -> dict[str, float]:
    """Return the times of a student's steps over those with contiguous tensors."""
    torch.manual_seed(0)
    plain = timm.create_model(name, num_classes=10).to(images.device).train()
    weights = copy.deepcopy(plain).to(memory_format=torch.channels_last)
    last = images.contiguous(memory_format=torch.channels_last)
    sides = {
        "contiguous": step_of(plain, images, options.precision),
        "inputs": step_of(copy.deepcopy(plain), last, options.precision),
        "all": step_of(weights, last, options.precision),
    }
    with torch.no_grad():
        expected = copy.deepcopy(plain).eval()(images)
        difference = (
            copy.deepcopy(plain).eval()(last) - expected
        ).abs().max() / expected.abs().max()
    turns = [{side: seconds(step) for side, step in sides.items()} for _ in range(options.repeats)]
    turns = turns[2:]
    return {
        "contiguous_ms": round(1000 * statistics.median(turn["contiguous"] for turn in turns), 1),
        **{
            side: round(statistics.median(turn[side] / turn["contiguous"] for turn in turns), 3)
            for side in ("inputs", "all")
        },
        "difference": float(f"{float(difference):.1e}"),
    }


def step_of(model: nn.Module, images: Tensor, precision: str) -> Callable[[], None]:
    """A training step: forward, backward, fused Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5, fused=True)

    def step() -> None:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
            loss = model(images).float().square().mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def seconds(step: Callable[[], None]) -> float:
    """Return the time of a step: the thread's on a CPU, by the clock on a GPU."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        return time.perf_counter() - start
    start = time.thread_time()
    step()
    return time.thread_time() - start


if __name__ == "__main__":
    main()
