"""Optimizers of a run: who is trained at which rate, and the learning rate of each step."""

import math

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from tutelage import AFTLoss, Objective
from tutelage.config import TrainConfig
from tutelage.regularizers import KD, AFTWithoutKernel, FactorTransfer, Standardized
from tutelage.regularizers.none import NoTransfer
from tutelage.training.optimizers import Optimizers, learning_rate


def optimizers(
    regularizer: nn.Module,
    student: nn.Module | None = None,
    transfer_lr: float | None = 0.01,
    **train: object,
):
    settings = TrainConfig(steps=10, lr=0.1, weight_decay=0.5, **train)
    student = nn.Linear(3, 2) if student is None else student
    return Optimizers.of(student, regularizer, settings=settings, transfer_lr=transfer_lr)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_the_regularizers_parameters_have_their_own_rate_and_no_decay(name):
    main = optimizers(AFTLoss(3, [4]), optimizer=name).main
    assert type(main).__name__.lower() == name
    assert [(group["lr"], group["weight_decay"]) for group in main.param_groups] == [
        (0.1, 0.5),
        (0.01, 0.0),
    ]


@pytest.mark.parametrize(
    ("method", "own"),
    [(AFTLoss, 0.01), (AFTWithoutKernel, 0.01), (KD, 0.1), (FactorTransfer, 0.1)],
)
def test_weights_of_columns_have_the_rate_of_aft_and_layers_that_of_the_student(method, own):
    term = method(3, {"dino": 4, "clip": 2})
    nothing = {name: torch.zeros(width) for name, width in term.teachers.by_name.items()}
    for regularizer in (term, Standardized(term, nothing, std=nothing)):
        for rate, expected in ((None, own), (0.5, 0.5)):
            groups = optimizers(regularizer, transfer_lr=rate).main.param_groups
            assert [group["lr"] for group in groups] == [0.1, expected]


def test_without_own_parameters_there_is_one_group():
    made = optimizers(NoTransfer(3, [4]))
    assert len(made.main.param_groups) == 1
    assert list(made.by_name) == ["main"]


def test_frozen_parameters_are_left_out():
    student = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    student[0].requires_grad_(False)
    trained = optimizers(NoTransfer(2, [4]), student).main.param_groups[0]["params"]
    assert {id(p) for p in trained} == {id(p) for p in student[1].parameters()}


def test_bi_level_methods_have_an_optimizer_of_their_own():
    regularizer = AFTLoss(3, [4], inner_steps=2)
    made = optimizers(regularizer)
    assert len(made.main.param_groups) == 1
    assert list(made.by_name) == ["main", "inner"]
    own = [p for group in made.inner.param_groups for p in group["params"]]
    assert {id(p) for p in own} == {id(p) for p in regularizer.parameters()}


def test_inner_updates_are_steps_of_adam_on_the_regularizer_alone():
    torch.manual_seed(0)
    features, teacher = torch.randn(6, 3, requires_grad=True), torch.randn(6, 4)
    columns = {"teacher0": teacher}
    regularizer = AFTLoss(3, columns_of(columns), inner_steps=3)
    expected = AFTLoss(3, columns_of(columns))
    value = optimizers(regularizer).inner_updates(
        Objective(nn.MSELoss(), regularizer, beta=1.0),
        features,
        columns,
        accelerator=Accelerator(cpu=True),
    )
    adam = torch.optim.Adam(expected.parameters(), lr=0.01)
    for _ in range(3):
        adam.zero_grad()
        expected(features.detach(), columns).backward()
        adam.step()
    for left, right in zip(regularizer.parameters(), expected.parameters(), strict=True):
        assert torch.equal(left, right)
        assert left.grad is None
    assert torch.equal(value, expected(features, columns))
    assert features.grad is None, "the student is held"
    value.backward()
    assert features.grad is not None, "the new value trains the student"


def columns_of(features: dict[str, torch.Tensor]) -> dict[str, int]:
    return {name: tensor.shape[1] for name, tensor in features.items()}


@pytest.mark.parametrize("warmup", [0, 1, 5])
def test_warm_up_is_linear_and_then_half_a_cosine(warmup):
    share = learning_rate(TrainConfig(steps=25, warmup=warmup))
    for step in range(warmup):
        assert share(step) == pytest.approx((step + 1) / warmup)
    for step in range(warmup, 26):
        angle = math.pi * (step - warmup) / (25 - warmup)
        assert share(step) == pytest.approx((1 + math.cos(angle)) / 2)
    assert share(30) == pytest.approx(0), "and stays there"


def test_a_constant_rate_stays_after_warm_up():
    share = learning_rate(TrainConfig(steps=9, warmup=2, schedule="constant"))
    assert [share(step) for step in range(5)] == [0.5, 1.0, 1.0, 1.0, 1.0]
