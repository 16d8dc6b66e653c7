"""What AFT on products of image and text costs: from Gram matrices, and with the products built.

    python benchmarks/product.py [--batch 64] [--student 1024 1024] [--teacher 1024 5120] [--repeats 3]

The other side builds ``u ⊗ v`` (1,048,576 columns by default) and ``(ρ_1 ψ_1) ⊗ (ρ_2 ψ_2)`` (5,242,880
columns), centres them, brings rows to unit length and multiplies, as the method is written down. A
step is forward and backward in float32, to the student's features and to all weights ρ. Both sides
run in one process, taking turns; times are medians. Memory is the peak of a step above what the
process held before it, of each side in a process of its own (on an accelerator: the peak of its
allocator). Expected: at least 100 times less memory.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable

import torch
from rkd import peak, side_by_side
from torch import Tensor

from tutelage.regularizers import ProductAFT

SIDES = ("built", "gram")


def main() -> None:
    """Measure and print one JSON line; with ``--side``, the peak memory of that side alone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--student", type=int, nargs=2, default=(1024, 1024))
    parser.add_argument("--teacher", type=int, nargs=2, default=(1024, 5120))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    student = torch.randn(options.batch, sum(options.student), device=device, requires_grad=True)
    teacher = torch.randn(options.batch, sum(options.teacher), device=device)
    losses = sides(options, device)
    if options.side is not None:
        print(peak(losses[options.side], student, teacher))
        return
    measured = {
        "batch": options.batch,
        "student": options.student,
        "teacher": options.teacher,
        **side_by_side(
            losses,
            student,
            teacher,
            repeats=options.repeats,
            memory={name: alone(name, options) for name in SIDES},
        ),
    }
    print(json.dumps(measured))


def sides(
    options: argparse.Namespace, device: torch.device
) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Both forms, each with learned weights of its own."""
    names = ("image", "text")
    term = ProductAFT(
        dict(zip(names, options.student, strict=True)),
        dict(zip(names, options.teacher, strict=True)),
        modalities={name: name for name in names},
    ).to(device)
    scores = [torch.zeros(n, device=device, requires_grad=True) for n in options.teacher]

    def gram(student: Tensor, teacher: Tensor) -> Tensor:
        first, second = teacher.split(list(options.teacher), dim=1)
        return term(student, {"image": first, "text": second})

    def built(student: Tensor, teacher: Tensor) -> Tensor:
        first, second = teacher.split(list(options.teacher), dim=1)
        weighted = first * scores[0].sigmoid(), second * scores[1].sigmoid()
        own = kernel(*student.split(list(options.student), dim=1))
        return ((own - kernel(*weighted)).square().mean() + 1e-8).sqrt()

    return {"built": built, "gram": gram}


def kernel(first: Tensor, second: Tensor) -> Tensor:
    """The kernel of products that stand in memory."""
    product = (first[:, :, None] * second[:, None, :]).flatten(1)
    around = product - product.mean(dim=0)
    unit = around / (around.norm(dim=1, keepdim=True) + 1e-8)
    return unit @ unit.T


def alone(side: str, options: argparse.Namespace) -> int:
    """The peak bytes of one side, in a fresh process."""
    sizes = [
        f"--batch={options.batch}",
        "--student",
        *map(str, options.student),
        "--teacher",
        *map(str, options.teacher),
    ]
    command = [sys.executable, __file__, f"--side={side}", *sizes]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
