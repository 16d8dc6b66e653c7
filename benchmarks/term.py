"""AFT's term alone, forward and backward, over its bare matrix products; eager and compiled.

    OMP_NUM_THREADS=1 python benchmarks/term.py [--repeats 60]

The products are the two Gram matrices and their gradients, with respect to the student's features
and to the weighted teacher features. All three sides take turns; a ratio is the median over turns of
the thread's processor time (a GPU's is by the clock), at batches of 64, 256 and 1,024 rows, 384
columns of the student and 1,536 of the teacher.
Expected: compiled at most 1.3.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch

from tutelage import AFTLoss

STUDENT, TEACHER = 384, 1536


def main() -> None:
    """Measure each batch size and print one JSON line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--batches", type=int, nargs="*", default=[64, 256, 1024])
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    for batch in options.batches:
        print(json.dumps(measure(batch, options.repeats, device)), flush=True)


def measure(batch: int, repeats: int, device: torch.device) -> dict[str, object]:
    """Return the ratios of the term, eager and compiled, to its products."""
    torch.manual_seed(0)
    term = AFTLoss(STUDENT, [TEACHER]).to(device)
    compiled = torch.compile(term, fullgraph=True)
    student = torch.randn(batch, STUDENT, device=device, requires_grad=True)
    teacher = torch.randn(batch, TEACHER, device=device)
    weighted = torch.randn(batch, TEACHER, device=device, requires_grad=True)
    gradient = torch.randn(batch, batch, device=device)

    def products() -> None:
        (student @ student.T).backward(gradient)
        (weighted @ weighted.T).backward(gradient)

    sides: dict[str, Callable[[], None]] = {
        "products": products,
        "eager": lambda: term(student, teacher).backward(),
        "compiled": lambda: compiled(student, teacher).backward(),
    }
    turns = [{name: seconds(side) for name, side in sides.items()} for _ in range(10 + repeats)]
    turns = turns[10:]
    return {
        "batch": batch,
        "device": str(device),
        "threads": torch.get_num_threads(),
        "products_ms": round(1000 * statistics.median(turn["products"] for turn in turns), 3),
        **{
            name: round(statistics.median(turn[name] / turn["products"] for turn in turns), 2)
            for name in ("eager", "compiled")
        },
    }


def seconds(side: Callable[[], None]) -> float:
    """Return the time of one call."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        start = time.perf_counter()
        side()
        torch.cuda.synchronize()
        return time.perf_counter() - start
    start = time.thread_time()
    side()
    return time.thread_time() - start


if __name__ == "__main__":
    main()
