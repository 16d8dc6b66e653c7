"""Guarded custom regularizers name the user's code, and forward the contract."""

import pytest
import torch
from torch import nn

from tutelage.errors import ConfigError, TrainingError
from tutelage.experiment.guarded import Guarded
from tutelage.regularizers import KD, AFTLoss, Regularizer, Standardized

DINO = {"dino": 3}


class Failing(Regularizer):
    def compare(self, student, teacher):
        raise KeyError("clip")


class PerRow(Regularizer):
    def compare(self, student, teacher):
        return student.mean(dim=1)


class FailsToPrepare(Regularizer):
    def prepare(self, evidence):
        raise ZeroDivisionError


@pytest.mark.usefixtures("unchecked")
def test_errors_name_the_code_and_its_line():
    guarded = Guarded(Failing(4, DINO), path=f"{__name__}:Failing")
    with pytest.raises(TrainingError, match=r":Failing raises KeyError: 'clip'"):
        guarded(torch.ones(2, 4), {"dino": torch.ones(2, 3)})
    with pytest.raises(TrainingError, match=":FailsToPrepare raises ZeroDivisionError"):
        Guarded(FailsToPrepare(4, DINO), path="mine:FailsToPrepare").prepare(None)


@pytest.mark.usefixtures("unchecked")
def test_a_loss_must_be_a_scalar():
    with pytest.raises(
        TrainingError, match=r"mine:PerRow raises TypeError: PerRow.compare gave \(2,\)"
    ):
        Guarded(PerRow(4, DINO), path="mine:PerRow")(torch.ones(2, 4), torch.ones(2, 3))


def test_what_is_no_regularizer_is_refused():
    with pytest.raises(ConfigError, match="mine:make gives a Linear, which is no regularizer"):
        Guarded(nn.Linear(4, 3), path="mine:make")


def test_a_guarded_method_is_as_the_method_also_when_standardized():
    torch.manual_seed(0)
    inner = AFTLoss(4, DINO, inner_steps=2)
    statistics = {"dino": torch.ones(3)}
    wrapped = Standardized(Guarded(inner, path="mine:AFT"), statistics, std=statistics)
    student, teacher = torch.randn(5, 4), {"dino": torch.randn(5, 3)}
    expected = Standardized(inner, statistics, std=statistics)(student, teacher)
    assert torch.equal(wrapped(student, teacher), expected)
    assert wrapped.inner_steps == 2
    assert torch.equal(wrapped.column_weights()["dino"], torch.full((3,), 0.5))
    assert Guarded(KD(4, DINO), path="mine:KD").column_weights() == {}
