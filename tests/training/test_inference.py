"""Outputs, features and metrics of a student in evaluation mode, against plain calls of its model."""

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from small_run import CLASSES, HIDDEN, ROWS, batches, pixels_and_labels, small_student
from torch.nn import functional as F

from tutelage.errors import DivergedError
from tutelage.tasks import UNLABELLED, SingleLabel
from tutelage.training.inference import evaluate, forward_pass, represent

TASK = SingleLabel.numbered(CLASSES)


@pytest.fixture
def student():
    student = small_student()
    model = student.model
    model.train()(torch.rand(8, 3, 4, 4))  # running statistics that differ from a batch's
    return student


@pytest.fixture
def accelerator():
    AcceleratorState._reset_state(reset_partial_state=True)  # of tests before
    return Accelerator(cpu=True)


def expected(student):
    images, labels = pixels_and_labels()
    student.model.eval()
    with torch.no_grad():
        features = student.model[:4](images.float() / 255)
        return features, student.model[4](features), labels


@pytest.mark.parametrize("batch_size", [1, 7, ROWS, 100])
def test_all_rows_in_order_whatever_the_batch(student, accelerator, batch_size):
    features, outputs, _ = expected(student)
    student.model.train()
    seen = list(forward_pass(student, batches(), batch_size=batch_size, accelerator=accelerator))
    assert [row for one in seen for row in range(ROWS)[one.rows]] == list(range(ROWS))
    assert torch.allclose(torch.cat([one.outputs for one in seen]), outputs, atol=1e-6)
    assert torch.allclose(torch.cat([one.features for one in seen]), features, atol=1e-6)
    assert not student.model.training
    assert not any(one.outputs.requires_grad for one in seen)


def test_some_rows_are_measured_alone(student, accelerator):
    _, outputs, labels = expected(student)
    rows = [3, 4, 11, 19]
    found = evaluate(
        student, batches(), rows=rows, task=TASK, batch_size=3, accelerator=accelerator
    ).metrics
    right = (outputs[rows].argmax(dim=1) == labels[rows]).float().mean().item()
    assert found["accuracy"] == pytest.approx(right)
    assert found["loss"] == pytest.approx(F.cross_entropy(outputs[rows], labels[rows]).item())


def test_features_of_all_rows(student, accelerator):
    features, _, _ = expected(student)
    found = represent(student, batches(), batch_size=7, accelerator=accelerator)
    assert found.shape == (ROWS, HIDDEN)
    assert (found.dtype, found.device.type) == (torch.float32, "cpu")
    assert torch.allclose(found, features, atol=1e-6)


def test_metrics_and_loss(student, accelerator):
    _, outputs, labels = expected(student)
    found = evaluate(student, batches(), task=TASK, batch_size=7, accelerator=accelerator).metrics
    right = sum(int(row.argmax() == label) for row, label in zip(outputs, labels, strict=True))
    assert found["accuracy"] == pytest.approx(right / ROWS)
    assert found["loss"] == pytest.approx(F.cross_entropy(outputs, labels).item(), rel=1e-5)


def test_outputs_are_those_of_all_rows(student, accelerator):
    _, outputs, labels = expected(student)
    labels = labels.index_fill(0, torch.tensor([2]), UNLABELLED)
    found = evaluate(student, batches(labels), task=TASK, batch_size=7, accelerator=accelerator)
    assert torch.allclose(found.outputs, outputs, atol=1e-6)


def test_rows_without_a_label_do_not_count(student, accelerator):
    _, outputs, labels = expected(student)
    some = labels.clone()
    some[::3] = UNLABELLED
    found = evaluate(
        student, batches(some), task=TASK, batch_size=7, accelerator=accelerator
    ).metrics
    known = some != UNLABELLED
    loss = F.cross_entropy(outputs[known], labels[known]).item()
    assert found["loss"] == pytest.approx(loss, rel=1e-5)


def test_outputs_that_are_no_numbers_are_refused_with_advice(student, accelerator):
    with torch.no_grad():
        student.model[4].bias[0] = torch.nan
    with pytest.raises(DivergedError, match=r"lower train\.lr or transfer\.beta"):
        evaluate(student, batches(), task=TASK, batch_size=7, accelerator=accelerator)
