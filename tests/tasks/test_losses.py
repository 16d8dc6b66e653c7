"""Losses of separate outputs with labels that are not known, and class weights by name."""

import pytest
import torch
from torch import nn

from tutelage.errors import ConfigError
from tutelage.tasks.losses import PerOutputLoss, weights_by_name


class Squared(PerOutputLoss):
    def each(self, outputs, labels):
        return (outputs - labels).square()


NAN = float("nan")


def test_labels_that_are_not_known_count_nowhere():
    outputs = torch.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    labels = torch.tensor([[0.0, NAN], [1.0, 2.0]])
    loss = Squared()(outputs, labels)
    loss.backward()
    assert loss.item() == pytest.approx((1 + 4 + 9) / 3)
    assert outputs.grad.tolist() == [[pytest.approx(2 / 3), 0.0], [pytest.approx(4 / 3), 2.0]]


def test_a_row_without_any_label_has_loss_zero():
    rows = Squared().rows(torch.ones(2, 2), torch.tensor([[NAN, NAN], [3.0, NAN]]))
    assert rows.tolist() == [0.0, 4.0]


def test_the_mean_is_computed_in_float32():
    outputs = torch.full((1, 3), 300.0, dtype=torch.float16)
    assert Squared()(outputs, torch.zeros(1, 3)).item() == 90_000  # above the largest of float16


def test_weights_are_one_where_no_name_is_given():
    assert weights_by_name({"b": 2.5}, ("a", "b", "c")).tolist() == [1.0, 2.5, 1.0]


def test_a_weight_of_no_class_is_refused():
    with pytest.raises(ConfigError, match=r"'catt', which is no class.*did you mean 'cat'"):
        weights_by_name({"catt": 2.0}, ("cat", "dog"))


def test_a_loss_must_be_defined():
    assert isinstance(Squared(), nn.Module)
    with pytest.raises(NotImplementedError, match=r"PerOutputLoss must define each\("):
        PerOutputLoss()(torch.ones(1, 1), torch.ones(1, 1))
