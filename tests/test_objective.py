"""The objective: task plus strength times transfer."""

import pytest
import torch
from torch import Tensor, nn

from tutelage import AFTLoss, Objective, Regularizer
from tutelage.tasks.soft_labels import SoftLabels


class Gap(Regularizer):
    def compare(self, student: Tensor, teacher: Tensor) -> Tensor:
        return student.sum() - teacher.sum()


def test_total_is_task_plus_beta_times_transfer_and_so_are_gradients():
    objective = Objective(nn.CrossEntropyLoss(), Gap(3, [2]), beta=4.0)
    outputs = torch.zeros(2, 5, requires_grad=True)
    student, teacher = torch.ones(2, 3, requires_grad=True), torch.ones(2, 2)
    terms = objective(outputs, torch.tensor([0, 3]), student, teacher)
    assert terms.task.item() == pytest.approx(torch.tensor(5.0).log().item())
    assert terms.transfer.item() == 2
    assert terms.total.item() == pytest.approx(terms.task.item() + 8)
    terms.total.backward()
    assert torch.equal(student.grad, torch.full((2, 3), 4.0))
    assert outputs.grad[0].tolist() == pytest.approx([-0.4, 0.1, 0.1, 0.1, 0.1])


def test_soft_labels_reach_a_task_that_takes_them():
    objective = Objective(SoftLabels(mix=1.0), Gap(3, [2]), beta=0.0)
    labels, soft = torch.tensor([0, 0]), torch.tensor([[0.0, 50.0], [50.0, 0.0]])
    outputs = torch.tensor([[0.0, 50.0], [50.0, 0.0]])
    terms = objective(outputs, labels, torch.ones(2, 3), torch.ones(2, 2), soft=soft)
    assert terms.total.item() == pytest.approx(0, abs=1e-6)


def test_a_new_transfer_term_can_be_combined():
    objective = Objective(nn.CrossEntropyLoss(), Gap(3, [2]), beta=0.5)
    terms = objective.combined(torch.tensor(1.0), torch.tensor(4.0))
    assert (terms.total.item(), terms.task.item(), terms.transfer.item()) == (3, 1, 4)


def test_its_parameters_are_those_of_the_regularizer():
    objective = Objective(nn.CrossEntropyLoss(), AFTLoss(3, {"dino": 2}), beta=1.0)
    assert [name for name, _ in objective.named_parameters()] == ["regularizer.weights.scores"]
    assert repr(objective).startswith("Objective(\n  beta=1\n")


@pytest.mark.parametrize("beta", [-1.0, float("nan"), float("inf")])
def test_a_strength_that_is_none_is_refused(beta):
    with pytest.raises(ValueError, match="beta must be a finite number from 0 up"):
        Objective(nn.CrossEntropyLoss(), Gap(3, [2]), beta=beta)
