"""Parameters of a regularizer that the optimizer was not given are told, once."""

import copy
import pickle
import warnings

import pytest
import torch
from torch import nn

from tutelage import AFTLoss, FeatureTap, Objective, Standardized
from tutelage.regularizers import KD, EachModality, NoTransfer, ProductAFT


def train(regularizer, *, given, steps=6, accumulate=1, teacher=None, compiled=False):
    """Train a small student; the warnings that were given."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    tap = FeatureTap(model)
    objective = Objective(nn.CrossEntropyLoss(), regularizer, beta=1.0)
    groups = objective.parameter_groups(model)[: 2 if given else 1]
    optimizer = torch.optim.AdamW(groups, lr=1e-2)
    run = torch.compile(model, backend="aot_eager") if compiled else model
    inputs, labels = torch.randn(8, 4), torch.arange(8) % 2
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for step in range(steps):
            outputs = run(inputs)
            objective(outputs, labels, tap.take(), teacher or torch.randn(8, 3)).total.backward()
            with torch.no_grad():  # an evaluation in between
                model(inputs)
                objective(outputs, labels, tap.take(), teacher or torch.randn(8, 3))
            if (step + 1) % accumulate == 0:
                optimizer.step()
                optimizer.zero_grad()
    return [str(warning.message) for warning in told if warning.category is UserWarning]


def two_modalities(make):
    widths = {"image": 4, "text": 2}, {"a": 2, "b": 1}
    return make(*widths, modalities={"a": "image", "b": "text"})


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: AFTLoss(6, [3]), "AFTLoss"),
        (lambda: KD(6, [3]), "KD"),
        (
            lambda: Standardized(
                AFTLoss(6, {"a": 3}), {"a": torch.zeros(3)}, std={"a": torch.ones(3)}
            ),
            "AFTLoss",
        ),
        (lambda: two_modalities(ProductAFT), "ProductAFT"),
    ],
    ids=["aft", "kd", "standardized", "product"],
)
def test_the_warning_comes_once_and_says_what_to_do(build, named, given):
    regularizer = build()
    by_name = isinstance(regularizer, Standardized)
    teacher = {"a": torch.randn(8, 3)} if by_name else None
    if isinstance(regularizer, ProductAFT):
        teacher = {"a": torch.randn(8, 2), "b": torch.randn(8, 1)}
    told = train(regularizer, given=given, teacher=teacher, steps=8)
    assert len(told) == (0 if given else 1)
    assert given or (named in told[0] and "objective.parameter_groups(model)" in told[0])


def test_each_modality_is_told():
    method = two_modalities(lambda *widths, **which: EachModality(KD, *widths, **which))
    teacher = {"a": torch.randn(8, 2), "b": torch.randn(8, 1)}
    assert len(train(method, given=False, teacher=teacher)) == 2
    assert train(method, given=True, teacher=teacher) == []


def test_accumulated_gradients_frozen_weights_and_short_runs_are_not_taken_for_it():
    assert train(AFTLoss(6, [3]), given=True, steps=20, accumulate=5) == []
    assert train(AFTLoss(6, [3]).requires_grad_(False), given=False) == []
    assert train(AFTLoss(6, [3], weights="identity"), given=False) == []
    assert train(NoTransfer(6, [3]), given=False) == []
    assert train(AFTLoss(6, [3]), given=False, steps=2) == []


def test_a_compiled_student_is_looked_at_too():
    torch.compiler.reset()
    assert len(train(AFTLoss(6, [3]), given=False, compiled=True)) == 1


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))]
)
def test_a_copy_looks_at_its_own_parameters(copied):
    regularizer = AFTLoss(6, [3])
    train(regularizer, given=True)
    assert len(train(copied(regularizer), given=False)) == 1
