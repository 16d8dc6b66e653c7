"""Adaptive Feature Transfer under DistributedDataParallel, here in two processes on the CPU.

Student and objective are one module: DistributedDataParallel then averages the gradients of the
learned weights too, which would otherwise differ between processes. Each process compares the kernels
of the rows of its own batch.

    python examples/distributed.py
"""

import tempfile
from pathlib import Path

import torch
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from tutelage import AFTLoss, FeatureTap, Objective

PROCESSES = 2


class Learner(nn.Module):
    """A student, its tap and its objective."""

    def __init__(self) -> None:
        super().__init__()
        self.student = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
        self.tap = FeatureTap(self.student)
        self.objective = Objective(nn.CrossEntropyLoss(), AFTLoss(32, {"teacher": 24}), beta=3.0)

    def forward(self, inputs: Tensor, labels: Tensor, teacher: Tensor) -> Tensor:
        """Return the loss of a batch."""
        return self.objective(self.student(inputs), labels, self.tap.take(), teacher).total


def train(rank: int, meeting: str) -> None:
    """Train one of the processes on its own rows."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=rank, world_size=PROCESSES
    )
    torch.manual_seed(rank)  # other rows in each process; DDP begins from the weights of the first
    learner = Learner()
    model = DistributedDataParallel(learner)
    optimizer = torch.optim.AdamW(learner.objective.parameter_groups(learner.student), lr=1e-3)
    for _ in range(10):
        inputs = torch.randn(32, 16)
        loss = model(inputs, inputs[:, :4].argmax(dim=1), inputs @ torch.ones(16, 24).tril())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    rho = learner.objective.regularizer.column_weights()["teacher"]
    everywhere = [torch.empty_like(rho) for _ in range(PROCESSES)]
    distributed.all_gather(everywhere, rho)
    if rank == 0:
        same = all(torch.equal(rho, other) for other in everywhere)
        print(
            f"rho: {rho.min():.3f} to {rho.max():.3f} over {len(rho)} teacher columns, "
            f"{'the same' if same else 'NOT the same'} in {PROCESSES} processes"
        )
    distributed.barrier()  # a process that ends while gloo holds its tensors aborts: PyTorch #190489
    distributed.destroy_process_group()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(train, (str(Path(folder) / "meeting"),), nprocs=PROCESSES)
