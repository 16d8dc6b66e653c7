"""BatchNorm statistics that have not settled: a student that is not used as it was trained."""

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from on_metal import MPS, Metal
from small_run import CLASSES, ROWS, batches, pixels_and_labels, small_student
from torch.nn import functional as F

from tutelage.tasks import SingleLabel
from tutelage.training.settled import batch_norm_losses

TASK = SingleLabel.numbered(CLASSES)


@pytest.fixture
def accelerator():
    AcceleratorState._reset_state(reset_partial_state=True)  # of tests before
    return Accelerator(cpu=True)


@pytest.fixture
def fitted():
    """A function that fits the small student; with a momentum of 0.001 its statistics lag behind."""

    def fit(momentum):
        student = small_student()
        model, norm = student.model, student.model[2]
        norm.momentum = momentum
        images, labels = pixels_and_labels()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        model.train()
        for _ in range(60):
            optimizer.zero_grad()
            F.cross_entropy(student.outputs({"image": images}), labels).backward()
            student.tap.take()
            optimizer.step()
        return student

    return fit


def measured(student, accelerator, rows=range(ROWS)):
    return batch_norm_losses(student, batches(), rows=rows, task=TASK, accelerator=accelerator)


def test_statistics_that_lag_behind_are_told(fitted, accelerator):
    student = fitted(0.001)
    before = {name: value.clone() for name, value in student.model.state_dict().items()}
    losses = measured(student, accelerator)
    assert losses.unsettled
    assert losses.words(60).endswith("train for more than 60 steps, or lower train.lr")
    images, labels = pixels_and_labels()
    for training, loss in ((False, losses.running), (True, losses.batch)):
        with torch.no_grad():
            outputs = student.model.train(training)(images.float() / 255)
        assert F.cross_entropy(outputs, labels).item() == pytest.approx(loss, rel=1e-4)
        if not training:
            after = student.model.state_dict()
            assert all(torch.equal(after[name], value) for name, value in before.items())
    assert losses.chance == pytest.approx(torch.tensor(CLASSES).log().item())


def test_settled_statistics_are_not(fitted, accelerator):
    losses = measured(fitted(0.1), accelerator)
    assert losses is not None
    assert not losses.unsettled


def test_without_batch_norm_or_rows_there_is_nothing_to_measure(fitted, accelerator):
    student = fitted(0.1)
    assert measured(student, accelerator, rows=[3]) is None
    student.model[2] = torch.nn.Identity()
    assert measured(student, accelerator) is None


def test_frozen_norms_are_used_as_they_were_trained(fitted, accelerator):
    student = fitted(0.001)
    student.model[2].requires_grad_(False)
    assert measured(student, accelerator) is None


def test_a_device_without_float64_suffices(fitted, accelerator):
    class OnMetal(Accelerator):
        device = MPS

    student = fitted(0.1)
    with Metal():
        found = measured(student, OnMetal(cpu=True))
    expected = measured(student, accelerator)
    assert found.running == pytest.approx(expected.running, rel=1e-5)
    assert found.batch == pytest.approx(expected.batch, rel=1e-5)
