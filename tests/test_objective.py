"""The objective: task plus strength times transfer."""

import pytest
import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SequenceClassifierOutput

from tutelage import AFTLoss, Objective, Regularizer
from tutelage.regularizers import KD
from tutelage.tasks.soft_labels import SoftLabels

FEATURES = torch.ones(2, 3), torch.ones(2, 2)


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
    told = repr(objective)
    assert told.startswith("Objective(\n  beta=1\n  (outputs, labels, student, teacher) -> (total,")
    assert "student: [batch, 3], teacher: {'dino': [batch, 2]}" in told


def test_parameter_groups_hold_each_parameter_once_at_its_rate():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    model[0].bias.requires_grad_(False)
    objective = model.objective = Objective(nn.CrossEntropyLoss(), AFTLoss(3, [2]), beta=1.0)
    student = [model[0].weight, model[1].weight, model[1].bias]
    for lr, expected in ((None, 1e-2), (1e-3, 1e-3), (0.0, 0.0)):
        first, second = torch.optim.AdamW(
            objective.parameter_groups(model, transfer_lr=lr), lr=1e-4, weight_decay=0.1
        ).param_groups
        assert [p is q for p, q in zip(first["params"], student, strict=True)] == [True] * 3
        assert second["params"][0] is objective.regularizer.weights.scores
        assert (first["lr"], first["weight_decay"]) == (1e-4, 0.1)
        assert (second["lr"], second["weight_decay"]) == (expected, 0)
    layers = Objective(nn.CrossEntropyLoss(), KD(3, [2]), beta=1.0).parameter_groups(model)
    assert [group["lr"] for group in torch.optim.SGD(layers, lr=0.5).param_groups] == [0.5, 0.5]
    without = AFTLoss(3, [2], weights="identity")
    assert len(Objective(nn.CrossEntropyLoss(), without, beta=1.0).parameter_groups(model)) == 1
    bilevel = Objective(nn.CrossEntropyLoss(), AFTLoss(3, [2], inner_steps=2), beta=1.0)
    with pytest.raises(ValueError, match="an optimizer of their own"):
        bilevel.parameter_groups(model)


def test_parameters_of_the_tasks_loss_learn_as_the_student_does():
    class Centers(nn.Module):
        def __init__(self, head: nn.Linear) -> None:
            super().__init__()
            self.centers, self.head = nn.Parameter(torch.zeros(2)), head

    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    task = Centers(model[1])  # which knows a layer of the student, too
    objective = Objective(task, AFTLoss(3, [2]), beta=1.0)
    student, weights = (group["params"] for group in objective.parameter_groups(model))
    assert set(student) == {*model.parameters(), task.centers}
    assert len(student) == 5
    assert weights == [objective.regularizer.weights.scores]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda o: o(torch.zeros(2).long(), torch.ones(2, 5), *FEATURES),
            "got outputs of torch.int64",
        ),
        (
            lambda o: o(SequenceClassifierOutput(logits=torch.ones(2, 5)), None, *FEATURES),
            r"\.logits",
        ),
        (lambda o: o(torch.ones(2, 5), torch.zeros(2).long(), *FEATURES[::-1]), r"got \(2, 2\)"),
        (lambda _: Objective(AFTLoss(3, [2]), nn.CrossEntropyLoss(), beta=1.0), "as the task"),
        (
            lambda _: Objective(nn.CrossEntropyLoss(), AFTLoss(3, [2]), beta="1"),
            "a number, got '1'",
        ),
    ],
    ids=["outputs", "logits", "features", "parts", "beta"],
)
def test_arguments_in_another_order_or_form_are_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(Objective(nn.CrossEntropyLoss(), Gap(3, [2]), beta=1.0))


@pytest.mark.usefixtures("unchecked")
def test_a_loss_a_row_is_refused():
    objective = Objective(nn.CrossEntropyLoss(reduction="none"), Gap(3, [2]), beta=1.0)
    with pytest.raises(ValueError, match=r"shape \(2,\), not one number .* reduction='mean'"):
        objective(torch.ones(2, 5), torch.zeros(2).long(), *FEATURES)


@pytest.mark.parametrize("beta", [-1.0, float("nan"), float("inf")])
def test_a_strength_that_is_none_is_refused(beta):
    with pytest.raises(ValueError, match="beta must be a finite number from 0 up"):
        Objective(nn.CrossEntropyLoss(), Gap(3, [2]), beta=beta)


def test_features_without_gradient_of_a_student_that_trains_are_told_once():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    inputs, labels, teacher = torch.randn(4, 4), torch.tensor([0, 1, 1, 0]), torch.randn(4, 2)

    def step(objective: Objective, features: torch.Tensor) -> None:
        objective(model(inputs), labels, features, teacher).total.backward()

    with torch.no_grad():
        apart = model[:2](inputs)
    objective = Objective(nn.CrossEntropyLoss(), AFTLoss(3, [2]), beta=1.0)
    with pytest.warns(UserWarning, match="no gradient, so that nothing is transferred"):
        step(objective, apart)
    step(objective, apart)
    step(Objective(nn.CrossEntropyLoss(), AFTLoss(3, [2]), beta=0.0), apart)
    step(Objective(nn.CrossEntropyLoss(), AFTLoss(3, [2]), beta=1.0), model[:2](inputs))
    with torch.no_grad():
        objective = Objective(nn.CrossEntropyLoss(), AFTLoss(3, [2]), beta=1.0)
        objective(model(inputs), labels, apart, teacher)
    model[0].requires_grad_(False)  # a head on fixed features, which is trained on purpose
    step(objective, model[:2](inputs))
