"""What the transfer term costs: a training step with AFT over one without, and the term alone.

    python benchmarks/step.py [--batch 128] [--columns 2048] [--repeats 3] [--block 1]

Both sides run in one process, taking turns; ratios are medians over turns. A turn is a block of
steps, after which the device is waited for; a step is forward, backward and the update of a timm
student on random images of its own size. On CUDA the student computes under bf16 autocast, in
channels_last where it has convolutions, as ``tutelage train`` does by default; the ratio of the times
that kernels take, which excludes waiting for the processor, and the peak of memory are given, too. The
term alone, forward and backward, is set against its bare matrix products: the two Gram
matrices and their gradients. Where two equal steps differ by more than the term costs, the ratio by
the clock says little; so the term's share of a step, both measured alone, is given too.
Expected: a step's ratio at most 1.02 (a share of at most 0.02), the term's at most 2.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import timm
import torch
from torch import nn

from tutelage import AFTLoss, FeatureTap, Objective
from tutelage.backbones.memory_format import is_convolutional

STUDENTS = ("vit_small_patch16_224", "resnet50")


def main() -> None:
    """Measure both students and print one JSON line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--columns", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--block", type=int, default=1, help="steps of a turn")
    parser.add_argument("--students", nargs="*", default=STUDENTS)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for name in options.students:
        step = step_ratio(
            name, options.batch, options.columns, options.repeats, device, block=options.block
        )
        term = term_ratio(name, options.batch, options.columns, device)
        measured = {
            "student": name,
            "batch": options.batch,
            "columns": options.columns,
            "device": str(device),
            "threads": torch.get_num_threads(),
            **step,
            **term,
            "term_share": round(term["term_seconds"] / step["fastest_step_seconds"], 6),
        }
        print(json.dumps(measured), flush=True)


def step_ratio(
    name: str, batch: int, columns: int, repeats: int, device: torch.device, *, block: int
) -> dict[str, float]:
    """Return the seconds of a step without the term, and the ratio of one with it."""
    torch.manual_seed(0)
    on_gpu = device.type == "cuda"
    model = timm.create_model(name, num_classes=100).to(device).train()
    channels_last = on_gpu and is_convolutional(model)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    tap = FeatureTap(model)
    task = nn.CrossEntropyLoss()
    objective = Objective(task, AFTLoss(tap.width, [columns]), beta=10.0).to(device)
    plain = torch.optim.Adam(model.parameters(), lr=1e-5, fused=True)
    transfer = torch.optim.Adam([*model.parameters(), *objective.parameters()], lr=1e-5, fused=True)
    images = torch.randn(batch, 3, 224, 224, device=device).contiguous(memory_format=layout)
    labels = torch.randint(100, (batch,), device=device)
    teacher = torch.randn(batch, columns).half().to(device)

    def without() -> None:
        for _ in range(block):
            plain.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
                loss = task(model(images), labels)
            loss.backward()
            plain.step()
            tap.take()

    def with_term() -> None:
        for _ in range(block):
            transfer.zero_grad()
            with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
                loss = objective(model(images), labels, tap.take(), teacher).total
            loss.backward()
            transfer.step()

    turns = [(a / block, b / block) for a, b in take_turns([without, with_term], repeats, warmup=1)]
    ratios = [b / a for a, b in turns]
    of_device = {}
    if on_gpu:
        kernels = [kernel_seconds(side) for side in (without, with_term)]
        of_device = {
            "kernels_ratio": round(kernels[1] / kernels[0], 4),
            "kernels_seconds": round(kernels[0] / block, 4),
            "plain_peak_mb": peak_memory(without),
            "aft_peak_mb": peak_memory(with_term),
        }
    return {
        **of_device,
        "step_seconds": round(statistics.median(a for a, _ in turns), 4),
        "fastest_step_seconds": round(min(a for a, _ in turns), 4),
        "step_ratio": round(statistics.median(ratios), 4),
        "step_ratio_lowest": round(min(ratios), 4),
        "step_ratio_highest": round(max(ratios), 4),
    }


def term_ratio(name: str, batch: int, columns: int, device: torch.device) -> dict[str, float]:
    """Return the seconds of the term alone, and its ratio to its bare matrix products."""
    width = timm.create_model(name).num_features
    term = AFTLoss(width, [columns]).to(device)
    student = torch.randn(batch, width, device=device, requires_grad=True)
    teacher = torch.randn(batch, columns, device=device)
    weighted = torch.randn(batch, columns, device=device, requires_grad=True)
    gradient = torch.randn(batch, batch, device=device)

    def alone() -> None:
        term(student, teacher).backward()

    def products() -> None:
        (student @ student.T).backward(gradient)
        (weighted @ weighted.T).backward(gradient)

    turns = take_turns([products, alone], 200, warmup=20)
    return {
        "term_seconds": round(statistics.median(b for _, b in turns), 6),
        "term_ratio": round(statistics.median(b / a for a, b in turns), 3),
    }


def take_turns(
    sides: list[Callable[[], None]], repeats: int, *, warmup: int
) -> list[tuple[float, ...]]:
    """Time the sides in turn; the first turns are not counted."""
    turns = []
    for turn in range(warmup + repeats):
        seconds = []
        for side in sides:
            synchronize()
            began = time.perf_counter()
            side()
            synchronize()
            seconds.append(time.perf_counter() - began)
        if turn >= warmup:
            turns.append(tuple(seconds))
    return turns


def kernel_seconds(side: Callable[[], None]) -> float:
    """Return the time that CUDA's kernels take in a turn, together."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        side()
        synchronize()
    return sum(one.self_device_time_total for one in profiler.key_averages()) / 1e6


def peak_memory(side: Callable[[], None]) -> float:
    """Return the most memory that CUDA's allocator held during a turn, in MB."""
    torch.cuda.reset_peak_memory_stats()
    side()
    return round(torch.cuda.max_memory_allocated() / 1e6, 1)


def synchronize() -> None:
    """Wait for the device, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
