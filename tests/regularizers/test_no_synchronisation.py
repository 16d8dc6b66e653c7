"""A step never asks the device for a number: that would make the CPU wait for all that it sent."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from tutelage import AFTLoss, Objective, Standardized
from tutelage.regularizers import AFTWithoutKernel
from tutelage.tasks import BinaryCrossEntropy, CrossEntropy, SquaredError, TargetScaling, right_rows
from tutelage.tasks.soft_labels import SoftLabels

WAITING = {
    torch.ops.aten._local_scalar_dense,  # item, bool, int, float
    torch.ops.aten.equal,
    torch.ops.aten.is_nonzero,
    torch.ops.aten.masked_select,
    torch.ops.aten.nonzero,  # also behind an index of booleans
    torch.ops.aten._unique2,
}
WIDTHS = {"one": 6, "two": 3}
ONES = {name: torch.ones(width).double() for name, width in WIDTHS.items()}


def turned() -> AFTLoss:
    term = AFTLoss(5, WIDTHS, axes="probe", classes=2)
    axes = torch.linalg.qr(torch.randn(9, 2)).Q
    term.load_learned_state({"axes": axes})
    return term


class Waits(TorchDispatchMode):
    """Notes the operations whose result decides, on the CPU, how things go on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.overloadpacket in WAITING:
            self.seen.append(str(function))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "build",
    [
        lambda: AFTLoss(5, WIDTHS),
        lambda: AFTLoss(5, WIDTHS, weights="identity"),
        lambda: AFTLoss(5, WIDTHS, weights="dense"),
        lambda: AFTLoss(5, WIDTHS, kernel="rbf"),
        lambda: AFTWithoutKernel(5, WIDTHS),
        lambda: turned(),
        lambda: Standardized(AFTLoss(5, WIDTHS), ONES, std=ONES),
        lambda: AFTLoss(5, WIDTHS, memory=12),
    ],
    ids=["diagonal", "identity", "dense", "rbf", "no kernel", "turned", "standardized", "memory"],
)
def test_no_step_waits_for_the_device(build):
    torch.manual_seed(0)
    regularizer = build()
    objective = Objective(nn.CrossEntropyLoss(), regularizer, beta=3.0)
    body, head = nn.Linear(4, 5), nn.Linear(5, 2)
    learned = [p for part in (body, head, objective) for p in part.parameters()]
    optimizer = torch.optim.Adam(learned, fused=True)
    inputs, labels = torch.randn(8, 4), torch.arange(8) % 2
    teacher = {name: torch.randn(8, width).half() for name, width in WIDTHS.items()}
    before = [p.detach().clone() for p in learned]
    with Waits() as waits:
        for _ in range(2):
            features = body(inputs)
            terms = objective(head(features), labels, features, teacher)
            terms.total.backward()
            optimizer.step()
            optimizer.zero_grad()
    assert waits.seen == []
    assert all((p != old).any() for p, old in zip(learned, before, strict=True))


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x.item(),
        lambda x: bool(x > 0),
        lambda x: x[x > 0],
        lambda x: torch.equal(x, x + 1),
    ],
)
def test_the_spy_sees_what_waits_also_in_a_backward(ask):
    def hook(gradient):
        ask(gradient)

    with Waits() as waits:
        ask(torch.ones(()))
    assert waits.seen
    doubled = torch.ones((), requires_grad=True) * 2
    doubled.register_hook(hook)
    with Waits() as waits:
        doubled.backward()
    assert waits.seen


@pytest.mark.parametrize(
    ("loss", "labels"),
    [
        (CrossEntropy(label_smoothing=0.1), torch.tensor([0, -100, 1])),
        (
            BinaryCrossEntropy(),
            torch.tensor([[1.0, torch.nan], [0.0, 0.0], [torch.nan, torch.nan]]),
        ),
        (SquaredError(TargetScaling((1.0, 2.0), (3.0, 4.0))), torch.tensor([[1.0, torch.nan]] * 3)),
    ],
    ids=["classes", "labels", "targets"],
)
@pytest.mark.parametrize("soft", [False, True])
def test_no_tasks_loss_waits_for_the_device(loss, labels, soft):
    outputs, taught = torch.randn(3, 2, requires_grad=True), torch.randn(3, 2)
    with Waits() as waits:
        value = SoftLabels(loss=loss)(outputs, labels, taught) if soft else loss(outputs, labels)
        right_rows(outputs, labels)
        value.backward()
    assert waits.seen == []
    assert outputs.grad.isfinite().all()
