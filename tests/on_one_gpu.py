"""Processes whose rows lie on a GPU against one process; run by ``test_ranks.py``.

One GPU has no place for two processes of NCCL: two that share it exchange rows by gloo, and NCCL
passes them on in a group of one process.
"""

import sys
import tempfile

import torch
from torch import Tensor, distributed, multiprocessing, nn

from tutelage import AFTLoss, Objective
from tutelage.ranks import _Gather

ROWS, CLASSES = 10, 3


def rows_of(start: int, end: int) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, labels and teachers' features on the GPU."""
    torch.manual_seed(0)
    inputs = torch.randn(ROWS, 5, dtype=torch.float64)
    labels, teacher = torch.arange(ROWS) % CLASSES, torch.randn(ROWS, 6, dtype=torch.float64)
    return tuple(each[start:end].cuda() for each in (inputs, labels, teacher))


def gradients(start: int, end: int) -> list[Tensor]:
    """The loss of the rows, with those of all processes, and its gradients."""
    inputs, labels, teacher = rows_of(start, end)
    torch.manual_seed(1)
    body, head = nn.Linear(5, 4).double().cuda(), nn.Linear(4, CLASSES).double().cuda()
    objective = Objective(nn.CrossEntropyLoss(), AFTLoss(4, [6]), beta=3.0, batch="global")
    objective = objective.double().cuda()
    features = body(inputs)
    loss = objective(head(features), labels, features, teacher).total
    loss.backward()
    parameters = [p for part in (body, head, objective) for p in part.parameters()]
    return [loss.detach(), *(p.grad for p in parameters)]


def share(rank: int, place: str, expected: list[Tensor]) -> None:
    """Compare one of two processes, which have 4 and 6 rows."""
    distributed.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=2)
    loss, *found = gradients(*((0, 4), (4, ROWS))[rank])
    for gradient in found:
        distributed.all_reduce(gradient)
    for one, other in zip([loss, *(each / 2 for each in found)], expected, strict=True):
        torch.testing.assert_close(one.cpu(), other, rtol=1e-6, atol=1e-9)
    distributed.destroy_process_group()


def pass_on(place: str) -> None:
    """Give rows of several dtypes to NCCL and get them back, with their gradient."""
    distributed.init_process_group("nccl", init_method=f"file://{place}", rank=0, world_size=1)
    half = torch.randn(4, 3, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    labels = torch.arange(4, device="cuda")
    gathered, same = _Gather.apply(half, labels)
    gathered.float().sum().backward()
    assert torch.equal(gathered, half)
    assert torch.equal(same, labels)
    assert half.grad.eq(1).all()
    distributed.destroy_process_group()


def main() -> None:
    """Compare, and say so."""
    expected = [each.cpu() for each in gradients(0, ROWS)]
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(share, (f"{folder}/gloo", expected), nprocs=2)
        print("two processes on one GPU: equal")
        pass_on(f"{folder}/nccl")
        print("one process of NCCL: equal")


if __name__ == "__main__":
    sys.exit(main())
